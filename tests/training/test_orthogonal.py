"""Orthogonal weights without LAPACK are those of JAX, and are drawn on several devices at once."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import initializers
from gradchain.training.orthogonal import gram_schmidt, without_lapack

EPS = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize("shape", [(10, 10), (10, 2), (1, 10), (3, 10)])
def test_the_matrices_are_those_that_jax_draws_through_lapack(shape):
    law = initializers.get("orthogonal(1.5)")
    key = jax.random.key(3)
    own, theirs = (each.sample(key, shape, jnp.float32) for each in (without_lapack(law), law))
    # The condition number of a 10 x 10 Gaussian is below 1e3 for this key; both are backward stable.
    assert np.abs(np.asarray(own) - np.asarray(theirs)).max() <= 1e3 * EPS


def test_columns_are_orthonormal_even_if_nearly_dependent():
    z = jax.random.normal(jax.random.key(0), (12, 6), jnp.float32)
    z = z.at[:, 1].set(z[:, 0] + 1e-3 * z[:, 1])
    q = np.asarray(gram_schmidt(z), np.float64)
    assert np.abs(q.T @ q - np.eye(6)).max() <= 40 * EPS


def test_other_laws_are_left_alone():
    law = initializers.get("he_normal")
    assert without_lapack(law) is law


def test_two_devices_that_draw_at_once_do_not_wait_for_each_other():
    code = (
        "from gradchain.experiments import lab\n"
        "from gradchain.experiments.setting import Setting\n"
        "lab.use_all_cores(2)\n"
        "own = Setting(depth=4, initializer='orthogonal', epochs=1, points=40)\n"
        "print(lab.run(own, 64, 0).loss.shape)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert found.stdout.strip() == "(64, 1)", found.stderr[-2000:]
