from . import (
    activations,
    bridge,
    certify,
    experiments,
    figures,
    initializers,
    measured,
    predicted,
    registry,
    report,
    scaled,
    study,
)
from ._errors import (
    ActivationError,
    DriftError,
    DtypeError,
    GradchainError,
    InitializerError,
    NonFiniteError,
    OutputError,
    RegistryError,
    ShapeError,
    UnknownKeyError,
    UsageError,
)
from .activations import Activation
from .bridge.bounds import ChainBounds, chain_bounds
from .initializers import Initializer
from .measured.build import concatenate, mlp, network_from_weights, residual, single
from .measured.factors import GradientFactors, gradient_factors
from .measured.gradient import GradientChain, gradient_chain
from .measured.jacobian import Chain, LayerJacobians, jacobian_chain, layer_jacobians
from .measured.layers import (
    BatchNorm,
    Chained,
    Convolution,
    Custom,
    Dense,
    LayerNorm,
    Residual,
    Stack,
)
from .measured.network import Network, Run, Trace, forward
from .registry.cite import Citation, cite
from .scaled import Scaled

__version__: str

__all__ = [
    "Activation",
    "ActivationError",
    "BatchNorm",
    "Chain",
    "ChainBounds",
    "Chained",
    "Citation",
    "Convolution",
    "Custom",
    "Dense",
    "DriftError",
    "DtypeError",
    "GradchainError",
    "GradientChain",
    "GradientFactors",
    "Initializer",
    "InitializerError",
    "LayerJacobians",
    "LayerNorm",
    "Network",
    "NonFiniteError",
    "OutputError",
    "RegistryError",
    "Residual",
    "Run",
    "Scaled",
    "ShapeError",
    "Stack",
    "Trace",
    "UnknownKeyError",
    "UsageError",
    "activations",
    "bridge",
    "certify",
    "chain_bounds",
    "cite",
    "concatenate",
    "experiments",
    "figures",
    "forward",
    "gradient_chain",
    "gradient_factors",
    "initializers",
    "jacobian_chain",
    "layer_jacobians",
    "measured",
    "mlp",
    "network_from_weights",
    "predicted",
    "registry",
    "report",
    "residual",
    "scaled",
    "single",
    "study",
]
