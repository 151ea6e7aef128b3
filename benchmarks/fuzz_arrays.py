"""What `fuzz.py` draws for the numerical core: arrays with wild values, and strange arguments.

Each target is a table of functions with one maker an argument. A maker gives something sensible, or
now and then anything of `STRANGE`. Shapes hardly change, so that little is compiled.
"""

import contextlib
import functools
import random
from collections.abc import Callable

import fuzz_texts as texts
import jax
import jax.numpy as jnp
import numpy as np

import gradchain as gch
from gradchain import scaled
from gradchain.predicted import bounds

F32 = np.float32
Maker = Callable[[random.Random], object]
ENDS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1.2e-38, 3.4e38, -3.4e38, 1e19, 1e-19, 88.8)
NOT_FINITE = (float("nan"), float("inf"), -float("inf"))
STRANGE = (
    None, "x", "", b"x", "sigmoid", "spectral", "auto", 0, -1, 2, 1.5, True, float("nan"), 10**30,
    [], {}, (), [1.0, 2.0], [[1.0], [2.0, 3.0]], {"a": 1}, object(), len, int, np.ones((2, 2), int),
    np.ones(2, complex), np.array([None, 1]), np.ones(2, np.longdouble), np.ones((2, 2)),
    np.ones(0, F32), np.ones((0, 2), F32), np.ones((2, 2, 2), F32), np.ones(3, F32), np.float32(1),
    np.array("x"), np.ones(2, bool), np.ones((1, 2), F32)[:, ::-1], np.datetime64("2020"),
)  # fmt: skip


def array(chance: random.Random, shape: tuple[int, ...], finite: bool = False) -> np.ndarray:
    """Draw a float32 array with some entries at the ends of the range, or not finite."""
    wild = ENDS if finite else ENDS + NOT_FINITE
    drawn = [
        chance.choice(wild) if chance.random() < 0.15 else chance.gauss(0, 1)
        for _ in range(int(np.prod(shape)))
    ]
    return np.array(drawn, F32).reshape(shape)


def one(*good: object, odd: float = 0.25) -> Maker:
    """Make a maker of one of these, or of something strange."""
    return lambda chance: chance.choice(STRANGE if chance.random() < odd else good)


def small(*good: object) -> Maker:
    """Make the like for sizes, where a large number would rightly take memory and time."""
    strange = [x for x in STRANGE if not isinstance(x, int) or x < 100]
    return lambda chance: chance.choice(strange if chance.random() < 0.25 else good)


def floats(*shape: int) -> Maker:
    """Make a maker of arrays of one shape, or of something strange."""
    return lambda chance: chance.choice(STRANGE) if chance.random() < 0.2 else array(chance, shape)


def mixed(*makers: Maker) -> Maker:
    """Make a maker that lets one of these make it."""
    return lambda chance: chance.choice(makers)(chance)


def _finite(leaf: object) -> bool:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return True
    values = np.asarray(leaf)
    return not jnp.issubdtype(values.dtype, jnp.floating) or bool(np.isfinite(values).all())


def clean(inputs: object) -> bool:
    """Say whether no input holds NaN or infinity."""
    for leaf in jax.tree.leaves(inputs):
        if isinstance(leaf, (float, jax.Array, np.ndarray, np.generic)) and not _finite(leaf):
            return False
    return True


def call(function: Callable, *arguments: object) -> None:
    """Call, and refuse a NaN in the result where none was put in."""
    result = function(*arguments)
    if not clean(arguments):
        return
    leaves = [leaf for leaf in jax.tree.leaves(result) if isinstance(leaf, (jax.Array, np.ndarray))]
    if isinstance(result, gch.ChainBounds):
        leaves += [result.slack, result.slack_local, result.log_lower, result.log_upper]
    for values in map(np.asarray, (x for x in leaves if jnp.issubdtype(x.dtype, jnp.floating))):
        if np.isnan(values).any():
            name = getattr(function, "__name__", function)
            raise texts.OffenceError(f"a silent NaN from {name}")


def row(table: tuple[tuple, ...], chance: random.Random) -> texts.Call:
    """Draw a row of a table and its arguments."""
    function, *makers = chance.choice(table)
    return functools.partial(call, function, *(make(chance) for make in makers))


# --- scaled values -------------------------------------------------------------------------------

