from . import (
    activations,
    bridge,
    certify,
    claims,
    experiments,
    figures,
    gaussian,
    initializers,
    measured,
    monitor,
    predicted,
    registry,
    report,
    scaled,
    study,
    tasks,
    testing,
    training,
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
from .bridge.compare import Comparison, compare
from .bridge.diagnosis import (
    Diagnosis,
    UnhealthyError,
    assert_healthy,
    diagnose,
    diagnose_arrays,
)
from .experiments.moons import MoonsExperiment, moons_experiment
from .experiments.weight_change import WeightChange, weight_change
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
from .measured.lsuv import lsuv
from .measured.network import Network, Run, Trace, forward
from .predicted import library_defaults
from .predicted.finite_width import LogNormLaw, log_norm_law
from .predicted.finite_width_moments import SecondMoments, second_moments
from .predicted.gains import Gain, gain
from .predicted.isometry import SingularValueLaw, singular_value_edge, singular_value_law
from .predicted.lyapunov import (
    gaussian_lyapunov_exponents,
    gaussian_lyapunov_variances,
    relu_lyapunov_exponents,
)
from .predicted.mean_field import (
    CriticalSigmaW,
    MeanField,
    PhaseDiagram,
    Trajectory,
    correlation_trajectory,
    critical_sigma_w,
    length_trajectory,
    mean_field,
    normalized_trajectory,
    phase_diagram,
    residual_trajectory,
)
from .predicted.normalization import batch_norm_rate, layer_norm_rate
from .registry.cite import Citation, cite
from .scaled import Scaled
from .tasks import Task
from .training.train import TrainResult, train

__version__: str

__all__ = [
    "Activation",
    "ActivationError",
    "BatchNorm",
    "Chain",
    "ChainBounds",
    "Chained",
    "Citation",
    "Comparison",
    "Convolution",
    "CriticalSigmaW",
    "Custom",
    "Dense",
    "Diagnosis",
    "DriftError",
    "DtypeError",
    "Gain",
    "GradchainError",
    "GradientChain",
    "GradientFactors",
    "Initializer",
    "InitializerError",
    "LayerJacobians",
    "LayerNorm",
    "LogNormLaw",
    "MeanField",
    "MoonsExperiment",
    "Network",
    "NonFiniteError",
    "OutputError",
    "PhaseDiagram",
    "RegistryError",
    "Residual",
    "Run",
    "Scaled",
    "SecondMoments",
    "ShapeError",
    "SingularValueLaw",
    "Stack",
    "Task",
    "Trace",
    "TrainResult",
    "Trajectory",
    "UnhealthyError",
    "UnknownKeyError",
    "UsageError",
    "WeightChange",
    "activations",
    "assert_healthy",
    "batch_norm_rate",
    "bridge",
    "certify",
    "chain_bounds",
    "cite",
    "claims",
    "compare",
    "concatenate",
    "correlation_trajectory",
    "critical_sigma_w",
    "diagnose",
    "diagnose_arrays",
    "experiments",
    "figures",
    "forward",
    "gain",
    "gaussian",
    "gaussian_lyapunov_exponents",
    "gaussian_lyapunov_variances",
    "gradient_chain",
    "gradient_factors",
    "initializers",
    "jacobian_chain",
    "layer_jacobians",
    "layer_norm_rate",
    "length_trajectory",
    "library_defaults",
    "log_norm_law",
    "lsuv",
    "mean_field",
    "measured",
    "mlp",
    "monitor",
    "moons_experiment",
    "network_from_weights",
    "normalized_trajectory",
    "phase_diagram",
    "predicted",
    "registry",
    "relu_lyapunov_exponents",
    "report",
    "residual",
    "residual_trajectory",
    "scaled",
    "second_moments",
    "single",
    "singular_value_edge",
    "singular_value_law",
    "study",
    "tasks",
    "testing",
    "train",
    "training",
    "weight_change",
]
