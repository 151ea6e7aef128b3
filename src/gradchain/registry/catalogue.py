"""The numbers that need no study: what the packaged reference holds from theory alone.

Which question it answers: which numbers does gradchain vouch for before any network is drawn? The
drafts live in `catalogue_*.py`; here they are put together. No value is written by hand.
"""

from collections.abc import Mapping
from typing import Any

from gradchain.registry import (
    catalogue_activations,
    catalogue_chains,
    catalogue_constants,
    catalogue_floats,
)
from gradchain.registry.draft import Draft


def drafts(facts: Mapping[str, Any]) -> list[Draft]:
    """Put all drafts together.

    Args:
        facts: `gradchain.certify.facts.FACTS` (handed in, since this floor does not import it).

    Returns:
        The drafts, in no particular order.
    """
    return [
        *catalogue_activations.suprema(facts),
        *catalogue_activations.mean_squares(facts),
        *catalogue_chains.chain_bounds(),
        *catalogue_chains.root_mean_square_bounds(),
        *catalogue_chains.single_chains(),
        *catalogue_chains.whispers(),
        *catalogue_floats.underflows(),
        *catalogue_floats.stuck_products(),
        *catalogue_floats.losses(),
        *catalogue_floats.saturations(),
        *catalogue_constants.chance_levels(),
        *catalogue_constants.slopes(),
        *catalogue_constants.limits(),
        *catalogue_constants.spectral_edges(),
    ]
