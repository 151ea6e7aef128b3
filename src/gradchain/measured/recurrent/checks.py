"""What can a chain through time not start from? Each refusal is one sentence."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import DtypeError, GradchainError, NonFiniteError, ShapeError, UsageError
from gradchain._types import float_array, in_short, is_concrete
from gradchain.measured.network import check_finite
from gradchain.measured.recurrent.noun import Cell

# Where the functions that make cells are.
_MAKERS = "gradchain.measured.recurrent.cells"


def _first_line(error: Exception) -> str:
    kind = type(error).__name__
    return f"{kind}: {str(error).splitlines()[0]}" if str(error).strip() else kind


def _shapes(tree: Any) -> Any:
    """Return the tree with a leaf's shape in its place, for messages and comparisons."""
    return jax.tree.map(lambda leaf: tuple(jnp.shape(leaf)), tree)


def _floats(tree: Any, what: str, dtype: np.dtype | None) -> Any:
    """Return the tree with float arrays of one type as leaves.

    Raises:
        DtypeError: if a leaf is of another type.
    """

    def read(path: tuple, leaf: object) -> jax.Array:
        name = what + jax.tree_util.keystr(path)
        array = float_array(leaf, name)
        if dtype is not None and array.dtype != dtype:
            raise DtypeError(
                f"got {name} of type {array.dtype} for inputs of type {dtype}, expected the same: "
                f"write x.astype('{dtype}')"
            )
        if is_concrete(array):
            check_finite(array, name)
        return array

    return jax.tree_util.tree_map_with_path(read, tree)


def read_sequence(inputs: Any) -> jax.Array:
    """Return the inputs, (T, input_dim).

    Args:
        inputs: what was given.

    Returns:
        The array.

    Raises:
        DtypeError: for anything but one float array.
        ShapeError: if there is no step, or nothing in a step.
    """
    if inputs is None or not jax.tree_util.all_leaves([inputs]):
        raise DtypeError(
            f"got inputs of type {type(inputs).__name__}, expected one float array (T, input_dim): "
            "write jax.numpy.asarray(inputs, dtype=float)"
        )
    array = _floats(inputs, "the inputs", None)
    if array.ndim < 1 or 0 in array.shape:
        raise ShapeError(
            f"got inputs of shape {array.shape}, expected (T, input_dim) with at least one step of "
            "at least one entry: give one row for each step"
        )
    return array


def read_params(cell: Cell | Callable, params: Any, inputs: jax.Array) -> Any:
    """Return the parameters after refusing what the cell cannot use.

    Args:
        cell: the cell.
        params: what was given.
        inputs: the sequence.

    Returns:
        The parameters as arrays.

    Raises:
        UsageError: if cell is neither a `Cell` nor a function that can be hashed, or if it is a kind
            of cell instead of a cell.
        ShapeError: if a built-in cell's parameters or inputs are of other shapes.
    """
    if not isinstance(cell, Cell):
        if not callable(cell) or getattr(type(cell), "__hash__", None) is None:
            raise UsageError(
                f"got {in_short(cell)} as cell, expected one of gradchain.cells or a hashable "
                "function (params, state, input) -> state"
            )
        if isinstance(cell, type) or getattr(cell, "__module__", "") == _MAKERS:
            raise UsageError(
                f"got {getattr(cell, '__name__', in_short(cell))} as cell, expected a cell made by "
                "it: write gradchain.cells.lstm(units)"
            )
        return _floats(params, "the parameters", inputs.dtype)
    if inputs.ndim != 2:
        raise ShapeError(
            f"got inputs of shape {inputs.shape}, expected (T, input_dim): for a batch use jax.vmap"
        )
    params = _floats(params, "the parameters", inputs.dtype)
    expected = cell.shapes(inputs.shape[1])
    found = _shapes(params)
    if found == expected:
        return params
    kernel = found.get("kernel") if isinstance(found, dict) else None
    if kernel and found == cell.shapes(kernel[-1]):
        raise ShapeError(
            f"got inputs of shape {inputs.shape} for a kernel of shape {kernel}, expected inputs of "
            f"{kernel[-1]} entries a step, or parameters from cell.init(key, {inputs.shape[1]})"
        )
    raise ShapeError(
        f"got parameters of shapes {in_short(found)} for inputs of "
        f"{inputs.shape[1]} entries, expected {expected}: use cell.init(key, "
        f"{inputs.shape[1]})"
    )


