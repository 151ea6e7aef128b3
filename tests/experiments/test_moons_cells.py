"""What the moons study keeps is what its networks did: against NumPy and the engine's own counts."""

import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import lab, lab_numbers, moons_cells
from gradchain.experiments.measures import MEASURES
from gradchain.experiments.moons_records import SENTENCES, Networks, majority_number

SETTING = lab.Setting(activation="relu", depth=3, slots=9, epochs=10)
EPS = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module")
def outcome():
    return lab.run(SETTING, 9, seed=3)


def test_the_drawn_boundary_answers_the_points_as_the_network_does(outcome):
    x, labels, _, _ = lab.points_of(SETTING)
    for network in (0, 5):
        # The diagonal of the grid are the points themselves.
        logits = np.diag(moons_cells.surface(outcome, "relu", network, x[0], x[1]))
        right = np.mean((logits > 0) == (labels[0] > 0.5))
        assert right == pytest.approx(outcome.full_accuracy[network, -1], abs=EPS)


def test_the_surface_is_the_network_in_float64(outcome):
    x, y = np.linspace(-1, 2, 7), np.linspace(-1, 1, 5)
    found = moons_cells.surface(outcome, "relu", 2, x, y)
    assert found.shape == (5, 7)
    h = np.stack([part.ravel() for part in np.meshgrid(x, y)])
    size = np.abs(h)
    for place, layer in enumerate(outcome.final):
        weight, bias = layer.weight[2].astype(np.float64), layer.bias[2].astype(np.float64)
        h, size = weight @ h + bias[:, None], np.abs(weight) @ size + np.abs(bias)[:, None]
        if place < len(outcome.final) - 1:
            h = np.maximum(h, 0)
    # Rounding of a product with n terms is at most about n eps of the sum of sizes, a layer.
    assert np.all(np.abs(found.ravel() - h[0]) <= 4 * 13 * EPS * size[0])


def test_what_is_kept_gives_every_number_that_the_whole_outcome_gives(outcome):
    whole, part = lab_numbers.kept(outcome), moons_cells.ends(outcome)
    used = [s.measure for s in SENTENCES]
    used += ["loss", "gradient_first_end", "gradient_factor_start", "pseudo_first", "same_first"]
    for name in used:
        take = MEASURES[name].take
        np.testing.assert_array_equal(take(part, 0.01), take(whole, 0.01))


def test_followed_weights_go_from_the_start_to_the_end(outcome):
    found = moons_cells.followed(outcome, 1)
    assert found["first"].shape == (11, 20)
    assert found["last"].shape == (11, 10)
    for name, place in (("first", 0), ("last", -1)):
        np.testing.assert_array_equal(found[name][0], outcome.start[place].weight[1].ravel())
        np.testing.assert_array_equal(found[name][-1], outcome.final[place].weight[1].ravel())


def test_as_many_networks_are_better_as_are_worse_than_the_typical_one(outcome):
    losses = outcome.loss[:, -1]
    chosen = losses[moons_cells.typical(outcome)]
    assert np.sum(losses < chosen) == np.sum(losses > chosen) == 4


def test_always_the_same_answer_has_the_accuracy_of_the_larger_class():
    labels = lab.points_of(lab.Setting()).targets
    number = majority_number(labels, lab.Setting())
    counts = [int(np.sum(labels == value)) for value in (0, 1)]
    assert float(number.rational) == max(counts) / sum(counts)
    assert recompute.run(number.how).value == number.value
    # 250 points, 125 of each class: 50 are taken away for testing.
    assert sum(counts) == 200


def test_every_number_is_a_record_that_comes_out_again(outcome):
    arrays = moons_cells.ends(outcome)
    own = Networks(arrays, SETTING, 3)
    for what in ("loss.median", "pseudo.median", "overone.share"):
        number = own.number(what)
        assert number.key == f"moons.relu.hidden3.epochs10.{what}"
        assert number.kind == "estimated"
        assert recompute.run(number.how).value == number.value


def test_a_time_that_most_networks_never_reach_is_left_out(outcome):
    arrays = moons_cells.ends(outcome)
    times = np.full_like(arrays["epochs_to_95"], np.inf)
    times[:4] = (2, 4, 9, 5)
    assert Networks(arrays | {"epochs_to_95": times}, SETTING, 3).time() == []
    times[4] = 10
    (number,) = Networks(arrays | {"epochs_to_95": times}, SETTING, 3).time()
    assert float(number.rational) == 6
    assert number.uncertainty.n == 5


def test_weights_of_adam_move_by_no_more_than_its_largest_steps(outcome):
    # |step| <= rate (1 - b1)/sqrt(1 - b2) (Kingma and Ba 2015, section 2.1), 7 steps an epoch.
    largest = 0.1 / np.sqrt(0.001) * 70
    pseudo = 10.0 ** MEASURES["pseudo_first"].take(lab_numbers.kept(outcome), 1e-3)
    assert np.all(pseudo <= largest)
    assert np.all(pseudo > 0)


def test_a_boundary_in_the_plane_needs_two_inputs(outcome):
    other = outcome._replace(start=[lab.Layer(np.zeros((9, 10, 3)), np.zeros((9, 10)))])
    with pytest.raises(UsageError, match="3 inputs, expected 2"):
        moons_cells.surface(other, "relu", 0, np.zeros(2), np.zeros(2))
