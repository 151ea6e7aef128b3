"""What does a float32 program get for the error signal at the output? Autodiff of the lab's own heads.

`signals` differentiates each head of `gradchain.training.deep` at a grid of logits, for an example of
class 1, in float32: the measured side of the closed forms in `output_layer_exact`. The settings say
which networks are compared: equal but for output and loss, undecided at the start (last bias 0), or
sure and wrong about every example of class 1 (last bias -10).

Cost: one small compilation a head.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gradchain import activations
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments.lab import Setting
from gradchain.experiments.output_layer_exact import HEADS
from gradchain.training.deep import Design, head

STARTS = {"undecided": 0.0, "wrong": -10.0}
SURE = -20.0
SHALLOW, DEEP, SLOTS = 3, 10, 9
# Plain gradient descent: adaptive steps would hide the size of the gradient. The same for all heads,
# small enough for the largest signal (22, linear output).
RATE = 0.01


def setting(name: str, start: float, depth: int, epochs: int) -> Setting:
    """Build the setting of one comparison.

    Args:
        name: output and loss.
        start: the last bias.
        depth: hidden layers.
        epochs: epochs.

    Returns:
        The setting: ReLU, he_uniform, two moons, plain gradient descent.
    """
    return Setting(
        depth=depth,
        activation="relu",
        initializer="he_uniform",
        head=name,
        optimizer="sgd",
        values=(("learning_rate", RATE),),
        last_bias=start,
        epochs=epochs,
        slots=SLOTS,
    )


def signals(name: str, logits: Sequence[float] | np.ndarray) -> np.ndarray:
    """Differentiate a head at logits in float32, for one example of class 1.

    Args:
        name: output and loss; for softmax_ce the logits are (0, z), and class 1 is the second.
        logits: (n,).

    Returns:
        (n,) float32: dE/dz, as a program computes it.

    Example:
        >>> round(float(signals("sigmoid_ce", [-10.0])[0]), 4)
        -1.0
    """
    two = name == "softmax_ce"
    design = Design(activations.get("relu"), outputs=2 if two else 1, head=name)
    target = jnp.asarray([[0.0], [1.0]] if two else [[1.0]], jnp.float32)

    def loss(z: jax.Array) -> jax.Array:
        column = jnp.stack([jnp.zeros_like(z), z]) if two else z[None]
        return head(design, column[:, None], target)[0][0]

    with jax.numpy_dtype_promotion("standard"):
        found = jax.jit(jax.vmap(jax.grad(loss)))(jnp.asarray(np.asarray(logits, np.float32)))
    return np.asarray(found)


@recomputable(head=HEADS, logit=float)
def measured_signal(head: str, logit: float) -> Result:
    """Measure |dE/dz| for one example of class 1 by float32 autodiff.

    Args:
        head: output and loss.
        logit: z.

    Returns:
        The size with an error bound of 8 ulp (0 exactly where the clip makes it a constant).
    """
    value = abs(float(signals(head, [logit])[0]))
    doubt = 8 * float(np.spacing(np.float32(value))) if value else 0.0
    return Result(
        f"{value:.9g}",
        uncertainty=Uncertainty(
            "error bound",
            value=f"{doubt:.3g}",
            method="float32 autodiff, 8 units in the last place",
        ),
    )
