"""The notes' demonstration: the contract of its object, and what it refuses."""

import jax
import numpy as np
import pytest

from gradchain._errors import ShapeError, UsageError
from gradchain.experiments.moons import REMEDIES, moons_experiment
from gradchain.training.train import train


@pytest.fixture(scope="module")
def found():
    return moons_experiment(depth=2, seeds=3, epochs=10, key=jax.random.key(4))


def test_the_object_has_the_shapes_of_its_contract(found):
    assert found.loss.shape == found.accuracy.shape == (3, 10)
    assert [p.shape for p in found.percent_change] == [(3, 10, 2), (3, 10, 10), (3, 1, 10)]
    assert found.log_gradient_norms.shape == (3, len(found.epochs), 3)
    assert "3 seeds" in repr(found)


def test_the_loss_is_the_mean_over_points_while_weights_move(found):
    # Between the losses at rest before and after the epoch, up to the noise of single batches.
    at_rest = found.outcome.full_loss
    assert found.loss[:, -1] == pytest.approx(at_rest[:, -1], abs=0.05)
    assert not np.array_equal(found.loss[:, -1], at_rest[:, -1])


def test_given_points_are_trained_on(found):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 2))
    labels = (inputs[:, 0] > 0).astype(float)
    other = moons_experiment(depth=2, seeds=2, epochs=10, data=(inputs, labels))
    assert other.loss.shape == (2, 10)
    with pytest.raises(UsageError, match="0 and 1"):
        moons_experiment(depth=2, seeds=2, epochs=10, data=(inputs, labels + 1))
    with pytest.raises(ShapeError, match="pair"):
        moons_experiment(depth=2, seeds=2, epochs=10, data=(inputs, labels, labels))


def test_unknown_names_are_refused():
    with pytest.raises(UsageError, match="remedy"):
        moons_experiment(remedy="hope")
    with pytest.raises(UsageError, match="expected fields of Setting"):
        moons_experiment(layers=3)


@pytest.mark.parametrize("seed", [2**32, -1, True])
def test_a_seed_that_jax_would_take_for_another_is_refused(seed):
    with pytest.raises(UsageError, match=r"key=.*from 0 to 4294967295"):
        moons_experiment(depth=1, seeds=1, epochs=1, key=seed)
    with pytest.raises(UsageError, match=r"key=.*from 0 to 4294967295"):
        train(lambda key: key, lambda p, batch: p, np.ones(2), optimizer="sgd", steps=1, key=seed)


def test_every_remedy_can_be_built():
    from gradchain.experiments.lab import Setting

    for fields in REMEDIES.values():
        Setting(**fields).design(2, 1)
