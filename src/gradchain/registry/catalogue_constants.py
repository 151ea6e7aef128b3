"""Drafts of constants: chance levels, slopes at given points, limits, spectral edges."""

from gradchain.registry.draft import Draft
from gradchain.registry.record import How

_CONSTANTS = "gradchain.certify.constants"
_BAI_YIN = "Z. D. Bai and Y. Q. Yin, Annals of Probability 21 (1993)"


def chance_levels() -> list[Draft]:
    """Draft the losses at which a classifier knows nothing.

    Returns:
        The drafts `ln2` and `ln10`, and the powers of ten that a factor 1/4 costs.
    """
    return [
        Draft(
            key="ln2",
            how=How.of(f"{_CONSTANTS}.logarithm", of="2"),
            role="chance level",
            statement="A binary classifier that always answers 1/2 has a mean cross-entropy of "
            "ln 2, {value} nat.",
            conditions="Cross-entropy in nats, one output, any labels. A training loss that stays "
            "here means that nothing is learned.",
            formula_text="log(2)",
            formula_latex="\\ln 2",
            unit="nat",
            digits=4,
            tags=("loss", "training", "crossentropy"),
        ),
        Draft(
            key="ln10",
            how=How.of(f"{_CONSTANTS}.logarithm", of="10"),
            role="chance level",
            statement="A classifier that gives each of ten classes probability 1/10 has a mean "
            "cross-entropy of ln 10, {value} nat.",
            conditions="Cross-entropy in nats, ten classes, any labels.",
            formula_text="log(10)",
            formula_latex="\\ln 10",
            unit="nat",
            digits=4,
            tags=("loss", "training", "crossentropy"),
        ),
        Draft(
            key="sigmoid.chain.decades",
            how=How.of(f"{_CONSTANTS}.decimal_logarithm", of="4"),
            role="lower bound",
            statement="Every sigmoid layer costs a gradient at least log10(4), {value}, powers of ten.",
            conditions="Scalar chain with |w| <= 1, or ||W_l||_2 <= 1 in every layer; spectral "
            "norm.",
            formula_text="log10(4)",
            formula_latex="\\log_{10} 4",
            unit="powers of ten",
            theorem="T03b",
            tags=("sigmoid", "bound", "vanishing"),
        ),
    ]


def slopes() -> list[Draft]:
    """Draft slopes of sigmoid and tanh at given points, and where they fall below 1 percent.

    Returns:
        The drafts.
    """
    drafts = [
        Draft(
            key="sigmoid.slope.onepercent.x",
            how=How.of(f"{_CONSTANTS}.sigmoid_slope_share", share="1/100"),
            statement="Beyond |x| = {value} the slope of the sigmoid is below 1 percent of its maximum "
            "1/4.",
            conditions="Exact sigmoid; the slope is even in x and falls as |x| grows.",
            formula_text="2*acosh(10)",
            formula_latex="2 \\operatorname{arcosh} 10",
            tags=("sigmoid", "saturation"),
        ),
        Draft(
            key="tanh.slope.onepercent.x",
            how=How.of(f"{_CONSTANTS}.tanh_slope_share", share="1/100"),
            statement="Beyond |x| = {value} the slope of tanh is below 1 percent of its maximum 1.",
            conditions="Exact tanh; the slope is even in x and falls as |x| grows.",
            formula_text="acosh(10)",
            formula_latex="\\operatorname{arcosh} 10",
            tags=("tanh", "saturation"),
        ),
    ]
    for x in ("1", "2", "5", "10"):
        for name, theorem, form, latex in (
            (
                "sigmoid",
                "T01a",
                f"sech({x}/2)^2/4",
                f"\\tfrac{{1}}{{4}} \\operatorname{{sech}}^2({x}/2)",
            ),
            ("tanh", "T02a", f"sech({x})^2", f"\\operatorname{{sech}}^2({x})"),
        ):
            drafts.append(
                Draft(
                    key=f"{name}.derivative.at.x{x}",
                    how=How.of(f"{_CONSTANTS}.{name}_derivative", x=x),
                    kind="certified",
                    statement=f"The derivative of {name} at x = {x} and at x = -{x} is {{value}}.",
                    conditions="Real arithmetic.",
                    formula_text=form,
                    formula_latex=latex,
                    theorem=theorem,
                    tags=(name, "derivative", "saturation"),
                )
            )
    return drafts


