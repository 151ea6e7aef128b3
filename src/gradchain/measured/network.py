"""What is a network, and which states does an input go through?

A `Network` is a tuple of runs; a `Run` is one layer with parameters stacked along a leading axis, so
that depth 10 000 compiles as fast as depth 10 (`lax.scan`). States are h_0 = x, h_l = f_l(h_{l-1});
where a layer has a pre-activation, z_l = W_l h_{l-1} + b_l and h_l = phi(z_l).

Cost of `forward`: one pass, O(sum of n_l n_{l-1}) time, O(sum of n_l) memory beside the weights.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain._types import is_concrete, pytree, static
from gradchain.measured.layers import Dense, Layer, LayerNorm


@pytree
class PerLayer:
    """Arrays that belong to layers `first` .. L, stacked run by run.

    `[l]` gives the array of layer l in the numbering of the formulas (so `jacobians[1]` is J_1 and
    `states[0]` is h_0), negative l counts from the end, and iteration goes from `first` to the last.
    """

    blocks: tuple
    first: int = static(default=1)

    def __len__(self) -> int:
        """Return how many layers (or states) there are."""
        return sum(_leading(block) for block in self.blocks)

    def __getitem__(self, layer: int) -> jax.Array:
        """Return the array of one layer.

        Raises:
            IndexError: if there is no such layer.
        """
        last = self.first + len(self) - 1
        place = layer - self.first if layer >= 0 else len(self) + layer
        if not 0 <= place < len(self) or 0 <= layer < self.first:
            raise IndexError(f"got layer {layer}, expected {self.first} to {last} (or negative)")
        for block in self.blocks:
            if place < _leading(block):
                if isinstance(block, _Missing):
                    raise IndexError(f"layer {layer} has no such value")
                return block[place]
            place -= _leading(block)
        raise IndexError(f"layer {layer} has no value")

    def __iter__(self) -> Iterator[jax.Array]:
        """Iterate from the first layer to the last."""
        return (self[self.first + i] for i in range(len(self)))


@pytree
class _Missing:
    """Stands for the values of a run whose layer has none (no pre-activation, say)."""

    length: int = static()


def _leading(block: "jax.Array | _Missing") -> int:
    return block.length if isinstance(block, _Missing) else block.shape[0]


@pytree
class Run:
    """One layer applied `length` times, with parameters stacked along the leading axis.

    Raises on construction (never inside JAX): ShapeError if the leading axes differ or are empty,
    DtypeError for mixed or non-float parameters, NonFiniteError for NaN or infinity.
    """

    layer: Layer = static()
    params: object
    length: int = static(default=1)

    def __post_init__(self) -> None:
        """Check the parameters."""
        if not isinstance(self.layer, Layer):
            raise UsageError(
                f"got {type(self.layer).__name__} as layer, expected a layer such as Dense(...): wrap "
                "a function (params, h) -> h as gch.Custom(function)"
            )
        leaves = jax.tree.leaves(self.params)
        sizes = {np.shape(leaf)[:1] for leaf in leaves}
        if len(sizes) > 1 or (leaves and sizes != {(self.length,)}):
            raise ShapeError(
                f"got parameters of {self.layer.name} with leading axes "
                f"{sorted(sizes)}, expected all to be ({self.length},), one entry a layer"
            )
        if self.length < 1:
            raise UsageError("got a run of 0 layers, expected at least 1")
        if is_concrete(self.params):
            for leaf in leaves:
                check_finite(leaf, f"the parameters of {self.layer.name}")


@pytree
class Network:
    """A tuple of runs: h_0 -> h_1 -> ... -> h_L, with L the total number of layers.

    Example:
        >>> from gradchain.measured.build import network_from_weights
        >>> import numpy as np
        >>> net = network_from_weights([np.eye(3, dtype=np.float32)] * 4, activation="tanh")
        >>> net.depth, len(net.runs)
        (4, 1)
    """

    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        """Check that there is a layer, and one float type."""
        listed = isinstance(self.runs, (tuple, list))
        if not listed or not all(isinstance(run, Run) for run in self.runs):
            raise UsageError(f"got {type(self.runs).__name__} as runs, expected a tuple of Run")
        if not self.runs:
            raise UsageError("got a network of depth 0, expected at least one layer")
        types = {jnp.dtype(leaf.dtype).name for leaf in jax.tree.leaves(self.runs)}
        if len(types) > 1 or not all(jnp.issubdtype(jnp.dtype(t), jnp.floating) for t in types):
            raise DtypeError(
                f"got parameters of types {', '.join(sorted(types))}, expected one float type: "
                "convert all weights with .astype(...)"
            )

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return sum(run.length for run in self.runs)

    @property
    def dtype(self) -> np.dtype | None:
        """Float type of the parameters; None if no layer has any."""
        leaves = jax.tree.leaves(self.runs)
        return jnp.dtype(leaves[0].dtype) if leaves else None

    def layers(self) -> Iterator[tuple[Layer, object]]:
        """Iterate over (layer, its own parameters), from the first layer to the last."""
        for run in self.runs:
            for i in range(run.length):
                yield run.layer, jax.tree.map(lambda leaf, i=i: leaf[i], run.params)

    def __call__(self, x: jax.Array | np.ndarray) -> jax.Array:
        """Return h_L."""
        return forward(self, x).output


@pytree
class Trace:
    """All states and pre-activations that one input goes through.

    `h[l]`, l = 0 .. L, are the states, `z[l]`, l = 1 .. L, the pre-activations (IndexError where the
    layer has none); `output` is h_L.
    """

    h: PerLayer
    z: PerLayer

    @property
    def output(self) -> jax.Array:
        """The last state h_L."""
        return self.h[-1]


def check_finite(values: object, what: str) -> None:
    """Refuse NaN and infinity in a concrete array, naming the first place.

    Args:
        values: an array, or None.
        what: what it is, for the message.

    Raises:
        NonFiniteError: if a value is NaN or infinite.
        DtypeError: if it is not numeric.
    """
    array = np.asarray(values)
    if array.dtype == object or array.dtype.kind in "OUSc":
        raise DtypeError(f"got {what} of type {array.dtype}, expected real floats")
    wide = array if array.dtype.kind in "fiub" else array.astype(np.float32)
    finite = np.isfinite(wide)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise NonFiniteError(
            f"got {array[place]} at index {place} of {what}, expected finite values: "
            "the chain of such a network is not defined"
        )


Result = TypeVar("Result")


def checked(result: Result, what: str) -> Result:
    """Return a result after refusing one that holds NaN or +infinity (-inf is the log of zero).

    Args:
        result: a pytree of float arrays; a traced one passes unseen.
        what: its name in messages.

    Returns:
        The result, unchanged.

    Raises:
        NonFiniteError: if a layer overflowed, or a user's function gave NaN.
    """
    if is_concrete(result):
        for leaf in jax.tree.leaves(result):
            values = np.asarray(leaf)
            if (np.isnan(values) | np.isposinf(values)).any():
                raise NonFiniteError(
                    f"{what} holds NaN or infinity, which the input and the weights do not: a state "
                    "overflowed, or a layer's own function gave it; scale the weights down"
                )
    return result


def check_network(network: object) -> None:
    """Refuse what is not a network.

    Args:
        network: what was given.

    Raises:
        UsageError: if it is not a `Network`.
    """
    if not isinstance(network, Network):
        raise UsageError(
            f"got {type(network).__name__}, expected a Network: build one with mlp(...) or "
            "network_from_weights(...)"
        )


def check_input(network: Network, x: Any, what: str = "the input x") -> jax.Array:
    """Return x as an array after refusing what the network cannot take.

    Args:
        network: the network it is for.
        x: NumPy or JAX array.
        what: its name in messages.

    Returns:
        The array, unchanged.

    Raises:
        DtypeError: if it is no float array, or of another type than the weights.
        NonFiniteError: if it holds NaN or infinity.
        ShapeError: if it is empty, or a batch where one example is expected.
    """
    check_network(network)
    given = np.dtype(getattr(x, "dtype", type(x) if isinstance(x, (int, float)) else object))
    if not jnp.issubdtype(given, jnp.floating):
        raise DtypeError(f"got {what} of type {given}, expected a float array like the weights")
    if network.dtype is not None and given != network.dtype:
        raise DtypeError(
            f"got {what} of type {given} for weights of type {network.dtype}: "
            f"write x.astype('{network.dtype}')"
        )
    if np.size(x) == 0:
        raise ShapeError(f"got {what} of shape {np.shape(x)}, expected at least one entry")
    if np.ndim(x) > 1 and all(_takes_vectors(run.layer) for run in network.runs):
        raise ShapeError(
            f"got {what} of shape {np.shape(x)}, expected one example (a vector): for a batch write "
            "jax.vmap(lambda x: ...)(batch); only with batch norm is the batch the state"
        )
    if is_concrete(x):
        check_finite(x, what)
    return x if isinstance(x, jax.Array) else jnp.asarray(x)


def _takes_vectors(layer: Any) -> bool:
    """Say whether a layer is made of dense layers and layer norms alone, so that states are vectors."""
    parts = getattr(layer, "layers", None) or [
        part for part in (getattr(layer, "branch", None), getattr(layer, "layer", None)) if part
    ]
    if parts:
        return all(_takes_vectors(part) for part in parts)
    return isinstance(layer, (Dense, LayerNorm))


def _first(params: object) -> object:
    return jax.tree.map(lambda leaf: leaf[0], params)


def run_forward(run: Run, h: jax.Array) -> tuple[jax.Array, tuple[jax.Array, object]]:
    """Push a state through one run.

    Args:
        run: the run.
        h: state before it.

    Returns:
        The state after it, and (inputs, preactivations) of each layer stacked; preactivations is
        None for layers without.

    Raises:
        ShapeError: if a layer of a run longer than 1 changes the state's shape.
    """
    layer: Any = run.layer
    has_z = hasattr(layer, "preactivation")

    def step(state: jax.Array, params: object) -> tuple[jax.Array, tuple[jax.Array, object]]:
        if not has_z:
            return layer(params, state), (state, None)
        z = layer.preactivation(params, state)
        return layer_output(layer, params, z), (state, z)

    if run.length == 1:
        out, seen = step(h, _first(run.params))
        return out, jax.tree.map(lambda a: a[None], seen)
    shape = jax.eval_shape(lambda p, s: step(s, p)[0], _first(run.params), h)
    if shape.shape != h.shape or shape.dtype != h.dtype:
        raise ShapeError(
            f"layer {layer.name} maps a state of shape {h.shape} ({h.dtype}) to {shape.shape} "
            f"({shape.dtype}), but a run of {run.length} such layers needs the shape kept: put it "
            "into a run of its own"
        )
    return lax.scan(step, h, run.params)


def layer_output(layer: Any, params: Any, z: jax.Array) -> jax.Array:
    """Return phi(z) for a layer with a pre-activation."""
    activation = layer.activation
    return activation(z, *(params[name] for name, _ in activation.trainable))


@jax.jit
def _forward(network: Network, x: jax.Array) -> Trace:
    states, preactivations, h = [], [], x
    for run in network.runs:
        h, (inputs, z) = run_forward(run, h)
        states.append(inputs)
        preactivations.append(_Missing(run.length) if z is None else z)
    states.append(h[None])
    return Trace(PerLayer(tuple(states), 0), PerLayer(tuple(preactivations), 1))


def forward(network: Network, x: jax.Array | np.ndarray) -> Trace:
    """Run a network and keep every state h_l and pre-activation z_l.

    Args:
        network: the network.
        x: one input, of the first layer's shape and the weights' float type (with batch norm: the
            whole batch).

    Returns:
        A `Trace`. Exact up to the rounding of the forward pass.

    Raises:
        ShapeError: if x or a state does not fit the next layer.
        DtypeError: if x is of another float type than the weights.
        NonFiniteError: if x holds NaN or infinity, or a state becomes NaN.

    Example:
        >>> import numpy as np
        >>> from gradchain.measured.build import network_from_weights
        >>> net = network_from_weights([np.full((1, 1), 2.0, np.float32)] * 3, activation="identity")
        >>> [float(h[0]) for h in forward(net, np.ones(1, np.float32)).h]
        [1.0, 2.0, 4.0, 8.0]
    """
    trace = _forward(network, check_input(network, x))
    if is_concrete(trace):
        _refuse_nan(trace)
    return trace


def _refuse_nan(trace: Trace) -> None:
    """Refuse states that are NaN, naming the first.

    Raises:
        NonFiniteError: if there is one.
    """
    number = 0
    for block in trace.h.blocks:
        bad = np.isnan(np.asarray(block)).reshape(len(block), -1).any(axis=1)
        if bad.any():
            raise NonFiniteError(
                f"state h_{number + int(np.argmax(bad))} holds NaN, which the input and the weights "
                "do not: a layer before it overflowed, or its own function gave NaN"
            )
        number += len(block)
