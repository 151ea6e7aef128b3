"""How much does the state at step t matter to the state at the end, exactly?

With s_t = step(params, s_{t-1}, x_t), t = 1 .. T, and J_t = ds_t/ds_{t-1},

    ds_T/ds_t = J_T ... J_{t+1},   dL/dW = sum_t (dL/ds_T J_T ... J_{t+1}) ds_t/dW |_t,

the weights being shared: what vanishes is the early steps' share of one gradient. The rows of ds_T/ds_t
are pulled back one step at a time, by the cell's equations (`analytic`) or a vmapped `jax.vjp`
(`autodiff`), and rescaled by powers of two, which does not round, so that depth in time does not
underflow. Sources: Werbos, Proc. IEEE 78 (1990) 1550;
Pascanu, Mikolov and Bengio, arXiv:1211.5063.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from gradchain._errors import UsageError
from gradchain._types import in_short, is_concrete, one_of, pytree, static, whole_number
from gradchain.measured.network import checked
from gradchain.measured.recurrent import analytic, autodiff, checks
from gradchain.measured.recurrent.noun import Cell
from gradchain.scaled import Scaled, from_array, identity, log_abs, multiply, norm

# One program instead of a score of small ones.
_logs = jax.jit(log_abs)


@pytree
class TimeChain:
    """Sizes of ds_T/ds_t, t = 0 .. T, and of each step's share of the parameter gradient.

    `norms` (T+1,) is of the whole state, `block_norms` of its parts by name, Frobenius, as `Scaled`;
    `log_norms` and `block_log_norms` are their natural logarithms, -inf only where exactly 0. Blocks
    are dh_T/dh_t (all other parts of s_t held), for an LSTM also `c`, and the direct path: `c_direct`
    (LSTM, the product of forget gates) or `h_direct` (GRU and minimal, of update gates).
    `direct` holds that product unit by unit, (T+1, units). `parameter_log_norms` (T,) is each step's
    share: the norm of ds_T/dW through step t alone, all parameters together. With a cotangent all of
    these are of the loss: dL/ds_t, dL/dh_t, dL/dW through step t. `jacobian` is ds_T/ds_0 (or dL/ds_0
    as one row), state parts side by side, h first.
    """

    norms: Scaled
    block_norms: dict[str, Scaled]
    parameter_norms: Scaled | None
    direct: Scaled | None
    jacobian: Scaled
    of_loss: bool = static(default=False)

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return self.norms.shape[-1] - 1

    @property
    def log_norms(self) -> jax.Array:
        """Natural logarithms for the whole state, (T+1,)."""
        return _logs(self.norms)

    @property
    def block_log_norms(self) -> dict[str, jax.Array]:
        """Natural logarithms for each block, (T+1,) each."""
        return {name: _logs(value) for name, value in self.block_norms.items()}

    @property
    def parameter_log_norms(self) -> jax.Array | None:
        """Natural logarithms of each step's share, (T,), entry t - 1 for step t."""
        return None if self.parameter_norms is None else _logs(self.parameter_norms)

    @property
    def tolerance(self) -> float:
        """How far a logarithm may be off by rounding: about 8 T n eps, n the entries of the state.

        Of the chain along the states as they were computed. In a chaotic network these states
        themselves drift away from those of exact arithmetic, and the chain with them; that is not in
        this figure. It shows when the chain is computed again in float64.
        """
        # Norms of 16-bit rows are kept in float32; the rows were rounded in their own type.
        eps = float(jnp.finfo(self.jacobian.dtype).eps)
        return 8 * self.steps * self.jacobian.shape[-1] * eps

    def truncated(self, k: int) -> "TimeChain":
        """Return the chain as back-propagation cut at k steps sees it: nothing before step T - k.

        Args:
            k: number of steps gone back.

        Returns:
            The same chain with every size exactly 0 (log -inf) at states t < T - k and every share 0
            at steps t <= T - k. The last k + 1 states and k shares are untouched, since truncation
            changes no Jacobian.

        Raises:
            UsageError: if k is no whole number of at least 1.
        """
        k = whole_number("k", k)
        # A batch by vmap has its own axes before that of time.
        batch = self.norms.mantissa.ndim - 1

        def cut(value: Scaled, keep: int) -> Scaled:
            gone = max(value.mantissa.shape[batch] - keep, 0)
            early = (*[slice(None)] * batch, slice(None, gone))
            return Scaled(value.mantissa.at[early].set(0), value.exponent.at[early].set(0))

        parameters = self.parameter_norms
        blocks = {name: cut(value, k + 1) for name, value in self.block_norms.items()}
        jacobian = self.jacobian
        if k < self.steps:
            jacobian = Scaled(jnp.zeros_like(jacobian.mantissa), jnp.zeros_like(jacobian.exponent))
        return dataclasses.replace(
            self,
            norms=cut(self.norms, k + 1),
            block_norms=blocks,
            parameter_norms=None if parameters is None else cut(parameters, k),
            direct=None if self.direct is None else cut(self.direct, k + 1),
            jacobian=jacobian,
        )

    def __repr__(self) -> str:
        """Return a line that says what is inside."""
        what = "dL/ds_0" if self.of_loss else "ds_T/ds_0"
        if not is_concrete(self) or self.norms.mantissa.ndim != 1:
            return f"TimeChain(norms of shape {self.norms.shape}, blocks {list(self.block_norms)})"
        log10 = float(self.log_norms[0]) / np.log(10.0)
        return (
            f"TimeChain({self.steps} steps, exact frobenius norms: log10 ||{what}|| = {log10:.4g}; "
            f".log_norms (natural), .block_log_norms {list(self.block_norms)}, "
            ".parameter_log_norms)"
        )


