"""At which depth does a number type lose a gradient, and how many layers does a loss scale save?

Networks of `depth` hidden layers and one sigmoid output with cross-entropy, width n, a batch of
inputs with N(0, 1) entries and random classes. The gradient of every kernel is computed in float64,
whose range (2^-1022) these depths do not reach, so it is exact but for rounding:

    truth      share of the entries that become 0 when the true gradient, times the loss scale, is cast
    measured   share of the entries that are 0 after forward and backward pass in the type itself:
               weights, states, error signals and gradients; the error signal at the output is
               multiplied by the loss scale

    an entry g is lost where |g| 2^s <= 2^(e-1), e the exponent of the smallest subnormal number; where
    subnormal numbers are flushed (float32 and bfloat16 on XLA's CPU), where |g| 2^s < 2^-126.

With b bits lost a layer, b = mean decrease of log2 ||dE/dW_l|| towards the input, a loss scale 2^s saves
about s/b layers. Cost: seconds.

Reference: Micikevicius et al., Mixed precision training, ICLR 2018 (arXiv:1710.03740), section 3.2.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain import activations, initializers
from gradchain._errors import UsageError
from gradchain.certify.rational import FORMATS
from gradchain.experiments.lanes import draw_keys, draw_weights

LAWS = {"sigmoid": "glorot_normal", "tanh": "glorot_normal", "relu": "he_normal"}
TYPES = ("float16", "bfloat16", "float32")
LARGEST = {"width": 512, "depth": 300, "batch": 512, "seeds": 2000}
_GROUP = 16


class Sizes(NamedTuple):
    """Units a layer, hidden layers, examples, networks, and the seed of their draws."""

    width: int = 64
    depth: int = 70
    batch: int = 32
    seeds: int = 64
    seed: int = 0

    def checked(self) -> "Sizes":
        """Return the sizes.

        Returns:
            The same.

        Raises:
            UsageError: if one is below 1 (depth: 3) or larger than minutes allow.
        """
        for name, limit in LARGEST.items():
            low = 3 if name == "depth" else 1
            if not low <= getattr(self, name) <= limit:
                raise UsageError(f"{name} {getattr(self, name)}: expected {low} to {limit}")
        return self


class Draws(NamedTuple):
    """weights (S, L, n, n), last (S, n), inputs (S, B, n), classes (S, B), float32."""

    weights: np.ndarray
    last: np.ndarray
    inputs: np.ndarray
    classes: np.ndarray


class Truth(NamedTuple):
    """What float64 says; S networks, L kernels listed first to last.

    `log2_norms` (S, L): of each kernel's gradient. `log2_largest` (S,): of the largest entry among all
    gradients and error signals. `zero` (S, L): share of entries that are exactly 0 anyway (ReLU units
    that are off for every example). `lost` (F, S, L): share of the others that each floor loses.
    """

    log2_norms: np.ndarray
    log2_largest: np.ndarray
    zero: np.ndarray
    lost: np.ndarray


def draw(activation: str, sizes: Sizes) -> Draws:
    """Draw networks and batches.

    Args:
        activation: a key of `LAWS`, which names the initializer.
        sizes: the sizes.

    Returns:
        `Draws`; network number k depends on (seed, k) alone.

    Raises:
        UsageError: for another activation.
    """
    sizes.checked()
    if activation not in LAWS:
        raise UsageError(f"got activation {activation!r}, expected one of {', '.join(LAWS)}")
    n = sizes.width
    keys = draw_keys(sizes.seed, sizes.seeds)
    weights = draw_weights(keys, initializers.get(LAWS[activation]), n, sizes.depth)

    def rest(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        own = jax.random.split(jax.random.fold_in(key, 77), 3)
        last = initializers.get("glorot_normal").sample(own[0], (1, n), jnp.float32)[0]
        inputs = jax.random.normal(own[1], (sizes.batch, n), jnp.float32)
        return last, inputs, jax.random.bernoulli(own[2], 0.5, (sizes.batch,)).astype(jnp.float32)

    found = (weights, *jax.vmap(rest)(keys))
    return Draws(*(np.asarray(a) for a in found))


def floor_exponent(dtype: str, flushed: bool) -> tuple[int, bool]:
    """Return where a type loses a number: log2 of the limit, and whether the limit itself is lost.

    Args:
        dtype: one of `TYPES`.
        flushed: subnormal numbers become 0.

    Returns:
        (log2 of half the smallest subnormal, True) or (log2 of the smallest normal, False).

    Example:
        >>> floor_exponent("float16", False), floor_exponent("bfloat16", True)
        ((-25, True), (-126, False))
    """
    form = FORMATS[dtype]
    return (form.emin, False) if flushed else (form.emin - form.p, True)


def _slopes(activation: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return phi(z) and phi'(z) in float64."""
    if activation == "sigmoid":
        h = 1 / (1 + np.exp(-z))
        return h, h * (1 - h)
    if activation == "tanh":
        h = np.tanh(z)
        return h, 1 - h * h
    on = (z > 0).astype(z.dtype)
    return z * on, on


