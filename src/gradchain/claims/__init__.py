"""The claims ledger: what notes on vanishing gradients say, and how far it holds. No JAX here."""

from gradchain.claims.evidence import Support
from gradchain.claims.ledger import failures, find, load
from gradchain.claims.noun import VERDICTS, Claim
from gradchain.claims.wording import as_data, page, paragraph, to_json

__all__ = [
    "VERDICTS",
    "Claim",
    "Support",
    "as_data",
    "failures",
    "find",
    "load",
    "page",
    "paragraph",
    "to_json",
]
