"""Which fixes for a vanishing gradient are compared, and what is changed for each of them?

The baseline is the deep sigmoid network with Keras' defaults. A `Remedy` says what it changes, in the
plain fields of `gradchain.experiments.lab.Setting`. Fixes of the weights, of normalization and of the
wiring are tried on sigmoid units and on ReLU units. Data only, standard library only.
"""

from dataclasses import dataclass, field
from typing import Any

from gradchain._errors import UsageError

CLIP_AT = 1.0
SMALL = "normal(0.05)"
FEWER = 3
GROUPS = ("activation", "weights", "normalization", "wiring", "depth")


@dataclass(frozen=True)
class Remedy:
    """One fix.

    `slug` begins its keys, `label` names it in pictures, `says` completes "networks ...". `changes`
    are fields of `Setting`; `fix` names what is shared by the sigmoid and the ReLU variant, "" for a
    fix of the activation or the depth itself.
    """

    slug: str
    label: str
    group: str
    says: str
    changes: dict[str, Any] = field(default_factory=dict)
    fix: str = ""

    @property
    def activation(self) -> str:
        """The activation of the hidden layers."""
        return self.changes.get("activation", "sigmoid")

    def setting(self, depth: int, epochs: int, slots: int = 0) -> dict[str, Any]:
        """Return the fields of the setting at a depth.

        Args:
            depth: hidden layers of the baseline that is to be mended.
            epochs: length of the training.
            slots: room of the compiled program.

        Returns:
            Fields that differ from the Keras-faithful preset.
        """
        return {"depth": depth, "epochs": epochs, "slots": slots} | self.changes


_SPELT = {"sigmoid": "sigmoid", "relu": "ReLU", "leaky_relu": "leaky ReLU", "prelu": "PReLU"}


def _own(slug: str, label: str, activation: str, **more: Any) -> Remedy:
    says = f"of {_SPELT.get(activation, activation.upper())} units"
    if activation == "prelu":
        says += " (slope learned)"
    if more:
        says += f", {more['initializer']} weights"
    return Remedy(slug, label, "activation", says, {"activation": activation} | more)


# fix -> label, group, words, changes
FIXES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "he": ("He", "weights", "He weights", {"initializer": "he_uniform"}),
    "orthogonal": (
        "orthogonal", "weights", "orthogonal weights", {"initializer": "orthogonal"},
    ),
    "lsuv": ("LSUV", "weights", "LSUV weights", {"initializer": "lsuv"}),
    "batchbefore": (
        "batch norm before", "normalization", "batch norm before the activation",
        {"norm": "batch_before"},
    ),
    "batchafter": (
        "batch norm after", "normalization", "batch norm after the activation",
        {"norm": "batch_after"},
    ),
    "layernorm": ("layer norm", "normalization", "layer norm", {"norm": "layer"}),
    "residual": ("residual", "wiring", "residual connections", {"skip": "residual"}),
    "residualzero": (
        "residual from zero", "wiring", "residual connections whose branch starts at zero",
        {"skip": "residual_zero"},
    ),
    "clipping": (
        "gradient clipping", "wiring", "the gradient clipped to global norm 1",
        {"clip": "global", "limit": CLIP_AT},
    ),
}  # fmt: skip


def _pair(fix: str) -> list[Remedy]:
    label, group, words, changes = FIXES[fix]
    return [
        Remedy(
            f"{fix}.{name}",
            label,
            group,
            f"of {_SPELT[name]} units with {words}",
            extra | changes,
            fix,
        )
        for name, extra in (("sigmoid", {}), ("relu", {"activation": "relu"}))
    ]


BASELINE = Remedy("baseline", "sigmoid (baseline)", "activation", "of sigmoid units")
SHALLOW = Remedy(
    "fewerlayers", "fewer layers", "depth", f"of only {FEWER} sigmoid layers", {"depth": FEWER}
)

REMEDIES: tuple[Remedy, ...] = (
    BASELINE,
    SHALLOW,
    _own("relu", "ReLU", "relu"),
    _own("leakyrelu", "leaky ReLU", "leaky_relu"),
    _own("prelu", "PReLU", "prelu"),
    _own("elu", "ELU", "elu"),
    _own("selu", "SELU, LeCun normal", "selu", initializer="lecun_normal"),
    _own("gelu", "GELU", "gelu"),
    # Glorot is the baseline's own initializer; what it mends shows against what it replaced, and on
    # the activation that it was derived for.
    Remedy(
        "small.sigmoid", "N(0, 0.05²) weights", "weights",
        "of sigmoid units with small random weights, standard deviation 1/20",
        {"initializer": SMALL}, "small",
    ),
    Remedy(
        "small.tanh", "N(0, 0.05²) weights", "weights",
        "of tanh units with small random weights, standard deviation 1/20",
        {"initializer": SMALL, "activation": "tanh"}, "small",
    ),
    Remedy(
        "glorot.tanh", "Glorot", "weights", "of tanh units with Glorot weights",
        {"activation": "tanh"}, "glorot",
    ),
    *(remedy for fix in FIXES for remedy in _pair(fix)),
)  # fmt: skip
"""Every row of the comparison, the baseline first. Glorot on sigmoid is the baseline itself."""

SAME = {"glorot.sigmoid": "baseline", "glorot.relu": "relu"}
_BY_SLUG = {remedy.slug: remedy for remedy in REMEDIES}


def get(slug: str) -> Remedy:
    """Return a remedy by its slug.

    Args:
        slug: such as `he.relu`; `glorot.sigmoid` is the baseline.

    Returns:
        The remedy.

    Raises:
        UsageError: for an unknown one.

    Example:
        >>> get("he.relu").changes
        {'activation': 'relu', 'initializer': 'he_uniform'}
    """
    found = _BY_SLUG.get(SAME.get(slug, slug))
    if found is None:
        raise UsageError(f"got remedy {slug!r}, expected one of {', '.join(_BY_SLUG)}")
    return found


def square(fix: str) -> tuple[str, str, str, str]:
    """Return the four rows of activation x fix: (sigmoid, sigmoid + fix, relu, relu + fix).

    Args:
        fix: a key of `FIXES`.

    Returns:
        Slugs.

    Raises:
        UsageError: for an unknown fix.

    Example:
        >>> square("he")
        ('baseline', 'he.sigmoid', 'relu', 'he.relu')
    """
    if fix not in FIXES:
        raise UsageError(f"got fix {fix!r}, expected one of {', '.join(FIXES)}")
    return "baseline", f"{fix}.sigmoid", "relu", f"{fix}.relu"


def cell_name(slug: str, depth: int) -> str:
    """Name the study's cell of a remedy at a depth.

    Args:
        slug: of the remedy.
        depth: hidden layers.

    Returns:
        A lower-case name.

    Example:
        >>> cell_name("he.relu", 20)
        'he_relu_d20'
    """
    return f"{slug.replace('.', '_')}_d{depth}"
