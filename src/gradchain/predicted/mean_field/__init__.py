"""What does theory say of an infinitely wide network: lengths, correlations, phases, depth scales?

`laws` holds the maps of one layer, `fixed_points` the lengths that stay, `noun` puts them together,
`critical` finds the edge between the phases, `trajectory` follows a finite depth, `diagram` does the
whole plane at once (with `hermite` for the correlations of smooth activations).
"""

from gradchain.predicted.mean_field.critical import CriticalSigmaW, critical_sigma_w
from gradchain.predicted.mean_field.diagram import PhaseDiagram, phase_diagram
from gradchain.predicted.mean_field.noun import MeanField, mean_field
from gradchain.predicted.mean_field.trajectory import (
    Trajectory,
    correlation_trajectory,
    length_trajectory,
    normalized_trajectory,
    residual_trajectory,
)

__all__ = [
    "CriticalSigmaW",
    "MeanField",
    "PhaseDiagram",
    "Trajectory",
    "correlation_trajectory",
    "critical_sigma_w",
    "length_trajectory",
    "mean_field",
    "normalized_trajectory",
    "phase_diagram",
    "residual_trajectory",
]
