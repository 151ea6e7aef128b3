"""Training settings: what is refused, what diverges, and that numbers do not depend on the machine."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from gradchain._errors import GradchainError, ShapeError, UsageError
from gradchain.experiments import lab
from gradchain.experiments.lab_numbers import kept, measured, text_of

SMALL = lab.Setting(depth=3, epochs=10)


def digest(outcome):
    parts = [np.ascontiguousarray(a).tobytes() for a in outcome[:18]]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.fixture(scope="module")
def outcome():
    return lab.run(SMALL, 40)


CHILD = """
import sys
from gradchain.experiments import lab
sys.path.insert(0, {folder!r})
from test_lab import SMALL, digest
lab.use_all_cores({count})
import jax
assert len(jax.devices()) == {count}
print(digest(lab.run(SMALL, 40)))
"""


@pytest.mark.parametrize("count", [2, 3])
def test_other_numbers_of_devices_give_the_same_bytes(outcome, count):
    folder = os.path.dirname(__file__)
    code = CHILD.format(folder=folder, count=count)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == digest(outcome)


def test_a_network_depends_on_its_number_alone(outcome):
    fewer = lab.run(SMALL, 5)
    for name in ("loss", "log_gradient_norms", "weight_change"):
        np.testing.assert_array_equal(getattr(fewer, name), getattr(outcome, name)[:5])


def test_depth_is_data_and_shapes_follow_it(outcome):
    assert outcome.loss.shape == (40, 10)
    assert outcome.log_gradient_norms.shape == (40, 2, 4)
    assert [p.shape for p in outcome.percent_change] == [
        (40, 10, 2),
        (40, 10, 10),
        (40, 10, 10),
        (40, 1, 10),
    ]
    deeper = lab.run(SMALL.varied(depth=7), 2)
    assert deeper.log_gradient_norms.shape == (2, 2, 8)
    assert not np.isnan(deeper.log_gradient_norms).any()


def test_weight_change_is_that_of_the_kernels(outcome):
    for place, (old, new) in enumerate(zip(outcome.start, outcome.final, strict=True)):
        moved = np.linalg.norm((new.weight - old.weight).reshape(40, -1).astype(np.float64), axis=1)
        size = np.linalg.norm(old.weight.reshape(40, -1).astype(np.float64), axis=1)
        eps = float(np.finfo(np.float32).eps)
        np.testing.assert_allclose(
            outcome.weight_change[:, -1, place], moved / size, rtol=300 * eps
        )


def test_a_diverging_run_is_a_result_and_leaves_others_alone():
    # Squared error of a linear output: nothing bounds the step, so some networks run away.
    rate = (("learning_rate", 0.7),)
    wild = SMALL.varied(activation="relu", optimizer="sgd", values=rate, head="linear_mse")
    found = lab.run(wild, 32)
    lost = found.nan_step >= 0
    assert lost.any()
    assert not lost.all()
    assert np.isfinite(found.loss[~lost]).all()
    assert np.isnan(found.loss[lost, -1]).all()
    share = measured(kept(found), "diverged")
    assert float(share.value) == pytest.approx(lost.mean(), abs=1e-6)


@pytest.mark.parametrize(
    "fields",
    [
        {"depth": 0},
        {"depth": 101},
        {"epochs": 0},
        {"activation": "sigmod"},
        {"initializer": "xavier9"},
        {"optimizer": "lion"},
        {"skip": "dense"},
        {"clip": "hard"},
        {"task": "mnist"},
        {"scale": 0.0},
        {"limit": float("inf")},
        {"test_share": 1.0},
        {"norm": "group"},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(fields):
    with pytest.raises(GradchainError, match=str(next(iter(fields.values())))[:6]):
        lab.Setting(**fields)


def test_epochs_that_do_not_fill_segments_are_refused():
    with pytest.raises(UsageError, match="multiple"):
        lab.run(SMALL.varied(epochs=25), 2)


def test_points_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="inputs of shape"):
        lab.columns(np.zeros((3, 2)), np.zeros(4))
    with pytest.raises(UsageError, match="NaN"):
        lab.columns(np.full((3, 2), np.nan), np.zeros(3))


def test_a_setting_survives_its_json():
    setting = SMALL.varied(values=(("learning_rate", 0.1),), clip="norm")
    assert lab.Setting.from_json(setting.as_json()) == setting
    assert text_of(lab.Setting()) == "{}"
