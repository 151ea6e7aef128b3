"""What `gradchain proof` prints: theorems with the numbers and claims that stand on them."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from gradchain import theorems
from gradchain.claims import load as claims
from gradchain.registry.reference import load as reference
from gradchain.theorems import Theorem


def _found(names: Sequence[str]) -> list[Theorem]:
    """Return the theorems of all names, each once, in the order asked for."""
    return list({item.id: item for name in names for item in theorems.find(name)}.values())


def as_text(names: Sequence[str], width: int) -> str:
    """Write theorems, groups, or the list of groups.

    Args:
        names: ids and groups, or none.
        width: longest line.

    Returns:
        The text.

    Raises:
        UnknownKeyError: there is no such theorem.
    """
    if not any(names):
        rows = [f"{group.id}  {group.title}" for group in theorems.groups().values()]
        return "\n".join([*rows, "", "One of them: gradchain proof T06b"])
    found = _found(names)
    return "\n\n".join(
        theorems.explain(theorem, _numbers(theorem), _claims(theorem), min(max(width, 40), 100))
        for theorem in found
    )


def as_json(names: Sequence[str]) -> str:
    """Write the same as JSON.

    Args:
        names: ids and groups, or none for all.

    Returns:
        A list of objects.

    Raises:
        UnknownKeyError: there is no such theorem.
    """
    found = _found(names) if any(names) else list(theorems.load().values())
    rows = [
        asdict(theorem) | {"numbers": _numbers(theorem), "claims": _claims(theorem)}
        for theorem in found
    ]
    return json.dumps(rows, indent=1, ensure_ascii=True)


def _numbers(theorem: Theorem) -> list[str]:
    """Return the keys of the numbers that name the theorem or its group."""
    names = {theorem.id, theorem.group}
    return [key for key, number in reference().items() if number.theorem in names]


def _claims(theorem: Theorem) -> list[str]:
    """Return the ids of the claims that name the theorem or its group."""
    names = {theorem.id, theorem.group}
    return [claim.id for claim in claims() if names & set(claim.theorems)]
