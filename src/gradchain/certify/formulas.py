r"""What is the formula of each activation and of its derivative, as plain text and as LaTeX?

The text is plain ASCII with one grammar, so that a test can evaluate it: `A if condition, else B`,
`A where u = B, v = C`, `^` for powers; `sigmoid(x)` is `1/(1 + exp(-x))`, `softplus(x)` is
`log(1 + exp(x))`, `Phi` and `pdf` are the normal distribution function and density. Standard
library only.
"""

from typing import NamedTuple


class Formula(NamedTuple):
    """The function and its derivative, each as ASCII text and as LaTeX."""

    text: str
    latex: str
    derivative_text: str
    derivative_latex: str


FORMULAS: dict[str, Formula] = {
    "sigmoid": Formula(
        "1/(1 + exp(-x))",
        r"\frac{1}{1 + e^{-x}}",
        "sigmoid(x) * sigmoid(-x)",
        r"\sigma(x)\,\sigma(-x)",
    ),
    "tanh": Formula("tanh(x)", r"\tanh x", "1 - tanh(x)^2", r"1 - \tanh^2 x"),
    "relu": Formula(
        "max(x, 0)",
        r"\max(x, 0)",
        "1 if x > 0, else 0",
        r"\begin{cases} 1 & x > 0 \\ 0 & x \le 0 \end{cases}",
    ),
    "leaky_relu": Formula(
        "x if x >= 0, else a*x",
        r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}",
        "1 if x >= 0, else a",
        r"\begin{cases} 1 & x \ge 0 \\ a & x < 0 \end{cases}",
    ),
    "prelu": Formula(
        "x if x >= 0, else a*x",
        r"\begin{cases} x & x \ge 0 \\ a x & x < 0 \end{cases}",
        "1 if x >= 0, else a",
        r"\begin{cases} 1 & x \ge 0 \\ a & x < 0 \end{cases}",
    ),
    "elu": Formula(
        "x if x > 0, else alpha*(exp(x) - 1)",
        r"\begin{cases} x & x > 0 \\ \alpha (e^{x} - 1) & x \le 0 \end{cases}",
        "1 if x > 0, else alpha*exp(x)",
        r"\begin{cases} 1 & x > 0 \\ \alpha e^{x} & x \le 0 \end{cases}",
    ),
    "selu": Formula(
        "lambda*x if x > 0, else lambda*alpha*(exp(x) - 1)",
        r"\begin{cases} \lambda x & x > 0 \\ \lambda\alpha (e^{x} - 1) & x \le 0 \end{cases}",
        "lambda if x > 0, else lambda*alpha*exp(x)",
        r"\begin{cases} \lambda & x > 0 \\ \lambda\alpha\, e^{x} & x \le 0 \end{cases}",
    ),
    "celu": Formula(
        "x if x > 0, else alpha*(exp(x/alpha) - 1)",
        r"\begin{cases} x & x > 0 \\ \alpha (e^{x/\alpha} - 1) & x \le 0 \end{cases}",
        "1 if x > 0, else exp(x/alpha)",
        r"\begin{cases} 1 & x > 0 \\ e^{x/\alpha} & x \le 0 \end{cases}",
    ),
    "gelu": Formula(
        "x*Phi(x)",
        r"x\,\Phi(x) = \frac{x}{2}\left(1 + \operatorname{erf}\frac{x}{\sqrt{2}}\right)",
        "Phi(x) + x*pdf(x)",
        r"\Phi(x) + x\,\varphi(x)",
    ),
    "gelu_tanh": Formula(
        "x/2*(1 + tanh(u)) where u = sqrt(2/pi)*(x + 0.044715*x^3)",
        r"\frac{x}{2}\left(1 + \tanh u\right),\ u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)",
        "(1 + tanh(u))/2 + x/2*(1 - tanh(u)^2)*v where u = sqrt(2/pi)*(x + 0.044715*x^3), "
        "v = sqrt(2/pi)*(1 + 0.134145*x^2)",
        r"\frac{1 + \tanh u}{2} + \frac{x}{2}(1 - \tanh^2 u)\,u',\ "
        r"u' = \sqrt{2/\pi}\,(1 + 0.134145\,x^2)",
    ),
    "silu": Formula(
        "x*sigmoid(x)",
        r"x\,\sigma(x)",
        "sigmoid(x)*(1 + x*sigmoid(-x))",
        r"\sigma(x)\,(1 + x\,\sigma(-x))",
    ),
    "mish": Formula(
        "x*tanh(softplus(x))",
        r"x \tanh(\log(1 + e^{x}))",
        "tanh(s) + x*sigmoid(x)*(1 - tanh(s)^2) where s = softplus(x)",
        r"\tanh s + x\,\sigma(x)\,(1 - \tanh^2 s),\ s = \log(1 + e^{x})",
    ),
    "softplus": Formula("log(1 + exp(x))", r"\log(1 + e^{x})", "sigmoid(x)", r"\sigma(x)"),
    "softsign": Formula(
        "x/(1 + |x|)", r"\frac{x}{1 + |x|}", "1/(1 + |x|)^2", r"\frac{1}{(1 + |x|)^2}"
    ),
    "erf": Formula(
        "erf(x)",
        r"\operatorname{erf}(x)",
        "2/sqrt(pi)*exp(-x^2)",
        r"\frac{2}{\sqrt{\pi}}\, e^{-x^2}",
    ),
    "sin": Formula("sin(x)", r"\sin x", "cos(x)", r"\cos x"),
    "hard_tanh": Formula(
        "min(max(x, -1), 1)",
        r"\min(\max(x, -1), 1)",
        "1 if |x| <= 1, else 0",
        r"\begin{cases} 1 & |x| \le 1 \\ 0 & |x| > 1 \end{cases}",
    ),
    "hard_sigmoid": Formula(
        "min(max(x + 3, 0), 6)/6",
        r"\frac{\min(\max(x + 3, 0), 6)}{6}",
        "1/6 if |x| < 3, else 0",
        r"\begin{cases} 1/6 & |x| < 3 \\ 0 & |x| \ge 3 \end{cases}",
    ),
    "hard_silu": Formula(
        "x*min(max(x + 3, 0), 6)/6",
        r"\frac{x \min(\max(x + 3, 0), 6)}{6}",
        "0 if x <= -3, (2*x + 3)/6 if x < 3, else 1",
        r"\begin{cases} 0 & x \le -3 \\ (2x + 3)/6 & |x| < 3 \\ 1 & x \ge 3 \end{cases}",
    ),
    "identity": Formula("x", r"x", "1", r"1"),
}
