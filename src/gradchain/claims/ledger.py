"""The packaged claims, read once, and how a reader finds one.

Which question it answers: which claims are there, and which does this id or these words mean? The
ledger is a few TOML files, one a topic, so that a claim is changed in one place. Cost: some 20 ms.
"""

import functools
import pkgutil
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain._text import shorten
from gradchain.claims.evidence import Support
from gradchain.claims.noun import Claim, check_together, refuse
from gradchain.registry.record import Number
from gradchain.registry.search import fold

FILES = (
    "derivatives", "products", "noticing", "remedies", "recurrent", "causes", "practice", "theory",
)  # fmt: skip
_LISTS = ("supports", "theorems", "tests")
_FIELDS = {field.name for field in fields(Claim)} - {"topic"}
_NUMBER = re.compile(r"[cC]([0-9]{1,6})")


@functools.cache
def load() -> tuple[Claim, ...]:
    """Return the claims that came with gradchain, by id.

    Returns:
        All claims.

    Raises:
        RegistryError: a file is missing or damaged.

    Example:
        >>> load()[0].id, load()[0].verdict
        ('C01', 'holds')
    """
    return check_together(claim for name in FILES for claim in read(name, _packaged(name)))


def _packaged(name: str) -> bytes:
    """Return a file of the folder `data`, also when gradchain runs from a zip file.

    Raises:
        RegistryError: the file is not there.
    """
    try:
        data = pkgutil.get_data("gradchain.claims", f"data/{name}.toml")
    except OSError:
        data = None
    if data is None:
        raise RegistryError(f"the file {name}.toml of the claims is missing; reinstall gradchain")
    return data


def read(name: str, data: bytes) -> list[Claim]:
    """Read one file of claims.

    Args:
        name: its name, for messages.
        data: TOML with a `topic` and tables `[[claim]]`.

    Returns:
        Its claims.

    Raises:
        RegistryError: not such a file, or a bad claim.
    """
    try:
        tree = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RegistryError(f"{name}.toml: not TOML: {error}") from error
    if set(tree) != {"topic", "claim"}:
        raise RegistryError(f"{name}.toml: expected a topic and tables [[claim]]")
    return [_claim(str(tree["topic"]), record) for record in tree["claim"]]


def _claim(topic: str, record: dict[str, object]) -> Claim:
    """Build a claim from its table."""
    label = str(record.get("id", ""))
    unknown, missing = set(record) - _FIELDS, _FIELDS - set(record) - {*_LISTS, "pending"}
    if unknown or missing:
        name = min(unknown or missing)
        refuse(label, shorten(name), "is an unknown field" if unknown else "is missing")
    given: dict[str, object] = {"topic": topic}
    for name, value in record.items():
        wanted = list if name in _LISTS else str
        if not isinstance(value, wanted):
            refuse(label, name, f"got {type(value).__name__}, expected {wanted.__name__}")
        given[name] = tuple(map(str, value)) if isinstance(value, list) else _line(str(value))
    try:
        given["supports"] = tuple(map(Support, record.get("supports", ())))  # type: ignore[arg-type]
    except UsageError as error:
        refuse(label, "supports", str(error))
    return Claim(**given)  # type: ignore[arg-type]


def _line(text: str) -> str:
    """Return text of several lines as one."""
    return " ".join(text.split())


def find(claims: Sequence[Claim], words: Sequence[str]) -> list[Claim]:
    """List the claims that ids name, or that hold all the words.

    Args:
        claims: where to look.
        words: ids such as `C07` (also `c7`), or words; none finds every claim.

    Returns:
        Claims in the order of their ids.

    Raises:
        UnknownKeyError: no claim has such an id; `.nearest` holds the ids next to it.
        UsageError: a word is empty, or no claim holds all the words.

    Example:
        >>> [claim.id for claim in find(load(), ["c1", "C02"])]
        ['C01', 'C02']
    """
    if any(not word.strip() for word in words):
        raise UsageError("cannot search for an empty word; expected an id such as C01, or words")
    asked = [_NUMBER.fullmatch(word.strip()) for word in words]
    if words and all(asked):
        places = {int(found[1]) for found in asked if found}
        _refuse_unknown(claims, sorted(places))
        return [claim for claim in claims if int(claim.id[1:]) in places]
    texts = {claim.id: haystack(claim) for claim in claims}
    found = [
        claim for claim in claims if all(fold(word.strip()) in texts[claim.id] for word in words)
    ]
    if not found:
        raise UsageError(_none(" ".join(words), " ".join(texts.values())))
    return found


def failures(claims: Iterable[Claim], numbers: Mapping[str, Number]) -> list[str]:
    """List what no longer stands behind the claims.

    Args:
        claims: the claims.
        numbers: the registry.

    Returns:
        One sentence for each key that is not in the registry, each check that does not hold, and each
        pending claim whose numbers have all arrived; empty if all is well.

    Example:
        >>> from gradchain.registry.reference import load as numbers
        >>> failures(load(), numbers())
        []
    """
    # A registry looks for the nearest keys of one it does not hold; a set just says no.
    wrong, there = [], set(numbers)
    for claim in claims:
        missing = [key for key in claim.wanted if key not in there]
        if claim.pending:
            if claim.wanted and not missing:
                wrong.append(f"{claim.id}: its numbers are there; delete the line `pending`")
            continue
        wrong += [f"{claim.id}: {key} is not in the registry" for key in missing]
        wrong += [
            f"{claim.id}: {support.text} does not hold"
            for support in claim.supports
            if there.issuperset(support.keys) and not support.holds(numbers)
        ]
    return wrong


def _refuse_unknown(claims: Sequence[Claim], places: Sequence[int]) -> None:
    """Refuse the first number that no claim has.

    Raises:
        UnknownKeyError: naming the claims next to it.
    """
    there = [int(claim.id[1:]) for claim in claims]
    for place in places:
        if place not in there:
            near = sorted(there, key=lambda other, asked=place: (abs(other - asked), other))[:3]
            names = tuple(f"C{other:02d}" for other in near)
            hint = f"nearest: {', '.join(names)}" if names else "there are none"
            raise UnknownKeyError(
                f"unknown claim C{place:02d}; {hint}; all: gradchain claims", names
            )


def haystack(claim: Claim) -> str:
    """Collect everything of a claim that a search looks through.

    Args:
        claim: the claim.

    Returns:
        One folded text.
    """
    parts = (
        claim.id, claim.topic, claim.sentence, claim.verdict, claim.text("condition"),
        claim.text("say_instead"), "evidence pending" if claim.pending else "", claim.pending,
        *claim.numbers, *claim.theorems, *claim.tests,
    )  # fmt: skip
    return fold("\n".join(parts))


def _none(asked: str, texts: str) -> str:
    """Say that nothing was found, with the words of the ledger most like those asked for."""
    from difflib import get_close_matches

    known = sorted(set(re.findall(r"[a-z]{4,}", texts)))
    near = [
        match for word in fold(asked)[:100].split() for match in get_close_matches(word, known, 1)
    ]
    hint = "fewer words find more" if len(asked.split()) > 1 else "all claims: gradchain claims"
    if near:
        hint = f"nearest words: {', '.join(dict.fromkeys(near))}"
    return f"no claim matches {shorten(asked)}; {hint}"
