"""The theorems behind the bounds: statements by id, read from a packaged index. No JAX here.

The proofs, for people and for Coq, are in the folder `proofs` of the project.
"""

from gradchain.theorems.index import PAGES, find, groups, load
from gradchain.theorems.noun import Theorem
from gradchain.theorems.wording import explain, named

__all__ = ["PAGES", "Theorem", "explain", "find", "groups", "load", "named"]