def _blocks(state: Any) -> dict[str, slice]:
    """Return where each part of the state lies in the flattened state: one array is called h."""
    found: dict[str, slice] = {}
    start = 0
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator=".") or "h"
        found[name] = slice(start, start + jnp.size(leaf))
        start += jnp.size(leaf)
    return found


def _direct_products(gates: jax.Array) -> Scaled:
    """Return prod_{k>t} of the gates, t = 0 .. T, unit by unit."""
    start = from_array(jnp.ones_like(gates[0]), axis=())

    def turn(carry: Scaled, gate: jax.Array) -> tuple[Scaled, Scaled]:
        after = multiply(carry, from_array(gate, axis=()))
        return after, after

    _, products = lax.scan(turn, start, gates, reverse=True)
    return jax.tree.map(lambda a, last: jnp.concatenate([a, last[None]]), products, start)


@partial(jax.jit, static_argnames=("cell", "parameters", "how"))
def _time_chain(
    cell: Any, params: Any, inputs: jax.Array, state0: Any, cotangent: Any, parameters: bool,
    how: str,
) -> tuple[TimeChain, Any]:  # fmt: skip
    step = cell.step if isinstance(cell, Cell) else cell

    def forward(state: Any, x: jax.Array) -> tuple[Any, Any]:
        return step(params, state, x), state

    last, before = lax.scan(forward, state0, inputs)
    flat0 = ravel_pytree(state0)[0]
    blocks = _blocks(state0)
    square = cotangent is None
    if square:
        rows = identity(flat0.size, flat0.dtype)
    else:
        rows = from_array(ravel_pytree(cotangent)[0][None], axis=-1)
    at_end = autodiff.sizes(rows, blocks)
    route = analytic if how == "analytic" else autodiff
    rows, norms, each, shares = route.pulled_back(
        cell, params, before, inputs, rows, blocks, parameters
    )
    norms, each = jax.tree.map(
        lambda a, end: jnp.concatenate([a, end[None]]), (norms, each), at_end
    )
    direct = None
    if isinstance(cell, Cell) and cell.keeps is not None:
        direct = _direct_products(jax.vmap(partial(cell.kept, params))(before, inputs))  # type: ignore[arg-type]
        path = direct
        if not square:
            own = from_array(ravel_pytree(cotangent)[0][blocks[cell.keeps[1]]], axis=())
            path = jax.vmap(lambda value: multiply(value, own))(direct)
        each = each | {f"{cell.keeps[1]}_direct": jax.vmap(norm)(path)}
    chain = TimeChain(norms, each, shares, direct, rows, not square)
    states = jax.tree.map(lambda a, end: jnp.concatenate([a, end[None]]), before, last)
    return chain, states


