"""Surroundings of the comparisons: Keras on JAX, double precision, one thread, versions in the header."""

import os

# Read when the libraries are imported, so set before.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from importlib.metadata import version

import jax
import pytest
import torch

PEERS = ("torch", "keras", "flax", "equinox", "dm-haiku", "scikit-learn", "jax", "numpy")


def pytest_report_header():
    return "peers: " + ", ".join(f"{name} {version(name)}" for name in PEERS)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Two thread pools on small matrices would fight."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module", autouse=True)
def release_compiled_programs():
    """A compiled program costs 16 MB."""
    yield
    jax.clear_caches()
