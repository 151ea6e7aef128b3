"""The numbers of the transformer study: gradients sent back, and how alike tokens become.

Keys: `transformer.<design>.<attention>.gradient|difference.predicted|measured`. All designs share their
draws, which are kept while numbers follow each other.
"""

import math
from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics, transformer
from gradchain.experiments.meeting import Pairs, mean_result, predicted_result

QUANTITIES = ("gradient", "difference")
_HOME = "gradchain.experiments.transformer_numbers"
_LIMITS = {"tokens": 128, "width": 1024, "heads": 64, "blocks": 100, "seeds": 2000}


@lru_cache(maxsize=4)
def followed(
    tokens: int, width: int, heads: int, blocks: int, seeds: int, seed: int
) -> transformer.Tokens:
    """Draw transformers of all designs.

    Args:
        tokens: T.
        width: d.
        heads: a divisor of d.
        blocks: L.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        What they do to gradients and tokens.

    Raises:
        UsageError: for a size out of range.
    """
    given = (tokens, width, heads, blocks, seeds)
    for (name, limit), value in zip(_LIMITS.items(), given, strict=True):
        if not 1 <= value <= limit:
            raise UsageError(f"{name} {value}: expected 1 to {limit}")
    return transformer.measured(tokens, width, heads, blocks, seeds, seed)


def result_of(log_gradient: np.ndarray, difference: np.ndarray, quantity: str) -> Result:
    """Take a quantity of the networks of one design.

    Args:
        log_gradient: (seeds, L + 1), see `transformer.Tokens`.
        difference: (seeds, L + 1).
        quantity: "gradient" (root mean square of that at the first block per that at the last) or
            "difference" (mean of that after the last block).

    Returns:
        The estimate with its standard error.
    """
    if quantity == "gradient":
        return statistics.root_mean((log_gradient[:, 0] / math.log(10)).tolist())
    return mean_result(difference[:, -1])


@recomputable(
    design=transformer.DESIGNS, attention=transformer.ATTENTIONS, quantity=QUANTITIES, tokens=int,
    width=int, heads=int, blocks=int, seeds=int, seed=int,
)  # fmt: skip
def block_measured(
    design: str,
    attention: str,
    quantity: str,
    tokens: int,
    width: int,
    heads: int,
    blocks: int,
    seeds: int,
    seed: int,
) -> Result:
    """Estimate what transformer blocks do to a gradient or to their tokens.

    Args:
        design: one of `transformer.DESIGNS`.
        attention: "uniform" or "softmax".
        quantity: one of `QUANTITIES`.
        tokens: T.
        width: d.
        heads: a divisor of d.
        blocks: L.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate with its standard error.
    """
    found = followed(tokens, width, heads, blocks, seeds, seed)
    place = transformer.DESIGNS.index(design), transformer.ATTENTIONS.index(attention)
    return result_of(found.log_gradient[:, *place], found.difference[:, *place], quantity)


@recomputable(design=transformer.DESIGNS, quantity=QUANTITIES, tokens=int, blocks=int)
def block_predicted(design: str, quantity: str, tokens: int, blocks: int) -> Result:
    """Compute the law of uniform attention at infinite width.

    Args:
        design: one of `transformer.DESIGNS`.
        quantity: one of `QUANTITIES`.
        tokens: T.
        blocks: L.

    Returns:
        The prediction.
    """
    law = transformer.predicted(design, tokens, blocks)
    if quantity == "gradient":
        return predicted_result(math.exp(float(law.log_gradient[0]) / 2))
    # q - p is a difference of float64 values near q.
    return predicted_result(float(law.difference[-1]), 1e-14)


_FORMS = {
    "noskip": "F(layer_norm(x)), no skips",
    "post": "layer_norm(x + F(x)), post-norm",
    "pre": "x + F(layer_norm(x)), pre-norm",
    "scaled": "x + F(layer_norm(x))/sqrt(2L), scaled pre-norm",
}
_FORMULAS = {
    "gradient": ("sqrt(E|dC/dx_0|^2 / |dC/dx_L|^2)",
                 "\\sqrt{\\mathrm{E}|\\partial C/\\partial x_0|^2 / |\\partial C/\\partial x_L|^2}"),
    "difference": ("1 - E x_i.x_j / E|x_i|^2", "1 - \\mathrm{E}\\,x_i\\cdot x_j / \\mathrm{E}|x_i|^2"),
}  # fmt: skip


def add(
    pairs: Pairs,
    design: str,
    attention: str,
    quantity: str,
    size: dict[str, int],
    found: transformer.Tokens,
    seed: int,
) -> str:
    """Add one number: measured, and predicted for uniform attention.

    Args:
        pairs: where to.
        design: one of `transformer.DESIGNS`.
        attention: "uniform" or "softmax".
        quantity: one of `QUANTITIES`.
        size: tokens, width, heads, blocks.
        found: the networks.
        seed: seed of the draws.

    Returns:
        The stem of the keys.
    """
    place = transformer.DESIGNS.index(design), transformer.ATTENTIONS.index(attention)
    result = result_of(found.log_gradient[:, *place], found.difference[:, *place], quantity)
    blocks, tokens, seeds = size["blocks"], size["tokens"], len(found.square)
    stem = f"transformer.{design}.{attention}.{quantity}"
    what = f"{blocks} transformer blocks {_FORMS[design]}, {attention} attention"
    said = {
        "gradient": f"Back through {what}, the root mean square of a gradient grows {{value}} times",
        "difference": f"After {what}, two tokens that began with similarity 0 differ by 1 - similarity = "
        "{value}",
    }[quantity]
    theory = {"design": design, "quantity": quantity, "tokens": tokens, "blocks": blocks}
    drawn = "F is attention, then a relu network; independent normal weights, at initialization."
    kind = (
        "zero queries, so that attention is uniform"
        if attention == "uniform"
        else ("queries and keys of variance 1/d, logits divided by sqrt(d/heads)")
    )
    pairs.add(
        stem,
        (block_predicted, theory, f"{said} (prediction).") if attention == "uniform" else None,
        (
            result,
            "block_measured",
            theory | size | {"attention": attention, "seeds": seeds, "seed": seed},
            f"{said} (measured).",
        ),
        (
            f"Infinite width, {tokens} tokens, L = {blocks}, zero queries. {drawn}",
            f"{seeds} networks of width {size['width']}, {size['heads']} heads, {tokens} tokens with "
            f"N(0, 1) entries, L = {blocks}, hidden layers twice as wide; {kind}. {drawn} Gradients "
            "start from independent N(0, 1) entries after the last block.",
        ),
        _FORMULAS[quantity],
        ("transformer", design, attention),
    )
    return stem


def start_pairs() -> Pairs:
    """Start an empty collection of the study's pairs.

    Returns:
        The collection.
    """
    return Pairs(_HOME, "transformer_block")