def read_state(cell: Cell | Callable, state: Any, dtype: np.dtype) -> Any:
    """Return the first state.

    Args:
        cell: the cell.
        state: what was given; None for the cell's own.
        dtype: the inputs' float type.

    Returns:
        The state as arrays.

    Raises:
        UsageError: if a user's function comes without a state.
        ShapeError: if the state is empty or not of the built-in cell's shapes.
    """
    if state is None:
        if not isinstance(cell, Cell):
            raise UsageError(
                "got no state0 for a cell of your own, expected its first state: pass state0="
            )
        return cell.state0(dtype)
    state = _floats(state, "state0", dtype)
    if not sum(leaf.size for leaf in jax.tree.leaves(state)):
        raise ShapeError("got a state0 without entries, expected at least one")
    if isinstance(cell, Cell):
        own = cell.state0(dtype)
        if jax.tree.structure(own) != jax.tree.structure(state) or _shapes(own) != _shapes(state):
            raise ShapeError(
                f"got state0 of shapes {in_short(_shapes(state))}, expected {_shapes(own)}: "
                "use cell.state0()"
            )
    return state


def read_cotangent(cotangent: Any, state: Any, dtype: np.dtype) -> Any:
    """Return dL/dstate_T, of the state's shapes.

    Args:
        cotangent: what was given, or None.
        state: the first state.
        dtype: the inputs' float type.

    Returns:
        The cotangent as arrays, or None.

    Raises:
        ShapeError: if it is not of the state's shapes.
    """
    if cotangent is None:
        return None
    cotangent = _floats(cotangent, "the cotangent", dtype)
    same = jax.tree.structure(cotangent) == jax.tree.structure(state)
    if not same or _shapes(cotangent) != _shapes(state):
        raise ShapeError(
            f"got a cotangent of shapes {in_short(_shapes(cotangent))}, expected "
            f"{_shapes(state)}, the state's"
        )
    return cotangent


def check_step(step: Callable, params: Any, state: Any, inputs: jax.Array) -> None:
    """Refuse a step that changes the state's structure, shapes or types.

    Args:
        step: (params, state, input) -> state.
        params: its parameters.
        state: the first state.
        inputs: the sequence.

    Raises:
        GradchainError: gradchain's own, raised inside the step: it is passed on as it is.
        UsageError: if the step cannot be traced with what was given, whatever it raises.
        ShapeError: if the next state is of another form than the state.
        DtypeError: if it is of another type than the inputs.
    """
    try:
        after = jax.eval_shape(step, params, state, inputs[0])
    except GradchainError:
        raise
    except Exception as error:
        raise UsageError(
            f"got a cell that fails on a state of shapes {in_short(_shapes(state))} and an input of "
            f"shape {inputs.shape[1:]}, expected (params, state, input) -> state in JAX operations: "
            f"{_first_line(error)}"
        ) from error
    same = jax.tree.structure(after) == jax.tree.structure(state)
    if not same or _shapes(after) != _shapes(state):
        raise ShapeError(
            f"got a cell that turns a state of shapes {in_short(_shapes(state))} into "
            f"{in_short(_shapes(after))}, expected the same: return the next state in the form of "
            "state0"
        )
    types = {str(leaf.dtype) for leaf in jax.tree.leaves(after)}
    if types != {str(inputs.dtype)}:
        raise DtypeError(
            f"got a cell whose next state is of type {', '.join(sorted(types))}, expected "
            f"{inputs.dtype} like the inputs: return it by .astype(state.dtype)"
        )


def check_states(states: Any) -> None:
    """Refuse a run whose states overflowed.

    Args:
        states: the tree of states, (T + 1, ...) a leaf.

    Raises:
        NonFiniteError: naming the first step.
    """
    if not is_concrete(states):
        return
    for leaf in jax.tree.leaves(states):
        values = np.asarray(leaf)
        values = values if values.dtype.kind == "f" else values.astype(np.float32)
        bad = ~np.isfinite(values.reshape(values.shape[0], -1)).all(axis=1)
        if bad.any():
            raise NonFiniteError(
                f"the state after step {int(np.argmax(bad))} holds NaN or infinity: the network "
                "overflowed; scale the recurrent weights down"
            )
