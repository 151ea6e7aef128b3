"""Which optimizers does the lab know by name, and how does Keras' Adam differ from optax's?

Every optimizer is an optax transformation whose constants may be traced, so that one compiled program
serves all learning rates and epsilons. Adam comes in two forms:

    optax   w -= lr * mhat / (sqrt(vhat) + eps),           mhat = m / (1 - b1^t), vhat = v / (1 - b2^t)
    Keras   w -= lr * sqrt(1 - b2^t)/(1 - b1^t) * m / (sqrt(v) + eps)

In Keras' form eps stands beside the uncorrected sqrt(v): at the first step it is felt by gradients below
eps / sqrt(1 - b2), 3.2e-6 for eps = 1e-7, and not below eps. Source: Kingma and Ba, arXiv:1412.6980,
section 2 ("epsilon hat"); keras.optimizers.Adam.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gradchain._errors import UsageError

FAMILIES: dict[str, dict[str, float]] = {
    "keras_adam": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "epsilon": 1e-7},
    "adam": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "epsilon": 1e-8},
    "sgd": {"learning_rate": 1e-2, "momentum": 0.0},
    "rmsprop": {"learning_rate": 1e-3, "decay": 0.9, "epsilon": 1e-7},
    "adagrad": {"learning_rate": 1e-3, "initial": 0.1, "epsilon": 1e-7},
}
"""Names, with the constants and their defaults (those of Keras; of optax for `adam`)."""

CLIPS = ("none", "value", "norm", "global")


class KerasAdamState(NamedTuple):
    """Steps taken, and the running means of g and g^2."""

    taken: jax.Array
    mean: Any
    square: Any


def keras_adam(
    learning_rate: Any = 1e-3, b1: Any = 0.9, b2: Any = 0.999, epsilon: Any = 1e-7
) -> optax.GradientTransformation:
    """Build Adam as Keras computes it, epsilon outside the bias correction.

    Args:
        learning_rate: step size; may be traced, as the other constants.
        b1: decay of the mean.
        b2: decay of the mean square.
        epsilon: what is added to sqrt(v), v uncorrected.

    Returns:
        An optax transformation.

    Example:
        >>> import jax.numpy as jnp
        >>> tx = keras_adam()
        >>> state = tx.init(jnp.zeros(2))
        >>> step, _ = tx.update(jnp.array([1.0, 3.1622776e-6]), state)
        >>> [round(float(s) * 1000, 3) for s in step]
        [-1.0, -0.5]
    """

    def init(params: Any) -> KerasAdamState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return KerasAdamState(jnp.zeros((), jnp.int32), zeros, jax.tree.map(jnp.zeros_like, params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        taken = state.taken + 1
        steps = taken.astype(jnp.float32)
        mean = jax.tree.map(lambda m, g: m + (g - m) * (1 - b1), state.mean, updates)
        square = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - b2), state.square, updates)
        rate = learning_rate * jnp.sqrt(1 - b2**steps) / (1 - b1**steps)
        new = jax.tree.map(lambda m, v: -(m * rate) / (jnp.sqrt(v) + epsilon), mean, square)
        return new, KerasAdamState(taken, mean, square)

    return optax.GradientTransformation(init, update)


def clip_each(limit: Any) -> optax.GradientTransformation:
    """Clip every array's own norm, as Keras' `clipnorm` does; stacked arrays layer by layer.

    Args:
        limit: the largest 2-norm of a kernel's or bias' gradient.

    Returns:
        An optax transformation without state; direction of each array is kept.
    """

    def one(g: jax.Array) -> jax.Array:
        norm = jnp.sqrt(jnp.sum(g * g))
        return g * jnp.minimum(1.0, limit / jnp.maximum(norm, jnp.finfo(g.dtype).tiny))

    def update(updates: Any, params: Any = None) -> Any:
        del params
        alone = jax.tree.map(one, {k: v for k, v in updates.items() if k != "hidden"})
        if "hidden" not in updates:
            return alone
        return alone | {"hidden": jax.tree.map(jax.vmap(one), updates["hidden"])}

    return optax.stateless(update)


def constants(family: str, given: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return an optimizer's constants, defaults filled in.

    Args:
        family: a key of `FAMILIES`.
        given: what differs from the defaults.

    Returns:
        Name to value.

    Raises:
        UsageError: for an unknown optimizer or constant, or a value that is no positive number
            (momentum and decays may be 0).

    Example:
        >>> constants("sgd", {"momentum": 0.9})
        {'learning_rate': 0.01, 'momentum': 0.9}
    """
    if family not in FAMILIES:
        raise UsageError(f"got optimizer {family!r}, expected one of {', '.join(FAMILIES)}")
    known = FAMILIES[family]
    for name, value in (given or {}).items():
        if name not in known:
            raise UsageError(
                f"got constant {name!r} for {family}, expected some of {', '.join(known)}"
            )
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise UsageError(f"got {name} = {value!r}, expected a number that is not negative")
    return {**known, **{name: float(value) for name, value in (given or {}).items()}}


def build(
    family: str, values: Mapping[str, Any], clip: str = "none", limit: Any = 1.0
) -> optax.GradientTransformation:
    """Build an optimizer from its name and constants.

    Args:
        family: a key of `FAMILIES`.
        values: its constants, all of them; may be traced.
        clip: "none", "value" (each entry), "norm" (each array) or "global" (all at once).
        limit: the clipping threshold; may be traced.

    Returns:
        An optax transformation.

    Raises:
        UsageError: for an unknown name.
    """
    if clip not in CLIPS:
        raise UsageError(f"got clip {clip!r}, expected one of {', '.join(CLIPS)}")
    rate = values["learning_rate"]
    if family == "keras_adam":
        tx = keras_adam(rate, values["b1"], values["b2"], values["epsilon"])
    elif family == "adam":
        tx = optax.adam(rate, values["b1"], values["b2"], values["epsilon"])
    elif family == "sgd":
        tx = optax.sgd(rate, momentum=values["momentum"])
    elif family == "rmsprop":
        # As Keras: epsilon inside the root.
        tx = optax.rmsprop(rate, values["decay"], values["epsilon"], eps_in_sqrt=True)
    elif family == "adagrad":
        tx = optax.chain(
            optax.scale_by_rss(values["initial"], values["epsilon"]),
            optax.scale_by_learning_rate(rate),
        )
    else:
        raise UsageError(f"got optimizer {family!r}, expected one of {', '.join(FAMILIES)}")
    return tx if clip == "none" else optax.chain(clipping(clip, limit), tx)


def clipping(clip: str, limit: Any = 1.0) -> optax.GradientTransformation:
    """Build what clips gradients, alone.

    Args:
        clip: one of `CLIPS`: "none", "value" (each entry), "norm" (each array), "global" (all at once).
        limit: the threshold; may be traced.

    Returns:
        An optax transformation without state. "norm" and "global" keep the direction of an array, or of
        all; "value" does not: (1, 10) clipped at 1 is (1, 1), turned by 39.3 degrees.

    Raises:
        UsageError: for an unknown name.
    """
    clips = {
        "none": optax.identity,
        "value": lambda: optax.clip(limit),
        "norm": lambda: clip_each(limit),
        "global": lambda: optax.clip_by_global_norm(limit),
    }
    if clip not in clips:
        raise UsageError(f"got clip {clip!r}, expected one of {', '.join(CLIPS)}")
    return clips[clip]()
