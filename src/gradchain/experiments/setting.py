"""What is fixed in a training experiment, in plain values?

A `Setting` is JSON, so that a registry record can name it. Settings that differ only in depth, learning
rate, scales or thresholds share one compiled program.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from gradchain import initializers
from gradchain._errors import UsageError
from gradchain.experiments.shifted import activation_of
from gradchain.training.blocks import HEADS, NORMS, Design
from gradchain.training.deep import BLOCK
from gradchain.training.optimizers import CLIPS, constants
from gradchain.training.program import CHUNK

SLOTS = (9, 30, 50, 100)
SKIPS = ("none", "residual", "residual_zero")
TASKS = ("moons", "circles", "spirals", "clusters", "linear_teacher")
LARGEST = {"depth": 100, "units": 512, "epochs": 100_000, "seeds": 100_000}


@dataclass(frozen=True)
class Setting:
    """One training experiment.

    `depth` counts hidden layers; there are depth + 1 kernels. `scale` multiplies the hidden kernels
    after drawing, `bias` is added to the hidden biases, `last_bias` to the last one (of two softmax
    outputs half of it to the second, its opposite to the first). `initializer` is a name of
    `gradchain.initializers`, or "lsuv". `skip` "residual_zero" starts the learned gain of every branch
    at 0. `values` are the optimizer's constants that differ from its defaults, as (name, value) pairs.
    The default is the Keras-faithful preset: glorot_uniform, zero biases, Adam 1e-3 with epsilon 1e-7
    outside the bias correction, batches of 32, reshuffled each epoch, last partial batch kept, the
    probability clipped to [1e-7, 1 - 1e-7]. `turns` is read by the task "spirals" alone.
    `slots` -1 leaves no room for a second hidden layer: a wide one would cost its square. `chunk`
    networks are trained as one batch, which moves float results in the last digits.
    """

    depth: int = 10
    activation: str = "sigmoid"
    initializer: str = "glorot_uniform"
    units: int = 10
    norm: str = "none"
    skip: str = "none"
    head: str = "keras_bce"
    optimizer: str = "keras_adam"
    values: tuple[tuple[str, float], ...] = ()
    clip: str = "none"
    limit: float = 1.0
    scale: float = 1.0
    bias: float = 0.0
    last_bias: float = 0.0
    epochs: int = 100
    batch: int = 32
    task: str = "moons"
    points: int = 250
    noise: float = 0.05
    test_share: float = 0.2
    task_seed: int = 42
    slots: int = 0
    chunk: int = CHUNK
    turns: float = 1.5

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is computed.

        Raises:
            UsageError: naming the field.
        """
        object.__setattr__(self, "values", tuple((str(n), float(v)) for n, v in self.values))
        for name in ("depth", "units", "epochs", "batch", "points", "chunk"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"got {name} {value!r}, expected a whole number of at least 1")
            if value > LARGEST.get(name, value):
                raise UsageError(f"got {name} {value}, expected at most {LARGEST[name]}")
        choices = {"skip": SKIPS, "clip": CLIPS, "task": TASKS, "norm": NORMS, "head": HEADS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UsageError(
                    f"got {name} {getattr(self, name)!r}, expected one of {', '.join(known)}"
                )
        for name in ("limit", "scale", "turns"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"got {name} {getattr(self, name)}, expected a positive number")
        if not 0 <= self.test_share < 1:
            raise UsageError(f"got test_share {self.test_share}, expected 0 or more, below 1")
        if self.slots and max(self.slots, 0) < self.depth - 1:
            raise UsageError(f"got {self.slots} slots for depth {self.depth}")
        constants(self.optimizer, dict(self.values))
        activation_of(self.activation)
        if self.initializer != "lsuv":
            initializers.get(self.initializer)

    def varied(self, **changes: Any) -> "Setting":
        """Return a copy with some fields changed.

        Args:
            **changes: fields.

        Returns:
            The new setting.
        """
        return replace(self, **changes)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values.

        Returns:
            A dict that `from_json` reads.
        """
        return asdict(self) | {"values": [list(pair) for pair in self.values]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Setting":
        """Read what `as_json` wrote.

        Args:
            fields: names and values.

        Returns:
            The setting.
        """
        given = dict(fields)
        given["values"] = tuple((name, value) for name, value in given.get("values", ()))
        return cls(**given)

    def design(self, inputs: int, outputs: int) -> Design:
        """Return the part that selects a compiled program.

        Args:
            inputs: entries of a point.
            outputs: entries of a target.

        Returns:
            The design, with room for the next standard depth.
        """
        room = max(self.slots, 0) if self.slots else next(s for s in SLOTS if s >= self.depth - 1)
        if room > BLOCK:  # so many are updated at a time
            room = -(-room // BLOCK) * BLOCK
        return Design(
            activation_of(self.activation),
            inputs,
            self.units,
            outputs,
            room,
            self.norm,
            self.skip != "none",
            self.head,
        )


def fields_of(text: str, noun: type, what: str) -> dict[str, Any]:
    """Read the fields of a dataclass from JSON.

    Args:
        text: a JSON object; fields that are left out keep their defaults.
        noun: the dataclass.
        what: what it is called in a refusal, with its article.

    Returns:
        Names and values, not yet checked.

    Raises:
        UsageError: if it is no JSON object, or has a field that the class lacks.
    """
    try:
        fields = json.loads(text)
    except ValueError:
        raise UsageError(f"got {text[:60]!r}, expected JSON of {what}") from None
    if not isinstance(fields, dict) or not set(fields) <= set(noun.__dataclass_fields__):
        raise UsageError(f"got {text[:60]!r}, expected fields of {what}")
    return fields


def setting_of(text: str) -> Setting:
    """Read a setting from JSON.

    Args:
        text: the fields that differ from `Setting()`.

    Returns:
        The setting.

    Raises:
        UsageError: if it is none.
    """
    fields = fields_of(text, Setting, "a setting")
    try:
        return Setting.from_json(fields)
    except UsageError:
        raise
    except (TypeError, ValueError):
        raise UsageError(f"got {text[:60]!r}, expected values of a setting's types") from None
