"""How much of a gradient do gated recurrent networks keep at initialization, tied and untied?

Mean field of the cells of `gradchain.cells` with phi = tanh, at infinite width, all biases zero but that
of the keeping gate. Every pre-activation is Gaussian over units: variance v from the input, fresh at each
step, and s^2 p from the state, s^2 = n Var(U_ij), p = E h^2 (orthogonal U: s = 1; one semi-orthogonal
matrix stacked from k gates, Keras' default: s^2 = 1/k). One step's Jacobian is D_t + B_t U + ..., D_t the
keeping gate, B_t U the way through the candidate, dots for the ways through the gates, whose factors have
mean 0. Then, of E||dh_T/dh_t||_F^2 / n,

    untied (new U at each step)   a factor a step: chi = E D^2 + s^2 E B^2 + ...
    tied (one U)                  chi for two copies of a path that are at the same unit; but they may
                                  jump by U at different times: one ahead of the other, each goes on with
                                  the means, (E D + s E B)^2 in all instead of (E D)^2 + s^2 (E B)^2

so tied gated networks keep far more than untied ones, (E D + s E B)^2 a step for long times: a I + b U
has the spectral radius a + b s, while new U_t leave the root of a^2 + b^2 s^2 a step. Plain networks
have D = 0, minimal ones E B = 0: there tied and untied agree. The LSTM does the same with its two parts
h and c.

A *prediction*; approximated are: infinite width, states Gaussian and independent of U, gates independent
from step to step (those that stand still keep more: `recurrent_gates.gate_chain`), f independent of
phi'(c'), and states of different steps independent in what they add to c. The last one fails where gates
are slow: at forget bias 2 the prediction is some two times too large over 100 steps, at 5 it is wrong by
powers of ten, also in wide networks, since h stands still, c adds up the same g again and again, and
phi'(c) closes.

Sources: Chen, Pennington and Schoenholz, arXiv:1806.05394 (minimal); Gilboa et al., arXiv:1901.08987
(LSTM, GRU, untied); the sum over tied paths is derived here, by Wick's theorem in its leading order.
"""

import math
from dataclasses import dataclass

import numpy as np

from gradchain._errors import UsageError
from gradchain._types import Real, in_short, one_of, whole_number
from gradchain.predicted.mean_field.laws import non_negative
from gradchain.predicted.recurrent_gated_steps import CELLS, PathStep, first_state, path_step
from gradchain.predicted.recurrent_gates import finite

_SETTLED = 1e-13


@dataclass(frozen=True, eq=False)
class GatedField:
    """Root mean squares of the chain through time, natural logarithms, t = 0 .. T; last entries 0.

    Attributes:
        log_norms: (T+1,) of ||ds_T/ds_t||_F / sqrt(N), N the entries of the whole state s.
        block_log_norms: (T+1,) each, of a block over sqrt(n): `h`; for the LSTM `c` too; and the direct
            path, `c_direct` (LSTM) or `h_direct`, as the product of gates that move afresh.
        square_h: (T+1,) E h_t^2.
        square_c: (T+1,) E c_t^2; None for cells without c.
        rate: natural logarithm a step for T - t to infinity, once the states have settled: of the tied
            chain log(E D + s E B) or log(chi) / 2, whichever is larger (untied: the latter).
    """

    log_norms: np.ndarray
    block_log_norms: dict[str, np.ndarray]
    square_h: np.ndarray
    square_c: np.ndarray | None
    rate: float


