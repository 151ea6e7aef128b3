"""The words around the numbers of the study of chains through time: key, statement, conditions.

Keys: `<cell>.chain.<setting>.kept<k>.<measured, predicted or untied>`, `<...>.steps.<limit>` and
`<...>.trained<k>.<before or after>`.
"""

import numpy as np

from gradchain.experiments import time_chain_numbers as numbers
from gradchain.experiments.records import computed, estimated
from gradchain.experiments.time_chain import BATCH, TOKENS, gate_bias, has_gate
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.time_chain_numbers"
_STUDY = "time_chain"
NAMES = {
    "rnn.orthogonal": "a tanh RNN with orthogonal weights",
    "rnn.glorot": "a tanh RNN with Glorot weights",
    "rnn.irnn": "a relu RNN that starts at the identity (IRNN)",
    "rnn.minimal": "a minimal gated RNN with update bias 0",
    "gru.bias0": "a GRU with update bias 0",
    "lstm.biasminus1": "an LSTM with forget bias -1",
    "lstm.bias0": "an LSTM with forget bias 0",
    "lstm.bias1": "an LSTM with forget bias 1",
    "lstm.bias2": "an LSTM with forget bias 2",
    "lstm.bias5": "an LSTM with forget bias 5",
}
# Limit -> its key segment, its name in a sentence, its formula.
LIMITS = {
    "percent": ("percent", "1 percent of its size", "0.01"),
    "float32": ("float32", "the smallest positive float32 number", "2^(-149)"),
    "float64": ("float64", "the smallest positive float64 number", "2^(-1074)"),
}


def stem(network: str) -> str:
    """Return how the keys of a network begin.

    Args:
        network: one of `time_chain.NETWORKS`.

    Returns:
        Such as `lstm.chain.bias1`.
    """
    return network.replace(".", ".chain.")


def _tags(network: str, *more: str) -> tuple[str, ...]:
    return (network.split(".")[0], "gradient", *(("gates",) if has_gate(network) else ()), *more)


def _start(units: int) -> str:
    return (
        f"{units} units at initialization, as in Keras: Glorot-uniform kernels, orthogonal recurrent "
        "weights unless said otherwise, biases 0 but for the gate's named"
    )


def _kept(back: int) -> tuple[str, str]:
    return (
        f"||ds_T/ds_(T-{back})||_F/sqrt(N)",
        f"\\|\\partial s_T/\\partial s_{{T-{back}}}\\|_F/\\sqrt{{N}}",
    )


def kept_measured(
    network: str, total: np.ndarray, units: int, back: int, seeds: int, seed: int
) -> Number:
    """Make what networks keep of a gradient some steps back.

    Args:
        network: one of `time_chain.NETWORKS`.
        total: (S, T+1) decimal logarithms by steps back.
        units: n.
        back: steps back.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The number.
    """
    steps = total.shape[1] - 1
    text, latex = _kept(back)
    settings = {"network": network, "units": units, "steps": steps, "back": back}
    return estimated(
        f"{stem(network)}.kept{back}.measured",
        numbers.kept_of(total, back),
        How.of(f"{_HOME}.kept", **settings, seeds=seeds, seed=seed),
        f"Of a gradient, {{value}} is left {back} steps back in {NAMES[network]} (median).",
        conditions=f"{seeds} networks of {_start(units)}; root mean square over directions of the whole "
        f"state s, from the last of {steps} steps, inputs of {TOKENS} entries in random directions with "
        "|x| = 1.",
        dtype="float32",
        formula_text=f"median {text}",
        formula_latex=f"\\operatorname{{median}}\\,{latex}",
        study=_STUDY,
        tags=_tags(network, "initialization"),
    )