MATRIX = floats(2, 2)
EXPONENT = one(*(jnp.asarray(n, jnp.int32) for n in (0, 1, -200, 300, -(2**31), 2**31 - 1)))


def _value(chance: random.Random) -> object:
    own = scaled.from_array(array(chance, chance.choice([(2, 2), (2,)]), chance.random() < 0.9))
    if chance.random() < 0.3:
        return scaled.Scaled(own.mantissa, jnp.int32(chance.choice([0, -5000, 5000, 10**8])))
    return own


VALUE = mixed(_value, _value, _value, one(None))
SCALED = (
    (scaled.from_array, MATRIX),
    (scaled.split, MATRIX),
    (scaled.binary_exponent, MATRIX),
    (scaled.scale, MATRIX, EXPONENT),
    (scaled.power_of_two, EXPONENT, one(jnp.float32)),
    (scaled.join, MATRIX, EXPONENT, one(jnp.float16, jnp.float32)),
    (scaled.to_fraction, MATRIX),
    (scaled.to_decimal, MATRIX, one(None, 1, 5)),
    (scaled.identity, small(2), one(jnp.float32)),
    (scaled.rescale, VALUE),
    (scaled.log_abs, VALUE),
    (scaled.total, VALUE),
    (scaled.norm, VALUE, one(*scaled.NORMS)),
    (scaled.log_norm, VALUE, one(*scaled.NORMS)),
    (scaled.multiply, VALUE, VALUE),
    (scaled.add, VALUE, VALUE),
    (scaled.matmul, VALUE, mixed(VALUE, MATRIX)),
)


# --- networks and chains -------------------------------------------------------------------------


def _network(chance: random.Random) -> gch.Network:
    """Draw one of two kinds of network, so that all share their compiled programs."""
    if chance.random() < 0.5:
        square = [array(chance, (2, 2), finite=True) for _ in range(3)]
        return gch.network_from_weights(square, activation="identity")
    weights = [array(chance, shape, finite=True) for shape in ((2, 2), (3, 2))]
    return gch.network_from_weights(weights, [np.zeros(2, F32), np.zeros(3, F32)], "relu")


def _weights(chance: random.Random) -> list:
    return [MATRIX(chance) if chance.random() < 0.3 else array(chance, (2, 2)) for _ in range(2)]


def _named_arrays(chance: random.Random) -> dict:
    return {"a": MATRIX(chance), "b": array(chance, (2, 2)), "c": chance.choice(STRANGE)}


NETWORK = mixed(*[_network] * 9, one(None, odd=1.0))
INPUT, COTANGENT = floats(2), mixed(floats(2), floats(3))
KEY = one(*(jax.random.key(n) for n in (0, 1)))
HOW = one("auto", "autodiff", odd=0.3)
LOGS = mixed(lambda chance: [0.0, chance.choice(ENDS + NOT_FINITE)], one([0.0, -1.0]))
LAYER = one(gch.LayerNorm(), gch.Dense(gch.activations.relu), odd=0.1)
PARAMS = mixed(lambda c: {"weight": MATRIX(c)}, lambda c: {"gain": MATRIX(c)}, one({}))


def chain_how(network: object, x: object, norm: object, how: object) -> object:
    """The chain by a route."""
    return gch.jacobian_chain(network, x, norm, how=how)


def chain_chunk(network: object, x: object, chunk: object) -> object:
    """The chain by chunks."""
    return gch.jacobian_chain(network, x, chunk=chunk)


def chain_probes(network: object, x: object, probes: object, key: object) -> object:
    """The chain by probes."""
    return gch.jacobian_chain(network, x, probes=probes, key=key)


def gradient_how(network: object, x: object, cotangent: object, how: object) -> object:
    """The gradient chain by a route."""
    return gch.gradient_chain(network, x, cotangent, how=how)


def quadratic(params: object, batch: object) -> object:
    """The loss of two linear layers."""
    out = params["b"] @ (params["a"] @ batch)  # type: ignore[index]
    return jnp.sum(out * out)


def looking(params: object, batch: object) -> object:
    """A loss that looks at values, so it cannot be compiled."""
    return params["a"].sum() if batch[0] > 0 else params["b"].sum()  # type: ignore[index]


def failing(params: object, batch: object) -> object:
    """A loss that raises."""
    raise RuntimeError("two\nlines")


