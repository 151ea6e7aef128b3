"""Normalization in training: grids, spreads and gaps from arrays, and invariance to the weight scale."""

import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import normalization as own
from gradchain.experiments.lab import run
from gradchain.experiments.normalization_records import sweep_number
from gradchain.experiments.setting import Setting

PLAIN = {"depth": 3, "activation": "relu", "initializer": "he_uniform", "epochs": 10}


def test_decades_and_the_highest_rate_are_counted_within_a_network():
    grid = (0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0)
    accuracy = np.zeros((7, 3))
    accuracy[2:5, 0] = 1.0
    accuracy[6, 1] = 0.96
    assert own.decades_trained(accuracy, 2).tolist() == [1.5, 0.5, 0.0]
    highest = own.highest_trained(accuracy, grid)
    assert highest[0] == -1.0
    assert highest[1] == 0.0
    assert highest[2] == -np.inf


def test_the_spread_is_the_largest_over_the_smallest_loss_of_a_network():
    loss = np.array([[0.1, 1.0], [0.01, 2.0], [1.0, 4.0]])
    assert np.allclose(own.spread(loss), [2.0, np.log10(4.0)], rtol=1e-12)
    found = own.geometric(np.array([0.0, 2.0, -np.inf]))
    assert (found.value, found.uncertainty.n) == ("10", 2)
    # Networks that all stop at the same rate of a grid are not known exactly.
    blurred = own.geometric(np.zeros(12), 0.5)
    high = 10 ** (1.96 * 0.5 / 12)
    assert abs(float(blurred.uncertainty.high) - high) < 1e-4 * high


def test_the_gap_takes_a_data_set_for_one_draw():
    arrays = {"gap_loss": np.array([[0.0, 0.2], [0.3, 0.5], [0.1, 0.1]])}
    found = own.taken(arrays, (0.0, 1.0, 2.0), 1, "gap_loss")
    assert found.uncertainty.n == 3
    assert abs(float(found.value) - 0.2) < 1e-9
    # Means 0.1, 0.4, 0.1: standard deviation sqrt(0.03), divided by sqrt(3).
    assert abs(float(found.uncertainty.value) - 0.1) < 1e-9


@pytest.mark.parametrize("norm", ["batch_before", "layer"])
def test_a_normalized_network_starts_at_the_same_point_whatever_the_scale(norm):
    # Norms divide by sqrt(variance + 0.001): scales 1 and 10 differ by about 0.0005 / variance a
    # layer. The last kernel is not scaled.
    losses = []
    for scale in (1.0, 10.0):
        outcome = run(Setting(**PLAIN, norm=norm, scale=scale), 32, 0)
        losses.append(outcome.full_loss[:, 0])
    unlike = np.abs(losses[1] - losses[0]) / losses[0]
    assert np.median(unlike) < 0.02


def test_a_sweep_is_recomputed_from_its_record_and_keeps_its_networks():
    setting = Setting(**PLAIN, norm="layer")
    arrays = own.sweep(setting, "scale", (0.5, 1.0), 32, 0)
    assert arrays["loss"].shape == (2, 32)
    plain = run(setting, 32, 0)
    assert np.array_equal(arrays["loss"][1], plain.loss[:, -1].astype(np.float64))
    key = "normalization.layer.scale.spread"
    number = sweep_number(key, arrays, setting, "layer", "scale", (0.5, 1.0), 2, 0, "spread")
    assert recompute.run(number.how).value == number.value


def test_unknown_fields_and_numbers_are_refused():
    with pytest.raises(UsageError, match="expected rate, scale or data"):
        own.sweep(Setting(**PLAIN), "hope", (1.0,), 32, 0)
    with pytest.raises(UsageError, match="expected decades"):
        own.taken({}, (1.0,), 1, "hope")
    for text in ("[", "[1]", '{"hope": 1}'):
        with pytest.raises(UsageError, match="expected"):
            own.swept(text, "scale", [1.0], 1, 32, 0, "spread")