def truth(activation: str, sizes: Sizes, floors: tuple[tuple[int, bool], ...]) -> Truth:
    """Compute every kernel's gradient in float64, and which share of its entries a floor loses.

    Args:
        activation: a key of `LAWS`.
        sizes: the sizes.
        floors: (log2 of the limit, whether the limit itself is lost), as `floor_exponent` gives them,
            the exponent of a loss scale subtracted.

    Returns:
        `Truth`; `lost` has shape (len(floors), S, L).
    """
    drawn = draw(activation, sizes)
    parts = []
    for first in range(0, sizes.seeds, _GROUP):
        own = Draws(*(a[first : first + _GROUP].astype(np.float64) for a in drawn))
        parts.append(_group(activation, own, floors))
    *rest, lost = zip(*parts, strict=True)
    norms, largest, zero = (np.concatenate(part) for part in rest)
    return Truth(norms, largest, zero, np.concatenate(lost, 1))


def _group(activation: str, drawn: Draws, floors: tuple) -> tuple:
    """Go forward and back through a few networks at once."""
    count, depth = drawn.weights.shape[:2]
    h, kept = drawn.inputs, []
    for layer in range(depth):
        out, slope = _slopes(activation, h @ np.swapaxes(drawn.weights[:, layer], 1, 2))
        kept.append((h, slope))
        h = out
    p = 1 / (1 + np.exp(-np.einsum("sbn,sn->sb", h, drawn.last)))
    signal = (p - drawn.classes) / drawn.classes.shape[1]
    back = signal[:, :, None] * drawn.last[:, None]
    norms = np.empty((count, depth))
    zero, lost = np.zeros((count, depth)), np.zeros((len(floors), count, depth))
    largest = np.abs(signal).max(axis=1)
    for layer in reversed(range(depth)):
        before, slope = kept[layer]
        error = back * slope
        gradient = np.swapaxes(error, 1, 2) @ before
        sizes = np.abs(gradient).reshape(count, -1)
        with np.errstate(divide="ignore"):
            norms[:, layer] = np.log2(np.linalg.norm(gradient, axis=(1, 2)))
            logs = np.log2(sizes)
        zero[:, layer] = (sizes == 0).mean(axis=1)
        alive = np.maximum(1 - zero[:, layer], 1 / sizes.shape[1])
        for place, (limit, itself) in enumerate(floors):
            below = logs <= limit if itself else logs < limit
            lost[place, :, layer] = (below & (sizes > 0)).mean(axis=1) / alive
        largest = np.maximum(largest, np.maximum(sizes.max(1), np.abs(error).max((1, 2))))
        back = error @ drawn.weights[:, layer]
    return norms, np.log2(largest), zero, lost


class Counts(NamedTuple):
    """(S, L) shares of the entries of each kernel's gradient that are 0, and that are not finite."""

    zero: np.ndarray
    wrong: np.ndarray


def measured(activation: str, sizes: Sizes, dtype: str, exponent: int) -> Counts:
    """Run forward and backward pass in a number type, and count what is left.

    Args:
        activation: a key of `LAWS`.
        sizes: the sizes.
        dtype: one of `TYPES`.
        exponent: s of the loss scale 2^s.

    Returns:
        `Counts`, as XLA computes it on this machine.

    Raises:
        UsageError: for another type, or a scale that float32 does not hold.
    """
    if dtype not in TYPES or not 0 <= exponent <= 100:
        raise UsageError(
            f"got {dtype!r} and loss scale 2^{exponent}, expected one of {', '.join(TYPES)} and 0 to 100"
        )
    drawn = draw(activation, sizes)
    parts = []
    for first in range(0, sizes.seeds, _GROUP):
        own = [jnp.asarray(a[first : first + _GROUP]) for a in drawn]
        parts.append(_typed(*own, np.float32(2.0**exponent), activation=activation, dtype=dtype))
    zero, wrong = (np.concatenate([np.asarray(part[k]) for part in parts]) for k in range(2))
    return Counts(zero, wrong)


