"""The pictures of the study of two sentences: drawings, with the words that go with each.

`found` is what the study made of its cells: arrays by place and network, chains by kind, keys.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradchain.figures.picture import Picture
from gradchain.figures.two_sentences import Words, draw_gates, draw_tied, draw_words
from gradchain.figures.words import alt_text

_LN10 = float(np.log(10.0))


def pictures(
    found: Any,
    labels: Mapping[str, str],
    kinds: Mapping[str, str],
    words: Mapping[str, list[str]],
    theory: Mapping[str, Mapping[str, np.ndarray]],
    growth: Mapping[str, float],
) -> list[Picture]:
    """Make the pictures of the study.

    Args:
        found: arrays and keys of a run.
        labels: network -> its name.
        kinds: kind of unrolled network -> its name.
        words: the sentence shown, near and far.
        theory: for each place and network natural logarithms (T,) predicted before training.
        growth: kind of unrolled network -> predicted growth of the untied one, nats a step.

    Returns:
        Four pictures; three if too few networks learned to show gates.
    """
    return [
        _start(found, labels, words, theory),
        _after(found, labels, words),
        *_gates(found, labels, words["far"]),
        _unrolled(found, kinds, growth),
    ]


def _panels(
    found: Any,
    when: str,
    labels: Mapping[str, str],
    words: Mapping[str, list[str]],
    theory: Mapping[str, Mapping[str, np.ndarray]] | None,
) -> list[Words]:
    panels = []
    for place, said in words.items():
        curves = {}
        for network, label in labels.items():
            logs = found.trained(place, network)[when]
            law = None if theory is None else theory[place][network] / _LN10
            curves[label] = ((logs - logs[:, -1:]) / _LN10, law)
        panels.append(Words(f"{len(said) - 1} words back", said, curves))
    return panels


def _range(panels: list[Words]) -> tuple[float, float]:
    """Return the heights that hold all bands."""
    rows = [rows for panel in panels for rows, _ in panel.curves.values()]
    low, high = ([np.quantile(each, level, axis=0) for each in rows] for level in (0.05, 0.95))
    least, most = min(map(np.min, low)), max(map(np.max, high))
    air = 0.04 * (most - least)
    return float(least - air), float(most + air)


def _start(
    found: Any,
    labels: Mapping[str, str],
    words: Mapping[str, list[str]],
    theory: Mapping[str, Mapping[str, np.ndarray]],
) -> Picture:
    panels = _panels(found, "start", labels, words, theory)
    config, cite = found.config, found.cite
    return Picture(
        "before_training",
        "What reaches the clue, before training",
        lambda: draw_words(panels, _range(panels)),
        alt=alt_text(
            "Line chart, two panels,",
            "the gradient at each word relative to the last, on a scale of powers of ten, for a near and "
            "a far sentence that begin with France and end with I speak fluent, for six networks",
            f"{config.seeds} networks each, bands hold 90 % of them; dashed: mean field",
            f"{config.far} words back the simple RNN with PyTorch's start keeps "
            f"{cite('rnn.torch', 'measured')}, the GRU with update bias 0 "
            f"{cite('gru.bias0', 'measured')}, the orthogonal RNN {cite('rnn.orthogonal', 'measured')}, "
            f"the LSTM and the GRU with bias 3 {cite('lstm.bias3', 'measured')} and "
            f"{cite('gru.bias3', 'measured')}. {config.near} words back far less is lost. The "
            "predictions lie on the curves.",
        ),
        caption="Read from right to left, as the gradient runs. An LSTM's state h passes little in its "
        "first step back; what comes after runs along the cell.",
    )


def _after(found: Any, labels: Mapping[str, str], words: Mapping[str, list[str]]) -> Picture:
    panels = _panels(found, "trained", labels, words, None)
    config = found.config
    return Picture(
        "after_training",
        "What reaches the clue, after training",
        lambda: draw_words(panels, _range(panels)),
        alt=alt_text(
            "Line chart, two panels,",
            "the gradient at each word relative to the last, on a scale of powers of ten, for a near and "
            "a far sentence and six networks",
            f"{config.seeds} networks each after {config.steps} steps, bands hold 90 % of them",
            "Networks that learned the far clue bring a gradient back to it; those that did not still "
            "lose it on the way.",
        ),
        caption=f"The same networks after {config.steps} steps of training, whether they learned or not.",
    )


def _gates(found: Any, labels: Mapping[str, str], words: list[str]) -> list[Picture]:
    panels, said = {}, []
    for network, stem in found.gate_stems().items():
        arrays, good = found.trained("far", network), found.learners(network)
        gate = "forget gate" if network.startswith("lstm") else "update gate"
        own = arrays["shown_carriers"][good], arrays["shown_all"][good]
        start = 1 / (1 + np.exp(-float(labels[network].split()[-1])))
        panels[f"{labels[network]}, {int(good.sum())} networks"] = (*own, float(start), gate)
        said.append(
            f"the {gate}s average {{{stem}.carriers}} in carriers, {{{stem}.all}} in all units"
        )
    if not panels:
        return []
    return [
        Picture(
            "gates",
            "The gates along the far sentence",
            lambda: draw_gates(words, panels),
            alt=alt_text(
                "Line chart",
                "the mean forget gate of trained LSTMs and the mean update gate of trained GRUs at each "
                "word of the far sentence, for the units that carry the clue and for all units",
                "networks that learned; bands hold 90 % of them; dashed: where the bias starts",
                f"Over the words {'; '.join(said)}.",
            ),
            caption="A gate at 1 keeps all of its unit's content, a gate at 0 nothing. Carriers are the "
            "four units of a network whose content after the clue the loss feels most through gates.",
        )
    ]


def _unrolled(found: Any, kinds: Mapping[str, str], growth: Mapping[str, float]) -> Picture:
    config = found.config
    x = np.arange(config.length + 1) / _LN10
    panels = {}
    for kind, title in kinds.items():
        own = found.chains[kind]
        other = x * float(own.radius.mean()) if kind == "linear" else None
        panels[title] = (own.tied / _LN10, own.untied / _LN10, x * growth[kind], other)
    return Picture(
        "tied_untied",
        "One matrix for all steps, or a new one at each",
        lambda: draw_tied(panels),
        alt=alt_text(
            "Line chart, three panels,",
            "what is left of a gradient against the distance back, on a scale of powers of ten, with "
            "tied and with untied weights at equal gain, for linear networks and for tanh networks "
            "without and with input",
            f"{config.networks} networks of width {config.width} each; bands hold 90 % of them",
            "Linear: the untied network multiplies a gradient by {rnn.untied.linear.growth.measured} a "
            "step, the tied one by {rnn.tied.linear.growth.measured}, and its band is far wider. With "
            "tanh and input the two are alike: {rnn.untied.driven.growth.measured} and "
            "{rnn.tied.driven.growth.measured}.",
        ),
        caption="The same law of weights and the same gain. Dotted: growth by the mean logarithm of the "
        "spectral radius.",
    )