def no_scalar(params: object, batch: object) -> object:
    """A loss that is no scalar."""
    return params["a"] @ batch  # type: ignore[index]


def diagnosed(loss: object, params: object, batch: object, preset: object, decades: object) -> None:
    """Diagnose and print."""
    str(gch.diagnose(loss, params, batch, preset=preset, decades=decades))


def optioned(params: object, layers: object, order: object, stacked: object) -> None:
    """Diagnose with the layers named."""
    gch.diagnose(quadratic, params, np.ones(2, F32), layers=layers, order=order, stacked=stacked)


def healthy(loss: object, params: object, batch: object, allow: object) -> None:
    """Diagnose in a test, of which a failure with the verdict is a good answer."""
    with contextlib.suppress(gch.UnhealthyError):
        gch.assert_healthy(loss, params, batch, allow=allow)


LOSS = one(quadratic, quadratic, looking, failing, no_scalar, odd=0.1)
TWO = mixed(lambda c: {"a": array(c, (2, 2)), "b": array(c, (2, 2))}, _named_arrays, one({}))
PRESET = one("slope", "sagemaker", "autotrainer", "karpathy", odd=0.1)
CORE = (
    (diagnosed, LOSS, TWO, INPUT, PRESET, one(1.0, odd=0.1)),
    (optioned, TWO, *[one(None, None, ["a", "b"], "b", {"a": 0}, odd=0.3)] * 3),
    (healthy, LOSS, TWO, INPUT, one((), ("undecided",), odd=0.2)),
    (gch.forward, NETWORK, INPUT),
    (gch.layer_jacobians, NETWORK, INPUT, one("autodiff", "analytic")),
    (chain_how, NETWORK, INPUT, one(*scaled.NORMS), HOW),
    (chain_chunk, NETWORK, INPUT, small(None, 1)),
    (chain_probes, NETWORK, INPUT, small(3), KEY),
    (gradient_how, NETWORK, INPUT, COTANGENT, HOW),
    (gch.gradient_factors, NETWORK, INPUT, COTANGENT),
    (gch.chain_bounds, NETWORK, INPUT),
    (gch.network_from_weights, mixed(_weights, one([])), one(None, [None, None]), one("tanh")),
    (gch.concatenate, NETWORK, NETWORK),
    (gch.residual, NETWORK),
    (gch.single, LAYER, PARAMS),
    (gch.diagnose_arrays, mixed(_named_arrays, one({}))),
    (bounds.chain_upper, LOGS, mixed(LOGS, one(0.0))),
    (bounds.chain_lower, LOGS, LOGS, LOGS),
    (bounds.rms_chain_upper, one([2, 3, 2], [2, None]), one(1.0, -1.0), one(0.25)),
    (bounds.power_upper, one(0.25, 0.0), small(2), mixed(LOGS, one(None))),
)


# --- names ---------------------------------------------------------------------------------------


def nothing(x: object) -> None:
    """Return nothing, which no activation does."""


def mixing(x: jax.Array) -> jax.Array:
    """Mix the entries, which no activation does."""
    return x - jnp.mean(x)


def _name(chance: random.Random) -> object:
    text = texts.word(chance)
    return chance.choice([
        text,
        f"leaky_relu({text})",
        f"orthogonal({text})",
        chance.choice(STRANGE),
    ])


def _slope(x: object, name: str) -> object:
    return gch.activations.get(name).derivative(x)


def _value_of(x: object, name: str) -> object:
    return gch.activations.get(name)(x)


ACTIVATION = one(*gch.activations.NAMES, odd=0.1)
NOUNS = (
    (gch.activations.get, _name),
    (gch.initializers.get, _name),
    (_value_of, floats(2), ACTIVATION),
    (_slope, floats(2), ACTIVATION),
    (gch.activations.from_function, _name, one(nothing, mixing), one(None), one(1.0), one(())),
    (gch.initializers.get("he_normal").sample, KEY, small((2, 2), [2, 2], (2,)), one(None)),
    (gch.mlp, KEY, small(1), small(2), mixed(_name, one("relu")), mixed(_name, one("he_normal"))),
    (gch.cite, _name),
    (gch.cite, one("ln2"), one("none.json")),
)  # fmt: skip

scaled_call = functools.partial(row, SCALED)
core_call = functools.partial(row, CORE)
noun_call = functools.partial(row, NOUNS)
