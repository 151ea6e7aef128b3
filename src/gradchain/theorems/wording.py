"""Theorems in words for the terminal: statement, proof, checkers, and the command that checks again."""

import textwrap
from collections.abc import Sequence

from gradchain.theorems.index import PAGES, groups, load
from gradchain.theorems.noun import Theorem

RECHECK = "make proofs"
CHECKERS = {
    "coq": "Coq's kernel (make proofs)",
    "rational": "exact rational arithmetic (make test)",
    "symbolic": "symbolic identities (make test)",
    "enclosure": "ball arithmetic (make test)",
}


def named(name: str) -> str:
    """Say a theorem's id with its title and page, as one line.

    Args:
        name: an id such as T01b, or a group such as T01.

    Returns:
        The line; the id alone if the index does not know it.

    Example:
        >>> named("T01")
        'T01 The logistic sigmoid (proofs/T01.md; gradchain proof T01)'
    """
    item = load().get(name) or groups().get(name)
    if item is None:
        return name
    return f"{name} {item.title} ({PAGES}/{item.page}; gradchain proof {name})"


def explain(
    theorem: Theorem, numbers: Sequence[str] = (), claims: Sequence[str] = (), width: int = 79
) -> str:
    """Write a theorem with all that backs it and all that stands on it.

    Args:
        theorem: the theorem.
        numbers: keys of registry numbers that name it or its group.
        claims: ids of claims that do.
        width: longest line.

    Returns:
        Aligned lines.
    """
    checkers = [CHECKERS.get(name, name) for name in theorem.checkers]
    digits = [f"{name} = {value}" for name, value in theorem.constants.items()]
    rows = [
        ("in LaTeX", theorem.statement),
        ("proof", f"{PAGES}/{theorem.page}"),
        ("formal proof", ", ".join(theorem.coq) or "none: the page says why"),
        ("checked by", "; ".join(checkers)),
        ("check again", RECHECK if theorem.coq else "make test"),
        ("digits", "; ".join(digits)),
        ("numbers", _some(numbers)),
        ("claims", ", ".join(claims)),
    ]
    lines = textwrap.wrap(f"{theorem.id}: {theorem.title}", width)
    for label, text in rows:
        if text:
            head = f"  {label:<12}  "
            lines += textwrap.wrap(
                text, width, initial_indent=head, subsequent_indent=" " * len(head),
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(lines)


def _some(keys: Sequence[str], most: int = 6) -> str:
    more = f", and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