def limits() -> list[Draft]:
    """Draft the infinite product that does not vanish, and the constants of initializers.

    Returns:
        The drafts.
    """
    return [
        Draft(
            key="product.half.limit",
            how=How.of(f"{_CONSTANTS}.half_product_limit"),
            kind="certified",
            statement="The product of infinitely many factors below 1 need not tend to 0: "
            "(1 - 1/2)(1 - 1/4)(1 - 1/8)... tends to {value}.",
            conditions="Factors 1 - 2^-k for k = 1, 2, 3, ...; a product of factors in (0, 1) "
            "tends to 0 exactly if the sum of 1 minus the factor diverges.",
            formula_text="prod(1 - 2^-k, k = 1..infinity)",
            formula_latex="\\prod_{k=1}^{\\infty} (1 - 2^{-k})",
            tags=("product", "limit", "counterexample"),
        ),
        Draft(
            key="truncatednormal.std",
            how=How.of(f"{_CONSTANTS}.truncated_normal_std", cut="2"),
            statement="The standard deviation of a standard normal variable cut off at -2 and 2 is "
            "{value}.",
            conditions="Draws outside [-2, 2] are drawn again; initializers divide by this number "
            "to reach the variance they declare.",
            formula_text="sqrt(1 - 4*pdf(2)/(2*Phi(2) - 1))",
            formula_latex="\\sqrt{1 - 4 \\varphi(2) / (2 \\Phi(2) - 1)}",
            digits=4,
            tags=("initializer", "variance"),
        ),
        *(
            Draft(
                key=f"selu.{name}",
                how=How.of(f"{_CONSTANTS}.selu_constant", name=name),
                statement=f"With the constant {name} = {{value}} of selu, N(0, 1) inputs give outputs "
                "of mean 0 and variance 1.",
                conditions="selu(x) = lambda*x for x > 0, lambda*alpha*(exp(x) - 1) otherwise.",
                formula_text=form,
                formula_latex=latex,
                source="Klambauer, Unterthiner, Mayr and Hochreiter, NeurIPS 2017, "
                "arXiv:1706.02515",
                theorem="T11d",
                digits=5,
                tags=("selu", "activation"),
            )
            for name, form, latex in (
                (
                    "alpha",
                    "1/sqrt(2*pi)/(1/2 - exp(1/2)*Phi(-1))",
                    "\\frac{1/\\sqrt{2\\pi}}{1/2 - \\sqrt{e}\\,\\Phi(-1)}",
                ),
                (
                    "lambda",
                    "1/sqrt(1/2 + alpha^2*(exp(2)*Phi(-2) - 2*exp(1/2)*Phi(-1) + 1/2))",
                    "\\left(\\tfrac{1}{2} + \\alpha^2 (e^2 \\Phi(-2) - 2\\sqrt{e}\\,\\Phi(-1) + "
                    "\\tfrac{1}{2})\\right)^{-1/2}",
                ),
            )
        ),
    ]


def spectral_edges() -> list[Draft]:
    """Draft the limits of ||W||_2 for wide square matrices, which decide whether (1/4)^n binds.

    Returns:
        One draft an initializer.
    """
    laws = {
        "glorot": ("Glorot", "1", "1/n", "2"),
        "lecun": ("LeCun", "1", "1/n", "2"),
        "he": ("He", "2", "2/n", "2\\sqrt{2}"),
        "torch": ("PyTorch's default (nn.Linear)", "1/3", "1/(3n)", "2/\\sqrt{3}"),
    }
    return [
        Draft(
            key=f"{key}.square.edge",
            how=How.of(f"{_CONSTANTS}.spectral_edge", variance=variance, ratio="1"),
            role="prediction",
            statement=f"As n grows, the spectral norm of an n x n matrix of {name} weights tends "
            "to {value} with probability 1.",
            conditions=f"Independent entries of mean 0, variance {law} and finite fourth moment; "
            "for finite n the norm is a little smaller on average.",
            formula_text=f"2*sqrt({variance})" if variance != "1" else "2",
            formula_latex=latex,
            source=_BAI_YIN,
            tags=("initializer", "spectralnorm", "bound"),
        )
        for key, (name, variance, law, latex) in laws.items()
    ]
