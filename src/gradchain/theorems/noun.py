"""A theorem as a noun: its id, what it says, and who checked it.

Ids are append-only: `T01` is a group of theorems about one thing, `T01a` one of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gradchain._errors import RegistryError

ID = re.compile(r"T[0-9]{2}[a-z]")
GROUP = re.compile(r"T[0-9]{2}")


@dataclass(frozen=True, kw_only=True)
class Theorem:
    """One theorem.

    `statement` is LaTeX, `page` the file in `proofs` with the proof for people, `coq` the names of the
    formal theorem (none where there is no formal proof), `checkers` what checks it, `constants` digits
    of the numbers in it by name, truncated and not rounded.
    """

    id: str
    group: str
    title: str
    statement: str
    page: str
    coq: tuple[str, ...] = ()
    checkers: tuple[str, ...] = ()
    constants: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse a theorem that could not be cited."""
        if not ID.fullmatch(self.id) or not self.id.startswith(self.group):
            raise RegistryError(f"theorem {self.id}: expected an id such as T01a in its group T01")
        for name in ("title", "statement", "page"):
            if not getattr(self, name).strip():
                raise RegistryError(f"theorem {self.id}: {name} is empty")
        if not self.checkers:
            raise RegistryError(f"theorem {self.id}: nothing checks it")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Theorems about one thing: its id such as T01, its title, and its page."""

    id: str
    title: str
    page: str
