"""How steep is each activation, and where?

Every activation of the library beside its derivative. A layer multiplies the gradient by this slope,
so what matters is how large it can be (the supremum) and how large it is usually (its mean square
over standard normal pre-activations). The facts come from the registry, where they are proved; the
curves are drawn from `gradchain.activations`, and checked against those facts point by point.

    python studies/activation_derivatives.py [--scale smoke|lecture|paper] [--points 1201]
"""

from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

BOUNDED = ("sigmoid", "tanh", "softsign", "erf", "hard_sigmoid", "hard_tanh", "sin", "identity")
RECTIFIERS = (
    "relu", "leaky_relu", "prelu", "elu", "selu", "celu",
    "gelu", "gelu_tanh", "silu", "mish", "softplus", "hard_silu",
)  # fmt: skip
NAMES = (*BOUNDED, *RECTIFIERS)
PHI = {"color": "#8a8a8a", "linestyle": (0, (5, 1.6)), "linewidth": 2.2}
SLOPE = {"color": "#1f4fbf", "linestyle": "-", "linewidth": 3.4}
SUP = {"color": "#b3121d", "linestyle": (0, (1, 1.4)), "linewidth": 2.2}


@dataclass(frozen=True)
class Config:
    """Where the curves are drawn."""

    points: int = field(default=1201, metadata={"help": "Points of each curve, an odd number."})
    limit: float = field(default=6.0, metadata={"help": "The curves run from -limit to limit."})

    def __post_init__(self) -> None:
        """Refuse grids that cannot show a curve."""
        if not 101 <= self.points <= 100_001 or self.points % 2 == 0:
            raise UsageError(f"points {self.points}: expected an odd number from 101 to 100001")
        if not 1 <= self.limit <= 100:
            raise UsageError(f"limit {self.limit}: expected 1 to 100")


SCALES = {"smoke": Config(points=301), "lecture": Config(), "paper": Config(points=12_001)}


def cells(config: Config) -> list[Cell]:
    """One cell an activation."""
    return [
        Cell(name, {"activation": name, "points": config.points, "limit": config.limit})
        for name in NAMES
    ]


def compute(cell: Cell) -> dict[str, object]:
    """Take one activation and its derivative on the grid, in float64."""
    import jax
    import numpy as np

    from gradchain import activations

    phi = activations.get(cell["activation"])
    x = np.linspace(-cell["limit"], cell["limit"], cell["points"])
    with jax.enable_x64(True):
        value, slope = np.asarray(phi(x)), np.asarray(phi.derivative(x))
    return {"x": x, "value": value, "slope": slope, "kinks": np.asarray(phi.kinks, dtype=float)}


def summarize(config: Config, results: Results) -> Summary:
    """Set the proved facts beside the curves."""
    from gradchain.certify.facts import FACTS
    from gradchain.registry import load

    reference = load()
    numbers = [reference[key(name, what)] for name in NAMES for what in ("sup", "meansquare")]
    rows = [
        (
            _title(name, FACTS[name].parameters),
            f"{{{key(name, 'sup')}}}",
            _where(FACTS[name]),
            f"{{{key(name, 'meansquare')}}}",
        )
        for name in NAMES
    ]
    data = [
        (name, *(float(results[name][what][k]) for what in ("x", "value", "slope")))
        for name in NAMES
        for k in range(0, config.points, max(1, config.points // 240))
    ]
    _check_curves(results, {name: reference[key(name, "sup")] for name in NAMES})
    values = {name: float(reference[key(name, "meansquare")].rational) for name in NAMES}
    above = [
        f"{name} ({{{key(name, 'meansquare')}}})" for name, value in values.items() if value > 1
    ]
    return Summary(
        numbers=numbers,
        tables=[
            Table(
                "slopes",
                "The largest absolute slope, where it is met, and the mean square slope over "
                "standard normal pre-activations",
                ("activation", "largest slope", "where", "mean square slope"),
                rows,
            ),
            Table("curves", "The curves", ("activation", "x", "value", "slope"), data, show=False),
        ],
        seen=[
            "The slope of sigmoid is never above {sigmoid.derivative.sup}, and that only at 0; the "
            "slope of ReLU is {relu.derivative.sup} wherever the unit is on, and 0 elsewhere.",
            "Over standard normal pre-activations the mean square slope of sigmoid is "
            "{sigmoid.derivative.meansquare}, of tanh {tanh.derivative.meansquare}, of ReLU "
            "{relu.derivative.meansquare}: ReLU loses half, sigmoid loses nearly all.",
            "A slope can exceed 1: erf and GELU reach {erf.derivative.sup}, SiLU "
            "{silu.derivative.sup}, Mish {mish.derivative.sup}; hard SiLU comes near "
            "{hardsilu.derivative.sup} and SELU near {selu.derivative.sup}. A bound by 1 is false "
            "for them.",
            "Over standard normal pre-activations these have a mean square slope above 1: "
            f"{', '.join(above)}. Behind all others a gradient shrinks unless the weights make up "
            "for it (identity keeps it).",
        ],
        figures=[
            _side_by_side(results),
            _panels("bounded", "Bounded activations, sine and identity", BOUNDED, results),
            _panels("rectifiers", "ReLU and its relatives", RECTIFIERS, results),
            _bars(values),
        ],
    )


def key(name: str, what: str) -> str:
    """Return the key of a fact about an activation's derivative."""
    return f"{name.replace('_', '')}.derivative.{what}"


def _check_curves(results: Results, sups: dict) -> None:
    from gradchain._errors import DriftError

    for name, number in sups.items():
        top = float(abs(results[name]["slope"]).max())
        # A slope is right to a few ulp of float64; one above its proved supremum is a defect.
        if top > float(number.rational) * (1 + 2**-50):
            raise DriftError(
                f"the slope of {name} reaches {top!r}, above its supremum; report this"
            )


def _title(name: str, parameters: tuple) -> str:
    given = ", ".join(f"{value:g}" for _, value in parameters)
    return f"{name}({given})" if given else name


def _where(fact) -> str:
    if not fact.attained:
        return f"nowhere; approached as {fact.attained_at}"
    place = fact.attained_at
    if place[:1].isdigit() and "." in place:
        return f"near x = {float(place):.4f}"
    return place if "x" in place else f"x = {place}"


def _shown(name: str, what: str) -> str:
    from gradchain.registry import load, shown

    return shown(load()[key(name, what)], "ascii")


def _draw(axes, arrays, kinks_gap: bool = True) -> None:
    import numpy as np

    x, slope = arrays["x"], arrays["slope"].copy()
    axes.plot(x, arrays["value"], **PHI)
    for kink in arrays["kinks"]:
        # A slope that jumps is drawn with a gap, not with a wall.
        nearest = np.argmin(abs(x - kink))
        slope[nearest] = np.nan
    axes.plot(x, slope, **SLOPE)


def _legend(figure, labels: dict) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=label, **style) for label, style in labels.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=19)