def _route(cell: Any, cotangent: Any, how: str) -> str:
    """Return the route: analytic where there is a rule and all rows are wanted.

    Raises:
        UsageError: for an unknown route, or an analytic one that is not to be had.
    """
    one_of("how", how, ("auto", "analytic", "autodiff"))
    there = type(cell) in analytic.RULES and cotangent is None
    if how == "analytic" and not there:
        raise UsageError(
            "got how='analytic' with a cotangent or a cell of your own, expected a cell of "
            "gradchain.cells without a cotangent: use how='auto'"
        )
    return "analytic" if there and how != "autodiff" else "autodiff"


def time_chain(
    cell: Cell | Callable,
    params: Any,
    inputs: jax.Array | np.ndarray,
    state0: Any = None,
    *,
    cotangent: Any = None,
    parameters: bool = True,
    how: str = "auto",
) -> TimeChain:
    """Compute ||ds_T/ds_t||_F for every step t, whole and by block, in one backward pass.

    log_norms[t] = log ||J_T ... J_{t+1}||_F, t = 0 .. T.

    Args:
        cell: one of `gradchain.cells`, or a hashable function (params, state, input) -> state (a
            state is any tree of arrays; a function made anew is compiled anew).
        params: its parameters; for a cell of `gradchain.cells` what `cell.init(key, d)` gave.
        inputs: (T, input_dim) of the parameters' float type. For a batch use `jax.vmap`.
        state0: the first state; zeros if not given (a user's function must have one).
        cotangent: dL/ds_T, shaped like the state: then every size is of the loss' gradient, and only
            one row is pulled back.
        parameters: also the parameters' shares. For a user's cell they cost a gradient of the
            parameters' size a row and step.
        how: "analytic": the rows are multiplied by J_t as the cell's equations give it (cells of
            `gradchain.cells` without a cotangent); "autodiff": they are pulled back by `jax.vjp` (any
            cell). "auto": analytic where it can. The two share no derivative code.

    Returns:
        A `TimeChain`. Exact up to rounding (`tolerance`) and the limit of `Scaled`: an entry smaller
        than its row's largest by more than the type's range is lost. Time O(T N^2 n) for N entries of
        the state, memory O(N^2 + T N).

    Raises:
        UsageError: if the cell is none or fails, a user's cell has no state0, or the route is unknown
            or not to be had.
        ShapeError: for an empty sequence, a size that does not fit, or a cell that changes its state.
        DtypeError: for anything but floats of one type.
        NonFiniteError: if something given holds NaN or infinity, or a state overflowed.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from gradchain.measured.recurrent import cells
        >>> lstm = cells.lstm(4, forget_bias=0)
        >>> params = jax.tree.map(jnp.zeros_like, lstm.init(jax.random.key(0), 2))
        >>> chain = time_chain(lstm, params, jnp.zeros((2000, 2)))
        >>> round(float(chain.block_log_norms["c_direct"][0] / jnp.log(2.0)), 3)  # 4 halves**2000
        -1999.0
    """
    if not isinstance(parameters, bool):
        raise UsageError(f"got parameters={in_short(parameters)}, expected True or False")
    inputs = checks.read_sequence(inputs)
    params = checks.read_params(cell, params, inputs)
    state0 = checks.read_state(cell, state0, inputs.dtype)
    cotangent = checks.read_cotangent(cotangent, state0, inputs.dtype)
    route = _route(cell, cotangent, how)
    checks.check_step(cell.step if isinstance(cell, Cell) else cell, params, state0, inputs)
    chain, states = _time_chain(cell, params, inputs, state0, cotangent, parameters, route)
    checks.check_states(states)
    return checked(chain, "the chain through time")