@partial(jax.jit, static_argnames=("activation", "dtype"))
def _typed(
    weights: jax.Array,
    last: jax.Array,
    inputs: jax.Array,
    classes: jax.Array,
    scale: jax.Array,
    *,
    activation: str,
    dtype: str,
) -> tuple[jax.Array, jax.Array]:
    phi = activations.get(activation)
    weights, last, inputs = (a.astype(dtype) for a in (weights, last, inputs))

    def one(w: jax.Array, last: jax.Array, x: jax.Array, y: jax.Array) -> tuple:
        def forward(h: jax.Array, w: jax.Array) -> tuple[jax.Array, tuple]:
            z = jnp.matmul(h, w.T)
            return phi(z), (h, phi.derivative(z))

        h, kept = lax.scan(forward, x, w)
        # The loss is computed in float32, as mixed precision does; what goes back is of the type.
        z = jnp.matmul(h, last).astype(jnp.float32)
        signal = (jax.nn.sigmoid(z) - y) / y.size * scale
        back = signal.astype(dtype)[:, None] * last[None]

        def backward(back: jax.Array, own: tuple) -> tuple[jax.Array, tuple]:
            w, (h, slope) = own
            error = back * slope
            gradient = jnp.matmul(error.T, h).astype(jnp.float32)
            shares = (gradient == 0, ~jnp.isfinite(gradient))
            return jnp.matmul(error, w), tuple(jnp.mean(s.astype(jnp.float32)) for s in shares)

        return lax.scan(backward, back, (w, kept), reverse=True)[1]

    return jax.vmap(one)(weights, last, inputs, classes)


def lost_shares(counts: Counts, zero: np.ndarray) -> np.ndarray:
    """Return which share of the entries that are not 0 in truth a pass in a number type lost.

    Args:
        counts: what was measured.
        zero: (S, L) shares that are 0 in truth.

    Returns:
        (S, L), at least 0 (rounding may also make a 0 into something else).

    Example:
        >>> half = np.array([[0.5]])
        >>> lost_shares(Counts(np.array([[0.75]]), half), half).item()
        0.5
    """
    alive = np.where(zero < 1, 1 - zero, 1.0)
    return np.maximum((counts.zero.astype(np.float64) - zero) / alive, 0.0)


def bits_a_layer(log2_norms: np.ndarray) -> np.ndarray:
    """Return how many bits the gradient loses a layer on the way back, for each network.

    Args:
        log2_norms: (S, L), first layer first.

    Returns:
        (S,): mean decrease of log2 norm from the last hidden kernel to the first; negative if it grows.
    """
    return (log2_norms[:, -1] - log2_norms[:, 0]) / (log2_norms.shape[1] - 1)


def layers_kept(shares: np.ndarray) -> np.ndarray:
    """Return how many layers, counted from the output, keep at least half of their entries.

    The share is read between layers by a straight line, so the count need not be whole.

    Args:
        shares: (S, L) shares of lost entries, first layer first.

    Returns:
        (S,); inf where no layer loses half.

    Example:
        >>> layers_kept(np.array([[1.0, 1.0, 0.75, 0.25, 0.0]])).tolist()
        [2.5]
    """
    back = shares[:, ::-1]
    over = back >= 0.5
    place = over.argmax(axis=1)
    rows = np.arange(len(back))
    here, before = back[rows, place], back[rows, np.maximum(place - 1, 0)]
    step = np.where(
        here > before, (0.5 - before) / np.where(here > before, here - before, 1.0), 1.0
    )
    # Layer number k (from 1) keeps more than half, layer k + 1 less: k + step of them are kept.
    count = np.where(place > 0, place + step, 0.0)
    return np.where(over.any(axis=1), count, np.inf)
