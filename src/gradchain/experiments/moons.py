"""The two-moons demonstration of lecture notes, from as many seeds as one likes.

`moons_experiment` trains `depth` hidden layers of ten units on two moons, the way the notes' notebook
does (Adam, 100 epochs, batches of 32), and records the true gradient beside the quantities that notes
read instead. The default is the Keras-faithful preset; see `lab.Setting`.

Cost: under 10 ms a network of 10 layers and 100 epochs on two cores, after some 5 s of compilation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from gradchain._errors import ShapeError, UsageError
from gradchain._types import key_or_seed
from gradchain.experiments import remedies
from gradchain.experiments.lab import Outcome, Setting, columns, run

# Public name -> row of the remedies study, so that both mean the same.
_ROWS = {
    "relu": "relu",
    "leaky_relu": "leakyrelu",
    "prelu": "prelu",
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "he": "he.sigmoid",
    "orthogonal": "orthogonal.sigmoid",
    "lsuv": "lsuv.sigmoid",
    "batch_norm_before": "batchbefore.sigmoid",
    "batch_norm_after": "batchafter.sigmoid",
    "layer_norm": "layernorm.sigmoid",
    "residual": "residual.sigmoid",
    "residual_zero": "residualzero.sigmoid",
    "clipping": "clipping.sigmoid",
}
REMEDIES: dict[str, dict[str, Any]] = {
    "glorot": {"initializer": "glorot_uniform"},
    **{name: remedies.get(slug).changes for name, slug in _ROWS.items()},
}
"""Name of a remedy -> the fields of `Setting` that it changes."""


@dataclass(frozen=True)
class MoonsExperiment:
    """What the demonstration gives from S seeds in E epochs; K = depth + 1 kernels, first to last.

    `loss`, `accuracy` (S, E): as `fit` prints them, means over an epoch while the weights move.
    `log_gradient_norms` (S, R, K): natural log of the Frobenius norm of each kernel's true gradient on
    the whole training set, at the start of epoch `epochs[r]`. `percent_change`: one array (S, fan_out,
    fan_in) a kernel, |100 (old - new) / old| between start and end (infinite where a weight started at
    0). `outcome` holds all else that was recorded, `setting` the conditions.
    """

    setting: Setting
    outcome: Outcome

    @property
    def loss(self) -> np.ndarray:
        """Mean loss of each epoch, (S, E)."""
        return self.outcome.loss

    @property
    def accuracy(self) -> np.ndarray:
        """Share of points classified right in each epoch, (S, E)."""
        return self.outcome.accuracy

    @property
    def epochs(self) -> np.ndarray:
        """Epochs done at each look, (R,); 0 is the start."""
        return self.outcome.epochs

    @property
    def log_gradient_norms(self) -> np.ndarray:
        """Natural logarithms of the true gradients' norms, (S, R, K)."""
        return self.outcome.log_gradient_norms

    @property
    def percent_change(self) -> list[np.ndarray]:
        """How far each weight moved in percent of its start, a list of K arrays."""
        return self.outcome.percent_change

    @property
    def nan_step(self) -> np.ndarray:
        """First step whose loss was not finite, -1 if none, (S,)."""
        return self.outcome.nan_step

    def __repr__(self) -> str:
        """Return a line that says what is inside."""
        seeds, epochs = self.loss.shape
        first, last = np.median(self.log_gradient_norms[:, 0], axis=0)[[0, -1]] / np.log(10)
        return (
            f"MoonsExperiment({self.setting.depth} hidden {self.setting.activation} layers, {seeds} "
            f"seeds, {epochs} epochs: median final loss {np.median(self.loss[:, -1]):.4g}, accuracy "
            f"{np.median(self.accuracy[:, -1]):.3g}; log10 gradient at the start {first:.3g} (first "
            f"kernel), {last:.3g} (last); .loss, .accuracy, .log_gradient_norms, .percent_change)"
        )


def moons_experiment(
    depth: int = 10,
    activation: str = "sigmoid",
    seeds: int = 1000,
    epochs: int = 100,
    data: Any = None,
    optimizer: str = "keras_adam",
    initializer: str = "glorot_uniform",
    remedy: str | Sequence[str] | None = None,
    key: jax.Array | int = 0,
    **more: Any,
) -> MoonsExperiment:
    """Train the notes' network on two moons from many seeds.

    Args:
        depth: number of hidden layers (there are depth + 1 kernels).
        activation: name of the hidden layers' activation.
        seeds: number of networks.
        epochs: up to 10, or a multiple of 10.
        data: (inputs (n, 2), labels (n,) of 0 and 1) to train on; a draw of `tasks.moons` (250 points,
            noise 0.05, 200 to train on) if not given.
        optimizer: keras_adam, adam, sgd, rmsprop or adagrad.
        initializer: name of a law, or "lsuv".
        remedy: a key of `REMEDIES`, or several; they win over activation and initializer.
        key: a JAX random key, or a seed from 0 to 2**32 - 1; network k depends on it and k alone.
        **more: further fields of `lab.Setting`, such as `values=(("learning_rate", 0.01),)`.

    Returns:
        `MoonsExperiment`. Exact but for float32 rounding, as training is; byte-identical for any number
        of devices.

    Raises:
        UsageError: for a name or number that cannot be, before anything is computed.
        ShapeError: if the data do not fit.

    Example:
        >>> found = moons_experiment(depth=2, seeds=2, epochs=1)
        >>> found.loss.shape, [p.shape for p in found.percent_change]
        ((2, 1), [(2, 10, 2), (2, 10, 10), (2, 1, 10)])
    """
    fields: dict[str, Any] = {}
    for name in (remedy,) if isinstance(remedy, str) else remedy or ():
        if name not in REMEDIES:
            raise UsageError(f"got remedy {name!r}, expected one of {', '.join(REMEDIES)}")
        fields |= REMEDIES[name]
    fields = {
        "activation": activation,
        "initializer": initializer,
        "depth": depth,
        "epochs": epochs,
        "optimizer": optimizer,
        **more,
        **fields,
    }
    unknown = set(more) - set(Setting.__dataclass_fields__)
    if unknown:
        raise UsageError(
            f"got {', '.join(sorted(unknown))}, expected fields of Setting: "
            f"{', '.join(Setting.__dataclass_fields__)}"
        )
    setting = Setting(**fields)
    points = None
    if data is not None:
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise ShapeError("got data that are no pair, expected (inputs (n, 2), labels (n,))")
        points = columns(*data)
        if setting.head not in ("linear_mse",) and not np.isin(points.targets, (0.0, 1.0)).all():
            raise UsageError("got labels other than 0 and 1, expected the two classes as 0 and 1")
    return MoonsExperiment(setting, run(setting, seeds, key_or_seed(key), points))
