"""Run as a program: a few public functions on dead, subnormal and ordinary input, and their bits."""

import sys

import jax
import numpy as np

import gradchain as gch
from gradchain import scaled

kind = np.float64 if jax.config.jax_enable_x64 else np.float32
x = np.array([1, -2], kind)
tanh = gch.network_from_weights([np.eye(2, dtype=kind)] * 2, activation="tanh")
dead = gch.network_from_weights([-np.eye(2, dtype=kind)] * 2, activation="relu")
found = []
for network, start in ((tanh, x), (dead, np.abs(x))):
    chain = gch.jacobian_chain(network, start)
    found += np.asarray(chain.log_norms).tolist()
    found += np.asarray(gch.gradient_chain(network, start, x).log_state_norms).tolist()
if "all" in sys.argv:
    found += gch.chain_bounds(dead, np.abs(x)).slack.tolist()
    found += np.asarray(gch.activations.gelu.derivative(np.array([0, 1e30, -1e30], kind))).tolist()
    found += [float(scaled.norm(scaled.from_array(np.zeros(3, kind))).to_float())]
print(len(jax.devices()), *[f"{value:.6g}" for value in found])
