"""The numbers of the recognise study, each as a function that computes it again, and their words.

Keys: `recognise.<sign>.hits`, `.falsealarms`, `recognise.<sign>.<cause>.alarms`. Cost: training all
networks of the population, once for all numbers of a seed: a minute on two cores at 64 seeds.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.recognise import SIGNS, Signs, alarms, joined, observe, vanishing
from gradchain.experiments.recognise_population import CAUSES, POPULATION, POPULATIONS, names_of
from gradchain.experiments.records import estimated, segment
from gradchain.registry.record import How, Number

QUANTITIES = ("share", "hits", "falsealarms", "right", "alarms")
BY_CAUSE = ("plateau", "flat", "weight_change")
RULES = {
    "plateau": "a loss plateau (best loss of the last 10 epochs less than 1e-4 better, relative: "
    "PyTorch's ReduceLROnPlateau)",
    "flat": "a loss plateau (best loss of the last 10 epochs less than 1e-4 better: Keras' "
    "ReduceLROnPlateau)",
    "chance": "a loss within 0.003 of log 2",
    "weight_change": "first-layer weights that changed by less than 1 % (median)",
    "autotrainer": "AutoTrainer's rule (first to last gradient below 1e-3, first below 1e-4)",
    "sagemaker": "SageMaker Debugger's rule (mean |g| of a kernel below 1e-7)",
    "karpathy": "Karpathy's rule (steps of a kernel below 1e-4 of its weights)",
    "slope": "gradchain's slope rule (interval of the log gradient's change over the depth below -1 "
    "decade)",
}
WHY = {
    "deep": "deep networks whose gradient has not vanished",
    "shallow": "shallow networks that train as they should",
    "slow": "networks with a much too small learning rate",
    "dead": "networks with dead ReLU layers",
    "converged": "networks whose loss has nowhere left to fall",
    "hopeless": "networks on points that nothing can tell apart",
}


def causes_of(parts: Mapping[str, Signs]) -> np.ndarray:
    """Name for each network why it may look as if its gradient vanished.

    Args:
        parts: signs by kind.

    Returns:
        (S,) names among `CAUSES`, in the order of `joined`.
    """
    return np.concatenate([
        np.full(len(signs.log10_chain), POPULATION[name][0]) for name, signs in parts.items()
    ])


def rate_of(
    signs: Signs, causes: np.ndarray, quantity: str, sign: str = "", cause: str = ""
) -> Result:
    """Count networks.

    Args:
        signs: of all networks.
        causes: (S,) names.
        quantity: "share" (of vanishing ones), "hits" (alarms among the vanishing), "falsealarms" (among
            the others), "right" (vanishing ones among the alarms) or "alarms" (among those of a cause
            that have not vanished).
        sign: one of `SIGNS`; not for "share".
        cause: one of `CAUSES`, for "alarms".

    Returns:
        The share with Wilson's interval.

    Raises:
        UsageError: if there is no network to count among.
    """
    truth = vanishing(signs)
    if quantity == "share":
        return statistics.share(int(truth.sum()), len(truth))
    alarm = alarms(signs, sign)
    among, what = {
        "hits": (truth, alarm),
        "falsealarms": (~truth, alarm),
        "right": (alarm, truth),
        "alarms": (~truth & (causes == cause), alarm),
    }[quantity]
    if not among.any():
        raise UsageError(f"no network to count {quantity} of {sign} {cause} among")
    return statistics.share(int((among & what).sum()), int(among.sum()))


@lru_cache(maxsize=4)
def _observed(population: str, seeds: int, seed: int) -> tuple[Signs, np.ndarray]:
    if not 1 <= seeds <= 4096:
        raise UsageError(f"seeds {seeds}: expected 1 to 4096")
    parts = {name: observe(name, seeds, seed) for name in names_of(population)}
    return joined(parts), causes_of(parts)


@recomputable(
    population=tuple(POPULATIONS),
    seeds=int,
    seed=int,
    quantity=QUANTITIES,
    sign=("", *SIGNS),
    cause=("", *CAUSES),
)
def rate(population: str, seeds: int, seed: int, quantity: str, sign: str, cause: str) -> Result:
    """Train a population and count hits or false alarms of a sign.

    Args:
        population: "all" or "small".
        seeds: networks of each kind.
        seed: seed of the draws.
        quantity: see `rate_of`.
        sign: one of `SIGNS`, "" for "share".
        cause: one of `CAUSES` for "alarms", else "".

    Returns:
        The share with Wilson's interval.

    Raises:
        UsageError: if the sign or cause is missing.
    """
    if (not sign and quantity != "share") or (not cause and quantity == "alarms"):
        raise UsageError(f"quantity {quantity!r} needs a sign, and 'alarms' also a cause")
    return rate_of(*_observed(population, seeds, seed), quantity, sign, cause)


def numbers_of(parts: Mapping[str, Signs], population: str, seeds: int, seed: int) -> list[Number]:
    """Make the records of a population.

    Args:
        parts: signs by kind.
        population: its name.
        seeds: networks of each kind.
        seed: seed of the draws.

    Returns:
        Records of kind estimated; none for a share among no networks.
    """
    signs, causes = joined(parts), causes_of(parts)
    truth = vanishing(signs)

    def record(key: str, said: str, formula: tuple[str, str], quantity: str, **of: str) -> Number:
        arguments = {"sign": "", "cause": "", **of}
        how = How.of(
            "gradchain.experiments.recognise_numbers.rate",
            population=population,
            seeds=seeds,
            seed=seed,
            quantity=quantity,
            **arguments,
        )
        return estimated(
            f"recognise.{key}",
            rate_of(signs, causes, quantity, **of),
            how,
            said,
            conditions=f"{len(truth)} trained networks: {len(parts)} kinds with {seeds} seeds each, "
            "deep and shallow, some with a learning rate that is too small, dead ReLU layers, a loss at "
            "its end, or points that cannot be told apart; the shares depend on this choice. Vanished: "
            "0 < sqrt(mean ||dh_L/dh_1||_F^2/n) < 1e-3 at the trained weights, in float64.",
            formula_text=formula[0],
            formula_latex=formula[1],
            study="recognise",
            dtype="float32",
            tags=("detector", "vanishing", "diagnosis"),
        )

    made = [
        record(
            "population.share",
            "In a share of {value} of the networks of the study the gradient has vanished.",
            ("P(vanished)", "\\mathrm{P}(\\mathrm{vanished})"),
            "share",
        )
    ]
    for sign in SIGNS:
        stem, rule = segment(sign), RULES[sign]
        made += [
            record(
                f"{stem}.hits",
                f"Of the networks whose gradient has vanished, {rule} finds a share of {{value}}.",
                ("P(alarm | vanished)", "\\mathrm{P}(\\mathrm{alarm} \\mid \\mathrm{vanished})"),
                "hits",
                sign=sign,
            ),
            record(
                f"{stem}.falsealarms",
                f"Of the networks whose gradient has not vanished, {rule} accuses a share of {{value}}.",
                (
                    "P(alarm | not vanished)",
                    "\\mathrm{P}(\\mathrm{alarm} \\mid \\mathrm{not\\ vanished})",
                ),
                "falsealarms",
                sign=sign,
            ),
        ]  # fmt: skip
        if alarms(signs, sign).any():
            made.append(
                record(
                    f"{stem}.right",
                    f"Of the networks that {rule} accuses, the gradient has vanished in a share of "
                    "{value}.",
                    (
                        "P(vanished | alarm)",
                        "\\mathrm{P}(\\mathrm{vanished} \\mid \\mathrm{alarm})",
                    ),
                    "right",
                    sign=sign,
                )
            )
    for sign in BY_CAUSE:
        for cause in CAUSES:
            if (~truth & (causes == cause)).any():
                made.append(
                    record(
                        f"{segment(sign)}.{cause}.alarms",
                        f"Of {WHY[cause]}, {RULES[sign]} accuses a share of {{value}}.",
                        (f"P(alarm | {cause}, not vanished)",
                         f"\\mathrm{{P}}(\\mathrm{{alarm}} \\mid \\mathrm{{{cause}, not\\ vanished}})"),
                        "alarms",
                        sign=sign,
                        cause=cause,
                    )
                )  # fmt: skip
    return made
