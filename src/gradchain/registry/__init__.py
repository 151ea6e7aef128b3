"""The registry of citable numbers: records, the packaged reference, exact display. No JAX here."""

from gradchain.registry.collection import Registry, order, validate_all
from gradchain.registry.display import shown
from gradchain.registry.reading import read
from gradchain.registry.record import Check, How, Number
from gradchain.registry.reference import load
from gradchain.registry.writing import write

__all__ = [
    "Check",
    "How",
    "Number",
    "Registry",
    "load",
    "order",
    "read",
    "shown",
    "validate_all",
    "write",
]
