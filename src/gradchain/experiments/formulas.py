"""The formulas of the studies' numbers, as ASCII text and as LaTeX, found by what the key measures.

A number's key ends in what it measures; that alone fixes its formula.
"""

_FACTOR = ("(||J||_F/sqrt(n))^(1/L)", "(\\|J\\|_F/\\sqrt{n})^{1/L}")
_CHAIN = ("||dh_n/dh_0||_2", "\\|\\partial h_n/\\partial h_0\\|_2")
_SURE = ("prod_l sup|phi'| ||W_l||_2", "\\prod_l \\sup|\\varphi'|\\,\\|W_l\\|_2")
_LOCAL = (
    "prod_l max_i|phi'(z_li)| ||W_l||_2",
    "\\prod_l \\max_i|\\varphi'(z_{l,i})|\\,\\|W_l\\|_2",
)
_POWER = ("sup|phi'|^n", "(\\sup|\\varphi'|)^n")
_MEDIAN = ("median ", "\\operatorname{median}\\,")


def _joined(*parts: tuple[str, str] | str) -> tuple[str, str]:
    """Set pieces after each other, in both forms; a plain string is the same in both."""
    pairs = [(part, part) if isinstance(part, str) else part for part in parts]
    return "".join(text for text, _ in pairs), "".join(latex for _, latex in pairs)


_BY_ENDING = {
    "localupper.median": _joined(_MEDIAN, _LOCAL),
    "upper.median": _joined(_MEDIAN, _SURE),
    "localslack.median": _joined(_MEDIAN, "(", _LOCAL, " / ", _CHAIN, ")"),
    "slack.median": _joined(_MEDIAN, "(", _SURE, " / ", _CHAIN, ")"),
    "above.share": _joined("P(", _CHAIN, " > ", _POWER, ")"),
    "rms.ratio": _joined(("sqrt(E|Jv|^2/|v|^2)", "\\sqrt{\\mathrm{E}|Jv|^2/|v|^2}"), " / ", _POWER),
    "slope.mean": ("mean |phi'(z_l)|", "\\operatorname{mean}|\\varphi'(z_l)|"),
    "error.ratio": _joined(
        _MEDIAN,
        ("|dE/dh_1| / |dE/dh_n|", "|\\partial E/\\partial h_1| / |\\partial E/\\partial h_n|"),
    ),
    "slope.ratio": _joined(
        _MEDIAN,
        (
            "rms phi'(z_1) / rms phi'(z_n)",
            "\\operatorname{rms}\\varphi'(z_1) / \\operatorname{rms}\\varphi'(z_n)",
        ),
    ),
    "input.ratio": _joined(_MEDIAN, ("|h_0| / |h_(n-1)|", "|h_0| / |h_{n-1}|")),
    "autodiff.float32.zero": (
        "min{x > 0 : autodiff of phi at x is 0}",
        "\\min\\{x > 0 : \\mathrm{autodiff}\\,\\varphi(x) = 0\\}",
    ),
    "autodiff.float32.lost": (
        "phi'(x), x = min{x > 0 : autodiff of phi at x is 0}",
        "\\varphi'(x),\\ x = \\min\\{x > 0 : \\mathrm{autodiff}\\,\\varphi(x) = 0\\}",
    ),
    "best.scale": _joined(("argmax over sigma_w of ", "\\arg\\max_{\\sigma_w}"), _MEDIAN, _FACTOR),
    "best.factor": _joined(("max over sigma_w of ", "\\max_{\\sigma_w}"), _MEDIAN, _FACTOR),
    "critical.scale": _joined(
        ("min{sigma_w : ", "\\min\\{\\sigma_w : "),
        _MEDIAN,
        _FACTOR,
        (" >= 1}", " \\ge 1\\}"),
    ),
    "factor.median": _joined(_MEDIAN, _FACTOR),
    "biasminus5.factor": _joined(_MEDIAN, _FACTOR),
    "biasplus5.factor": _joined(_MEDIAN, _FACTOR),
    "saturated.share": (
        "P(|phi'(z)| < sup|phi'|/100)",
        "P(|\\varphi'(z)| < \\sup|\\varphi'|/100)",
    ),
    "window.weight": ("4*cosh(u)^2, 2*u*tanh(u) = 1", "4\\cosh^2 u,\\ 2u\\tanh u = 1"),
    "window.length": ("u/cosh(u)^2, 2*u*tanh(u) = 1", "u/\\cosh^2 u,\\ 2u\\tanh u = 1"),
    "neuron.factor.weight": ("4*u, 2*u*tanh(u) = 1", "4u,\\ 2u\\tanh u = 1"),
    "neuron.factor.size": ("u/cosh(u)^2, 2*u*tanh(u) = 1", "u/\\cosh^2 u,\\ 2u\\tanh u = 1"),
}


def formulas(key: str) -> dict[str, str]:
    """Return the formula of a study's number.

    Args:
        key: its key.

    Returns:
        The fields `formula_text` and `formula_latex`; empty if the key measures something else.

    Example:
        >>> formulas("saturation.sigmoid.width10.best.factor")["formula_text"]
        'max over sigma_w of median (||J||_F/sqrt(n))^(1/L)'
    """
    for ending, (text, latex) in _BY_ENDING.items():
        if f".{key}".endswith(f".{ending}"):
            return {"formula_text": text, "formula_latex": latex}
    return {}
