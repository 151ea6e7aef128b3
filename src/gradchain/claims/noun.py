"""A claim: a sentence that notes commonly make, with its verdict and what stands behind it.

Which question it answers: may I print this sentence? A `Claim` checks itself when it is built. Its
texts hold `{key}` where a number stands, and `[[...]]` around a clause that is said only once the
claim's evidence is there; nothing is typed by hand. Standard library only.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from gradchain._errors import RegistryError
from gradchain._text import shorten
from gradchain.claims.evidence import Support
from gradchain.registry.grammar import KEY, UNPRINTABLE

VERDICTS = ("holds", "holds if", "misleading", "false")
ID = re.compile(r"C[0-9]{2,}")
PLACE = re.compile(r"\{([^{}]*)\}")
CLAUSE = re.compile(r"\[\[(.*?)\]\]")
_TEXTS = ("sentence", "verdict", "condition", "say_instead")
_THEOREM = re.compile(r"T[0-9]{2}[a-z]?")
_TEST = re.compile(r"(?:tests|peers)/[a-z0-9_/]+\.py::test_[a-z0-9_]+")
# A numeral with a point or an exponent is a result; counts and settings are whole numbers.
_BY_HAND = re.compile(r"\d\.\d|\d[eE][+-]?\d")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence of the notes, examined.

    `condition` says when it holds, or gives the counterexample; `say_instead` may be printed as it
    is. `supports` are checks on the registry, `theorems` ids of proofs/README.md, `tests` as
    `path::name`. `pending` names evidence that does not exist yet: while it stands there, the verdict
    is provisional, the checks are not asked and clauses in `[[...]]` are left out. `topic` is the
    heading under which the claim stands.

    Raises:
        RegistryError: a field is missing or malformed; the text names the claim and the field.
    """

    id: str
    topic: str
    sentence: str
    verdict: str
    condition: str
    say_instead: str
    supports: tuple[Support, ...] = ()
    theorems: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    pending: str = ""

    def __post_init__(self) -> None:
        """Refuse a claim that could not be printed or checked."""
        if not ID.fullmatch(self.id):
            refuse(self.id, "id", "expected C and at least two digits")
        for name in (*_TEXTS, "topic", "pending"):
            text = getattr(self, name)
            if not text.strip() and name != "pending":
                refuse(self.id, name, "is empty")
            if UNPRINTABLE.search(text):
                refuse(self.id, name, "holds a character that does not print")
        if self.verdict not in VERDICTS:
            expected = ", ".join(VERDICTS)
            refuse(self.id, "verdict", f"got {shorten(self.verdict)}, expected {expected}")
        self._check_texts()
        for theorem in self.theorems:
            if not _THEOREM.fullmatch(theorem):
                refuse(self.id, "theorems", f"got {shorten(theorem)}, expected an id such as T01b")
        for test in self.tests:
            if not _TEST.fullmatch(test):
                refuse(self.id, "tests", f"got {shorten(test)}, expected tests/file.py::test_name")
        if not (self.supports or self.tests or self.pending):
            refuse(self.id, "supports", "no evidence; give checks or tests, or say what is pending")

    def _check_texts(self) -> None:
        """Refuse braces without a key, a result typed by hand, and a number without evidence."""
        if PLACE.search(self.sentence) or CLAUSE.search(self.sentence):
            refuse(self.id, "sentence", "is what the notes say; it holds no key and no clause")
        for name in ("condition", "say_instead"):
            text = getattr(self, name)
            for key in PLACE.findall(text):
                if not KEY.fullmatch(key):
                    refuse(self.id, name, f"{{{shorten(key)}}} is not a key")
            found = _BY_HAND.search(PLACE.sub("", text))
            if found:
                refuse(self.id, name, f"holds {found[0]!r} typed by hand; cite a {{key}} instead")
            if self.pending and PLACE.search(CLAUSE.sub("", text)):
                refuse(self.id, name, "the claim is pending: put its numbers into [[...]]")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The keys of the claim's checks and texts, each once, whether or not they exist yet."""
        found = [key for support in self.supports for key in support.keys]
        found += PLACE.findall(self.condition + self.say_instead)
        return tuple(dict.fromkeys(found))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The keys of the numbers behind the claim; none while its evidence is pending."""
        return () if self.pending else self.wanted

    def text(self, name: str) -> str:
        """Return a text with its clauses in or out, keys still in braces.

        Args:
            name: `condition` or `say_instead`.

        Returns:
            One line.
        """
        return CLAUSE.sub("" if self.pending else r"\1", getattr(self, name))


def refuse(claim: str, field: str, sentence: str) -> NoReturn:
    """Raise the error of a bad claim.

    Args:
        claim: its id.
        field: the field at fault.
        sentence: what was got and what was expected.

    Raises:
        RegistryError: always.
    """
    raise RegistryError(f"claim {shorten(claim) if claim else '?'}: {field}: {sentence}")


def check_together(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Sort claims and refuse gaps: ids are only ever appended.

    Args:
        claims: the claims.

    Returns:
        The claims by number.

    Raises:
        RegistryError: an id stands twice or is missing.
    """
    found = sorted(claims, key=lambda claim: int(claim.id[1:]))
    for place, claim in enumerate(found, 1):
        if claim.id != f"C{place:02d}":
            refuse(claim.id, "id", f"stands where C{place:02d} is expected; ids run without gaps")
    return tuple(found)
