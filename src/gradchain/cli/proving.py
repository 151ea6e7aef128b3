"""What `gradchain proof` prints: theorems with the numbers and claims that stand on them."""

import json
from dataclasses import asdict

from gradchain import theorems
from gradchain.claims import load as claims
from gradchain.registry.reference import load as reference
from gradchain.theorems import Theorem


def as_text(name: str, width: int) -> str:
    """Write one theorem, a group, or the list of groups.

    Args:
        name: an id, a group, or nothing.
        width: longest line.

    Returns:
        The text.

    Raises:
        UnknownKeyError: there is no such theorem.
    """
    if not name:
        rows = [f"{group.id}  {group.title}" for group in theorems.groups().values()]
        return "\n".join([*rows, "", "One of them: gradchain proof T06b"])
    found = theorems.find(name)
    return "\n\n".join(
        theorems.explain(theorem, _numbers(theorem), _claims(theorem), min(max(width, 40), 100))
        for theorem in found
    )


def as_json(name: str) -> str:
    """Write the same as JSON.

    Args:
        name: an id, a group, or nothing for all.

    Returns:
        A list of objects.

    Raises:
        UnknownKeyError: there is no such theorem.
    """
    found = theorems.find(name) if name else list(theorems.load().values())
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