def gated_field(
    cell: str,
    steps: int,
    *,
    gate_bias: Real = 0.0,
    recurrent_scale: Real = 1.0,
    input_variance: Real = 0.0,
    tied: bool = True,
) -> GatedField:
    """Follow states and gradients of a gated network through time, from zeros.

    Args:
        cell: "minimal", "gru" (reset after the product), "gru_before" or "lstm".
        steps: T.
        gate_bias: of the gate that keeps: u, z or f.
        recurrent_scale: s, s^2 = n Var(U_ij) of one gate's recurrent weights.
        input_variance: v, the variance over units of the input's part of each pre-activation: for a
            kernel of entries of variance a^2 and inputs x it is a^2 E|x|^2.
        tied: one U for all steps, as a recurrent network has; False for new weights at each step.

    Returns:
        A `GatedField`, a *prediction* (see the module's text). Cost: some 10 integrals a step, 100 for
        "gru", until the states settle; O(T^2) for tied paths.

    Raises:
        UsageError: if a value is out of range.

    Example:
        >>> size = {"gate_bias": 0.0, "recurrent_scale": 0.5, "input_variance": 0.1}
        >>> tied, untied = (gated_field("gru", 50, tied=tied, **size).rate for tied in (True, False))
        >>> np.exp([tied, untied]).round(2).tolist()
        [0.61, 0.52]
    """
    cell, steps = one_of("cell", cell, CELLS), whole_number("steps", steps)
    if not isinstance(tied, bool):
        raise UsageError(f"got tied={in_short(tied)}, expected True or False")
    bias = finite("gate_bias", gate_bias)
    weight = non_negative("recurrent_scale", recurrent_scale) ** 2
    own = non_negative("input_variance", input_variance)
    states, seen = [first_state(cell)], []
    for _ in range(steps):
        new = path_step(cell, bias, weight, own, states[-1])
        states.append(new.state)
        seen.append(new)
        moved = max(abs(a - b) for a, b in zip(states[-1], states[-2], strict=True))
        if moved <= _SETTLED * max(states[-1]):
            seen += [new] * (steps - len(seen))
            states += [new.state] * (steps + 1 - len(states))
            break
    squares = np.array(states)
    logs = _two_copies(seen, tied)
    kinds = logs.shape[1]
    whole = np.logaddexp.reduce(logs.reshape(steps + 1, -1), axis=1) / 2 - math.log(kinds) / 2
    whole[-1] = 0.0
    gates = np.log([each.direct for each in seen]) / 2
    direct = np.concatenate([np.cumsum(gates[::-1])[::-1], [0.0]])
    blocks = {"h": logs[:, 0, 0] / 2}
    blocks |= {"c": logs[:, 1, 1] / 2, "c_direct": direct} if kinds == 2 else {"h_direct": direct}
    square_c = squares[:, 1] if kinds == 2 else None
    return GatedField(whole, blocks, squares[:, 0], square_c, _rate(seen[-1], tied))


def _rate(step: PathStep, tied: bool) -> float:
    together = np.abs(np.linalg.eigvals(step.both_stay + step.both_jump)).max()
    rates = [math.log(together) / 2] if together > 0 else []
    if tied:
        alone = np.abs(np.linalg.eigvals(step.stay + step.jump)).max()
        rates += [math.log(alone)] if alone > 0 else []
    return max(rates, default=-math.inf)


def _two_copies(seen: list[PathStep], tied: bool) -> np.ndarray:
    """Sum over the two copies of a path in |J|^2.

    A copy is at a unit's part (kinds: h, or h and c); d is by how many jumps the first is ahead. At d = 0
    both are at one unit and factors have joint moments, else they are independent.

    Returns:
        (T+1, kinds, kinds): log of the squares, end by start.
    """
    steps, kinds = len(seen), seen[0].stay.shape[0]
    reach = steps + 1 if tied else 1
    places = np.zeros((kinds, 2 * reach + 1, kinds * kinds))
    same = [k * kinds + k for k in range(kinds)]
    for k in range(kinds):
        places[k, reach, same[k]] = 1.0
    logs = np.full((steps + 1, kinds, kinds), -np.inf)
    logs[-1] = np.where(np.eye(kinds, dtype=bool), 0.0, -np.inf)
    shift = 0.0
    for t in range(steps - 1, -1, -1):
        step = seen[t]
        middle = places[:, reach].copy()
        if tied:
            places[:, reach] = 0.0
            stay, jump = step.stay, step.jump
            after = places @ (np.kron(stay, stay) + np.kron(jump, jump))
            after[:, 1:] += places[:, :-1] @ np.kron(jump, stay)
            after[:, :-1] += places[:, 1:] @ np.kron(stay, jump)
            after[:, reach + 1] += middle @ step.first_jumps
            after[:, reach - 1] += middle @ step.second_jumps
        else:
            after = np.zeros_like(places)
        after[:, reach] += middle @ (step.both_stay + step.both_jump)
        # Scaled at each step: sums of T factors leave the range of float64.
        top = after.max()
        if top == 0:
            break
        places, shift = after / top, shift + math.log(top)
        with np.errstate(divide="ignore"):
            logs[t] = np.log(places[:, reach][:, same]) + shift
    return logs
