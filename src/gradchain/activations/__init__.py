"""Activations as nouns: function, a derivative that is right also where it saturates, facts.

Each of the twenty is an attribute (`activations.sigmoid`); `get` finds one by name and
`from_function` makes one of your own.
"""

from gradchain.activations.declare import from_function
from gradchain.activations.library import LIBRARY as _LIBRARY
from gradchain.activations.library import NAMES, get
from gradchain.activations.noun import Activation

sigmoid = _LIBRARY["sigmoid"]
tanh = _LIBRARY["tanh"]
relu = _LIBRARY["relu"]
leaky_relu = _LIBRARY["leaky_relu"]
prelu = _LIBRARY["prelu"]
elu = _LIBRARY["elu"]
selu = _LIBRARY["selu"]
celu = _LIBRARY["celu"]
gelu = _LIBRARY["gelu"]
gelu_tanh = _LIBRARY["gelu_tanh"]
silu = _LIBRARY["silu"]
mish = _LIBRARY["mish"]
softplus = _LIBRARY["softplus"]
softsign = _LIBRARY["softsign"]
erf = _LIBRARY["erf"]
sin = _LIBRARY["sin"]
hard_tanh = _LIBRARY["hard_tanh"]
hard_sigmoid = _LIBRARY["hard_sigmoid"]
hard_silu = _LIBRARY["hard_silu"]
identity = _LIBRARY["identity"]

__all__ = [
    "NAMES",
    "Activation",
    "celu",
    "elu",
    "erf",
    "from_function",
    "gelu",
    "gelu_tanh",
    "get",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "identity",
    "leaky_relu",
    "mish",
    "prelu",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "sin",
    "softplus",
    "softsign",
    "tanh",
]