def kept_predicted(network: str, units: int, steps: int, back: int, *, tied: bool = True) -> Number:
    """Make what theory predicts to be left.

    Args:
        network: one of `time_chain.NETWORKS`.
        units: n.
        steps: T.
        back: steps back.
        tied: one set of weights for all steps; False for new ones at each.

    Returns:
        The number.
    """
    settings = {"network": network, "units": units, "steps": steps, "back": back, "tied": tied}
    text, latex = _kept(back)
    law = (
        "exact at every width (arcsine law of the reflected random walk)"
        if network == "rnn.irnn"
        else "mean field of infinite width"
        if not has_gate(network)
        else "mean field of infinite width, states of different steps taken for independent"
    )
    slow = (
        " Fails for gates as slow as these, where states of different steps are not independent; the "
        "error bound is that of the quadrature alone."
        if gate_bias(network) >= 2
        else ""
    )
    weights = "" if tied else ", were its weights drawn anew at every step"
    return computed(
        f"{stem(network)}.kept{back}.{'predicted' if tied else 'untied'}",
        numbers.kept_predicted(**settings),
        How.of(f"{_HOME}.kept_predicted", **settings),
        "1e-8",
        f"Of a gradient, {{value}} would be left {back} steps back in {NAMES[network]}{weights} "
        "(predicted root mean square).",
        role="prediction",
        conditions=f"{law[0].upper()}{law[1:]}; spread of Glorot's kernels as for {units} units, inputs "
        f"of {TOKENS} entries in random directions with |x| = 1, from the last step of {steps}, start "
        f"from zeros.{slow}",
        formula_text=f"sqrt(E({text})^2)",
        formula_latex=f"\\sqrt{{\\mathrm{{E}}({latex})^2}}",
        study=_STUDY,
        tags=_tags(network, "initialization", "mean field"),
    )


def lost_steps(
    network: str, limit: str, counts: np.ndarray, units: int, steps: int, seed: int
) -> Number:
    """Make the number of steps until a gradient is below a limit.

    Args:
        network: one of `time_chain.NETWORKS`.
        limit: one of `LIMITS`.
        counts: (S,) steps.
        units: n.
        steps: how many steps were gone back.
        seed: seed of the draws.

    Returns:
        The number.
    """
    segment, name, formula = LIMITS[limit]
    settings = {"network": network, "limit": limit, "units": units, "steps": steps}
    return estimated(
        f"{stem(network)}.steps.{segment}",
        numbers.steps_of(counts),
        How.of(f"{_HOME}.lost_steps", **settings, seeds=len(counts), seed=seed),
        f"In {NAMES[network]} a gradient falls below {name} within {{value}} steps (median).",
        conditions=f"{len(counts)} networks of {_start(units)}; a gradient of size 1 and random "
        f"direction at the end of {steps} steps, followed exactly, inputs of {TOKENS} entries in random "
        "directions with |x| = 1.",
        unit="steps",
        dtype="float32",
        formula_text=f"median min{{k : |u^T ds_T/ds_(T-k)| < {formula}}}",
        formula_latex="\\operatorname{median}\\min\\{k : |u^T\\,\\partial s_T/\\partial s_{T-k}| < "
        f"{formula.replace('(', '{').replace(')', '}')}\\}}",
        study=_STUDY,
        tags=_tags(network, "vanishing", "initialization"),
    )


def trained_kept(
    network: str,
    when: str,
    total: np.ndarray,
    units: int,
    distance: int,
    training_steps: int,
    seed: int,
) -> Number:
    """Make what is left at the distance trained for.

    Args:
        network: one of `time_chain.NETWORKS`.
        when: "before" or "after".
        total: (S, T+1) decimal logarithms by steps back.
        units: n.
        distance: steps from the first token to the answer.
        training_steps: steps of Adam.
        seed: seed of the draws.

    Returns:
        The number.
    """
    steps, seeds = total.shape[1] - 1, len(total)
    settings = {"network": network, "when": when, "units": units, "distance": distance}
    settings |= {"training_steps": training_steps, "steps": steps, "seeds": seeds, "seed": seed}
    text, latex = _kept(distance)
    said = "Before training" if when == "before" else f"After {training_steps} steps of training"
    return estimated(
        f"{stem(network)}.trained{distance}.{when}",
        numbers.kept_of(total, distance),
        How.of(f"{_HOME}.trained_kept", **settings),
        f"{said} to name a token of {distance} steps ago, {{value}} of a gradient is left that far back "
        f"in {NAMES[network]} (median).",
        conditions=f"{seeds} networks of {_start(units)}; Adam, batch {BATCH}, fresh sequences of "
        f"{TOKENS} one-hot tokens; looked at on {steps} random tokens, root mean square over directions "
        "of the whole state s.",
        dtype="float32",
        formula_text=f"median {text}",
        formula_latex=f"\\operatorname{{median}}\\,{latex}",
        study=_STUDY,
        tags=_tags(network, "training"),
    )
