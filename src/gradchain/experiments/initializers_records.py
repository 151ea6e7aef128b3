"""The words around the numbers of the initializers study: key, statement, conditions.

Keys: `init.<recipe>.<activation>.<factor, gradient, length>.<predicted, measured>`, and
`init.<recipe>.relu.factor.finite`.
"""

from gradchain.experiments import initializers_numbers as numbers
from gradchain.experiments.initializers import RECIPES, Followed
from gradchain.experiments.records import computed, estimated, segment
from gradchain.registry.record import How, Number

_HOME = "gradchain.experiments.initializers_numbers"
WORDS = {
    "torch": "the default of PyTorch and Equinox",
    "torch_uniform": "the default of PyTorch without its biases",
    "haiku": "the default of Haiku",
    "keras": "the default of Keras (Glorot uniform)",
    "flax": "the default of Flax (LeCun normal)",
    "glorot_gaussian": "Glorot's weights",
    "orthogonal": "orthogonal weights",
    "orthogonal_sqrt2": "orthogonal weights times sqrt(2)",
    "he_uniform": "He's uniform weights",
    "he_normal": "He's weights",
    "he_gaussian": "He's Gaussian weights",
}
_SAID = {
    "factor": "a layer leaves {value} of a gradient, typically",
    "gradient": "{value} of a gradient reaches the input, typically",
    "length": "the last layer's pre-activations have the root mean square {value}, typically, for an "
    "input with 1",
}
_FORMULAS = {
    "factor": ("exp(E log(|g_0|/|g_L|)/L)", "\\exp(\\mathrm{E}\\log(|g_0|/|g_L|)/L)"),
    "gradient": ("median |g_0|/|g_L|", "\\operatorname{median}\\,|g_0|/|g_L|"),
    "length": ("exp(E log rms(z_L))", "\\exp(\\mathrm{E}\\log\\operatorname{rms}(z_L))"),
}
_THEORY = {
    "factor": ("(prod_l chi_l)^(1/(2L))", "(\\prod_l\\chi_l)^{1/(2L)}"),
    "gradient": ("(prod_l chi_l)^(1/2)", "(\\prod_l\\chi_l)^{1/2}"),
    "length": ("sqrt(q_L)", "\\sqrt{q_L}"),
    "finite": (
        "sigma_w exp(sum_l E log(chi^2_K/n) / (2L)), K ~ Bin(n, 1/2)",
        "\\sigma_w\\exp(\\sum_l\\mathrm{E}\\log(\\chi^2_K/n)/(2L)),\\ K\\sim\\mathrm{Bin}(n,1/2)",
    ),
}


def stem(recipe: str, activation: str) -> str:
    """Return how the keys of a recipe and activation begin.

    Args:
        recipe: a name in `RECIPES`.
        activation: its name.

    Returns:
        Such as `init.torch.relu`.
    """
    return f"init.{segment(recipe)}.{segment(activation)}"


def _common(recipe: str, activation: str, width: int, depth: int, how: str) -> dict:
    own = RECIPES[recipe]
    biases = "no biases" if own.sigma_b(width) == 0 else f"biases {own.bias}"
    return {
        "conditions": f"{depth} square layers of width {width} with {activation} units, weights "
        f"{own.weight}, {biases}, at initialization; g_l is the gradient at layer l. {how}",
        "study": "initializers",
        "tags": (segment(activation), segment(recipe), "initializers"),
    }


def _words(recipe: str) -> str:
    return WORDS.get(recipe, f"the law {recipe}")


def predicted(recipe: str, activation: str, width: int, depth: int, quantity: str) -> Number:
    """Make the number of a prediction.

    Args:
        recipe: a name in `RECIPES`.
        activation: its name.
        width: n.
        depth: L.
        quantity: one of `initializers_numbers.PREDICTED`.

    Returns:
        The number.
    """
    settings = {"recipe": recipe, "activation": activation, "width": width, "depth": depth}
    finite = quantity == "finite"
    how = (
        "Exact law for Gaussian weights at this width."
        if finite
        else "Mean-field theory, width to infinity with the variances of this width."
    )
    said = _SAID["factor" if finite else quantity].replace(", typically", "")
    at = f"at width {width}" if finite else "at infinite width"
    text, latex = _THEORY[quantity]
    ending = "factor.finite" if finite else f"{quantity}.predicted"
    return computed(
        f"{stem(recipe, activation)}.{ending}",
        numbers.predicted(**settings, quantity=quantity),
        How.of(f"{_HOME}.predicted", **settings, quantity=quantity),
        "1e-8",
        f"In {activation} networks of {depth} layers with {_words(recipe)}, {said} (predicted {at}).",
        role="prediction",
        digits=4,
        formula_text=text,
        formula_latex=latex,
        **_common(recipe, activation, width, depth, how),
    )


def measured(
    found: Followed, recipe: str, activation: str, width: int, seed: int, quantity: str
) -> Number:
    """Make the number of a measurement.

    Args:
        found: `length` and `factor` (S, L) of this recipe and activation.
        recipe: a name in `RECIPES`.
        activation: its name.
        width: n.
        seed: seed of the draws.
        quantity: one of `initializers_numbers.MEASURED`.

    Returns:
        The number.
    """
    seeds, depth = found.factor.shape
    settings = {"recipe": recipe, "activation": activation, "width": width, "depth": depth}
    text, latex = _FORMULAS[quantity]
    how = f"{seeds} networks with real weights; backpropagation of a random gradient."
    return estimated(
        f"{stem(recipe, activation)}.{quantity}.measured",
        numbers.measured_of(found, quantity),
        How.of(f"{_HOME}.measured", **settings, seeds=seeds, seed=seed, quantity=quantity),
        f"In {activation} networks of {depth} layers of width {width} with {_words(recipe)}, "
        f"{_SAID[quantity]}.",
        dtype="float64",
        formula_text=text,
        formula_latex=latex,
        **_common(recipe, activation, width, depth, how),
    )