def _side_by_side(results: Results):
    from gradchain.figures import Picture, alt_text, new_figure, panel_title

    def draw():
        figure, axes = new_figure(1, 2, width=13, height=6.6, share_y=True)
        for panel, name in zip(axes[0], ("sigmoid", "relu"), strict=True):
            _draw(panel, results[name])
            top = _shown(name, "sup")
            panel.axhline(float(top), **SUP)
            panel.set_ylim(-0.08, 1.55)
            panel.set_xlim(results[name]["x"][0], results[name]["x"][-1])
            panel.set_xlabel("x")
            panel_title(panel, f"{name}: slope at most {top}", 20)
        _legend(figure, {"activation": PHI, "its derivative": SLOPE, "largest slope": SUP})
        return figure

    return Picture(
        "sigmoid_relu",
        "Sigmoid against ReLU",
        draw,
        alt=alt_text(
            "Line chart, two panels,",
            "sigmoid (left) and ReLU (right), each with its derivative, against x",
            "float64 curves; largest slopes proved",
            "The derivative of sigmoid is a low hill: at most {sigmoid.derivative.sup}, at 0, and "
            "near zero from about 5 on either side. The derivative of ReLU is a step: 0 left of 0, "
            "{relu.derivative.sup} right of it.",
        ),
        caption="Both panels have the same scale. Each sigmoid layer takes at least three quarters "
        "of the slope away, even where it is steepest.",
    )


def _panels(name: str, title: str, members: tuple, results: Results):
    from gradchain.figures import Picture, alt_text, new_figure, panel_title

    def draw():
        rows = len(members) // 4
        figure, axes = new_figure(
            rows, 4, width=15, height=1.2 + 3.5 * rows, share_x=True, share_y=True
        )
        for panel, member in zip(axes.ravel(), members, strict=True):
            _draw(panel, results[member])
            panel.axhline(float(_shown(member, "sup")), **SUP)
            panel.set_xlim(-4.2, 4.2)
            panel.set_ylim(-1.3, 2.1)
            panel.set_xticks([-4, -2, 0, 2, 4])
            panel.set_yticks([-1, 0, 1, 2])
            panel_title(panel, f"{member}  max {_shown(member, 'sup')}")
        _legend(figure, {"activation": PHI, "its derivative": SLOPE, "largest slope": SUP})
        return figure

    said = ", ".join(f"{member} {{{key(member, 'sup')}}}" for member in members)
    return Picture(
        name,
        title,
        draw,
        alt=alt_text(
            f"{len(members)} small line charts",
            f"an activation and its derivative against x, for {', '.join(members)}",
            "float64 curves; largest slopes proved",
            f"The largest absolute slopes are: {said}.",
        ),
        caption="The dotted line is the largest slope; where the derivative jumps, it has a gap.",
    )


def _bars(values: dict):
    from gradchain.figures import Picture, alt_text, new_figure

    order = sorted(values, key=values.__getitem__)

    def draw():
        figure, axes = new_figure(width=12, height=10.5)
        bars = axes.barh(order, [values[name] for name in order], height=0.68, color="#5790fc")
        labels = [_shown(name, "meansquare") for name in order]
        axes.bar_label(bars, labels=labels, padding=6, fontsize=16)
        axes.axvline(1, **SUP)
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, 1.25)
        axes.set_xlabel("mean square slope at standard normal x")
        return figure

    return Picture(
        "mean_square",
        "How much of a gradient one layer passes on",
        draw,
        alt=alt_text(
            "Bar chart",
            "the mean square slope of each activation, smallest first",
            "certified integrals over a standard normal",
            f"It runs from {{{key(order[0], 'meansquare')}}} for {order[0]} to "
            f"{{{key(order[-1], 'meansquare')}}} for {order[-1]}; sigmoid has "
            "{sigmoid.derivative.meansquare}, tanh {tanh.derivative.meansquare}, ReLU "
            "{relu.derivative.meansquare}.",
        ),
        caption="One wide layer with weights of variance 1/fan_in multiplies the mean square of a "
        "gradient by this much if its pre-activations have variance 1.",
    )


STUDY = Study(
    name="activation_derivatives",
    title="Activations and their derivatives",
    question="How steep is each activation, and where?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=10,
)

if __name__ == "__main__":
    main(STUDY)
