"""How far does a network stretch and squeeze at infinite width? The law of its singular values.

`singular_value_edge` is the largest one, `singular_value_law` all of them: moments for any activation,
density, atoms and edges where there is an equation. Both at chi_1 = 1, by free probability.
"""

from gradchain.predicted.isometry.critical import critical_length
from gradchain.predicted.isometry.edge import singular_value_edge
from gradchain.predicted.isometry.law import SingularValueLaw, singular_value_law

__all__ = ["SingularValueLaw", "critical_length", "singular_value_edge", "singular_value_law"]
