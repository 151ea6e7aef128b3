"""Which networks are to be told apart: some with a vanishing gradient, many that only look like it?

Kinds of networks of the recognise study, each with the reason why it may look as if its gradient
vanished. Activations are sigmoid, tanh and ReLU; all share the lab's compiled programs.
"""

from gradchain._errors import UsageError
from gradchain.experiments.lab import Setting

CAUSES = ("deep", "shallow", "slow", "dead", "converged", "hopeless")
_SLOTS = 19


def _setting(activation: str, initializer: str, depth: int, **changes: object) -> Setting:
    return Setting(
        activation=activation,
        initializer=initializer,
        depth=depth,
        slots=_SLOTS,
        **changes,  # type: ignore[arg-type]
    )


def _sgd(rate: float) -> dict[str, object]:
    return {"optimizer": "sgd", "values": (("learning_rate", rate),)}


def _adam(rate: float) -> dict[str, object]:
    return {"values": (("learning_rate", rate),)}


_NOISE: dict[str, object] = {"task": "circles", "noise": 0.5}
_DEAD: dict[str, object] = {"bias": -1.0}

POPULATION: dict[str, tuple[str, Setting]] = {
    # Deep networks, of activations and weights that let gradients vanish, and that do not.
    "sigmoid5": ("deep", _setting("sigmoid", "glorot_uniform", 5)),
    "sigmoid7": ("deep", _setting("sigmoid", "glorot_uniform", 7)),
    "sigmoid10": ("deep", _setting("sigmoid", "glorot_uniform", 10)),
    "sigmoid20": ("deep", _setting("sigmoid", "glorot_uniform", 20)),
    "sigmoid10large": ("deep", _setting("sigmoid", "glorot_uniform", 10, scale=4.0)),
    "sigmoid10fast": ("deep", _setting("sigmoid", "glorot_uniform", 10, **_adam(0.03))),
    "sigmoid5sgd": ("deep", _setting("sigmoid", "glorot_uniform", 5, **_sgd(0.1))),
    "sigmoid10sgd": ("deep", _setting("sigmoid", "glorot_uniform", 10, **_sgd(0.1))),
    "tanh10": ("deep", _setting("tanh", "glorot_uniform", 10)),
    "tanh20": ("deep", _setting("tanh", "glorot_uniform", 20)),
    "tanh20small": ("deep", _setting("tanh", "glorot_uniform", 20, scale=0.5)),
    "tanh10sgd": ("deep", _setting("tanh", "glorot_uniform", 10, **_sgd(0.1))),
    "tanh10smallsgd": ("deep", _setting("tanh", "glorot_uniform", 10, scale=0.4, **_sgd(0.1))),
    "tanh20smallsgd": ("deep", _setting("tanh", "glorot_uniform", 20, scale=0.5, **_sgd(0.1))),
    "sigmoid7sgd": ("deep", _setting("sigmoid", "glorot_uniform", 7, **_sgd(0.1))),
    "relu10smallsgd": ("deep", _setting("relu", "he_uniform", 10, scale=0.3, **_sgd(0.03))),
    "relu10": ("deep", _setting("relu", "he_uniform", 10)),
    "relu20": ("deep", _setting("relu", "he_uniform", 20)),
    "relu20small": ("deep", _setting("relu", "he_uniform", 20, scale=0.5)),
    "relu10sgd": ("deep", _setting("relu", "he_uniform", 10, **_sgd(0.03))),
    # Shallow networks that train as they should.
    "sigmoid1": ("shallow", _setting("sigmoid", "glorot_uniform", 1)),
    "sigmoid3": ("shallow", _setting("sigmoid", "glorot_uniform", 3)),
    "tanh3": ("shallow", _setting("tanh", "glorot_uniform", 3)),
    "relu3": ("shallow", _setting("relu", "he_uniform", 3)),
    "sigmoid2sgd": ("shallow", _setting("sigmoid", "glorot_uniform", 2, **_sgd(0.3))),
    "tanh3sgd": ("shallow", _setting("tanh", "glorot_uniform", 3, **_sgd(0.1))),
    # Plateaus and still weights of other causes: a learning rate that is much too small,
    "tanh3slow": ("slow", _setting("tanh", "glorot_uniform", 3, **_adam(1e-7))),
    "relu10slow": ("slow", _setting("relu", "he_uniform", 10, **_adam(1e-7))),
    "tanh10slowsgd": ("slow", _setting("tanh", "glorot_uniform", 10, **_sgd(1e-6))),
    # ReLU units that are off for every point,
    "relu10dead": ("dead", _setting("relu", "he_uniform", 10, **_DEAD)),
    "relu3dead": ("dead", _setting("relu", "he_uniform", 3, bias=-3.0)),
    "relu10deadsgd": ("dead", _setting("relu", "he_uniform", 10, **_DEAD, **_sgd(0.03))),
    # a loss that has nowhere left to fall,
    "relu3done": ("converged", _setting("relu", "he_uniform", 3, epochs=200, **_adam(0.01))),
    "tanh3done": ("converged", _setting("tanh", "glorot_uniform", 3, epochs=200, **_adam(0.01))),
    "relu10done": ("converged", _setting("relu", "he_uniform", 10, epochs=200, **_adam(0.003))),
    # and points of two classes that nothing can tell apart.
    "sigmoid1noise": ("hopeless", _setting("sigmoid", "glorot_uniform", 1, **_NOISE)),
    "tanh2noise": ("hopeless", _setting("tanh", "glorot_uniform", 2, **_adam(1e-4), **_NOISE)),
    "tanh2noisesgd": ("hopeless", _setting("tanh", "glorot_uniform", 2, **_sgd(0.01), **_NOISE)),
}
"""Name -> (why it may look as if the gradient vanished, setting)."""

SMALL = ("tanh3sgd", "tanh10sgd", "tanh20smallsgd", "tanh10slowsgd", "tanh2noisesgd")
POPULATIONS = {"all": tuple(POPULATION), "small": SMALL}


def names_of(population: str) -> tuple[str, ...]:
    """List the kinds of networks of a population.

    Args:
        population: "all" or "small".

    Returns:
        Keys of `POPULATION`.

    Raises:
        UsageError: for another name.
    """
    if population not in POPULATIONS:
        raise UsageError(f"got population {population!r}, expected {' or '.join(POPULATIONS)}")
    return POPULATIONS[population]
