"""Two sentences: gates and gradients against plain NumPy, costs against formulas, chains against laws."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.experiments import two_sentences as own
from gradchain.experiments import two_sentences_cost as cost
from gradchain.experiments import two_sentences_exact as exact
from gradchain.experiments import two_sentences_numbers as numbers
from gradchain.experiments import two_sentences_tied as tied
from gradchain.predicted.finite_width_special import trigamma
from gradchain.registry.expression import evaluate
from gradchain.tasks.sequences import sentence
from gradchain.training import recurrent

UNITS, SEED = 5, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_step(kind, p, state, x):
    """One step in float64, from the equations of textbooks: (state, keeping gate)."""
    if kind == "lstm":
        h, c = state
        i, f, g, o = np.split(x @ p["kernel"].T + h @ p["recurrent"].T + p["bias"], 4, axis=1)
        new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return (sigmoid(o) * np.tanh(new), new), sigmoid(f), sigmoid(o)
    (h,) = state
    xz, xr, xh = np.split(x @ p["kernel"].T + p["bias"], 3, axis=1)
    hz, hr, hh = np.split(h @ p["recurrent"].T + p["recurrent_bias"], 3, axis=1)
    z = sigmoid(xz + hz)
    return (z * h + (1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh),), z, None


def numpy_losses(head, h, targets):
    logits = h @ head["weight"].T + head["bias"]
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(targets)), targets]


@pytest.fixture(scope="module", params=["lstm.bias1", "gru.bias3"])
def followed(request):
    """What `gates` finds for one network as drawn, and the same from NumPy."""
    network, task = request.param, sentence(4)
    kind, cell = network.split(".")[0], own.cell_of(network, UNITS)
    key = jax.random.key(11)
    draw = recurrent.draw(cell, task, None, jax.random.key(7))
    # Heads as large as trained ones, so that no two units count alike.
    draw["head"]["weight"] = draw["head"]["weight"] * 3
    params = jax.tree.map(lambda a: a[None], draw)
    found = own.gates(cell, task, params, key[None], SEED)

    p, head = (jax.tree.map(lambda a: np.asarray(a, np.float64), draw[k]) for k in ("cell", "head"))
    drawn, targets = task.draw(jax.random.fold_in(key, 3), own.SENTENCES, jnp.float32)
    inputs, targets = np.asarray(drawn, np.float64), np.asarray(targets)
    zero = np.zeros((len(inputs), UNITS))

    def run(state, words):
        kept = []
        for t in words:
            state, gate, opened = numpy_step(kind, p, state, inputs[:, t])
            kept.append(gate)
        return state, np.stack(kept, axis=1), opened

    start = (zero, zero) if kind == "lstm" else (zero,)
    first, gate, _ = run(start, [0])
    last, later, opened = run(first, range(1, task.length))
    logits = last[0] @ head["weight"].T + head["bias"]
    chance = np.exp(logits - logits.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    slope = (chance - np.eye(task.outputs)[targets]) @ head["weight"]
    if kind == "lstm":
        slope = slope * opened * (1 - np.tanh(last[1]) ** 2)
    direct = slope * later.prod(axis=1)
    # Central differences of the loss, unit by unit, of the content after the first word.
    whole, step = np.empty_like(direct), 1e-5
    for unit in range(UNITS):
        ends = []
        for sign in (1, -1):
            content = first[-1].copy()
            content[:, unit] += sign * step
            state, _, _ = run((*first[:-1], content), range(1, task.length))
            ends.append(numpy_losses(head, state[0], targets))
        whole[:, unit] = (ends[0] - ends[1]) / (2 * step)
    moved = np.abs(first[-1] - first[-1].mean(axis=0))
    score = (np.abs(direct) * moved).mean(axis=0)
    return found, {"later": later, "direct": direct, "whole": whole, "score": score}, gate


def test_gates_and_carriers_are_those_of_plain_numpy(followed):
    found, true, _ = followed
    order = np.argsort(-true["score"])[: own.CARRIERS]
    assert found["units"][0].tolist() == order.tolist()
    # Single precision over a few steps.
    close = {"rtol": 1e-4}
    np.testing.assert_allclose(found["all"][0], true["later"].mean(), **close)
    np.testing.assert_allclose(found["carriers"][0], true["later"][:, :, order].mean(), **close)
    log_kept = np.log(true["later"]).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(found["log_kept_all"][0], log_kept.mean(), **close)
    np.testing.assert_allclose(found["log_kept"][0], log_kept[order].mean(), **close)


def test_the_direct_path_is_the_product_of_gates_and_the_whole_a_difference_of_losses(followed):
    found, true, _ = followed
    sizes = [np.linalg.norm(true[name], axis=1).mean() for name in ("direct", "whole")]
    np.testing.assert_allclose(found["log_direct"][0], math.log(sizes[0] / sizes[1]), atol=1e-4)


def test_the_sentence_shown_begins_with_france_and_its_gates_have_a_value_a_word(followed):
    found, _, gate = followed
    inputs, words = own.example(sentence(4), SEED)
    assert (words[0], words[-3:]) == ("France", ["I", "speak", "fluent"])
    assert inputs.shape == (5, 35)
    assert found["shown_all"].shape == found["shown_carriers"].shape == (1, 5)
    # After the first word every sentence of the same country has the same gates; they differ little
    # between countries.
    assert abs(found["shown_all"][0, 0] - gate[:, 0].mean()) < 0.1


@pytest.fixture(scope="module")
def trained():
    size = {"units": 64, "seeds": 8, "steps": 8, "batch": 4, "rate": 0.01, "seed": 0}
    return own.train("rnn.orthogonal", 5, **size)


def test_an_orthogonal_network_keeps_what_mean_field_predicts_at_width_64(trained):
    predicted = own.predicted_logs("rnn.orthogonal", 5, 64)
    assert predicted[-1] == 0
    measured = own.log_ratio(trained["start"])
    # What is left of the finite width is some 1/n a step; the spread over networks is added.
    room = 5 / 64 + 5 * measured.std(ddof=1) / math.sqrt(8)
    assert abs(measured.mean() - predicted[0]) < room


def test_training_starts_from_the_networks_whose_start_is_measured(trained):
    np.testing.assert_array_equal(trained["start"], own.start_logs("rnn.orthogonal", 5, 64, 8, 0))
    assert trained["trained"].shape == (8, 6)
    assert np.any(trained["trained"] != trained["start"])
    assert trained["accuracy"].shape == (8, 9)
    assert trained["looks"].tolist() == list(range(9))
    assert "carriers" not in trained
    measured = numbers.start_measured("rnn.orthogonal", 5, 64, 8, 0)
    left = np.exp(own.log_ratio(trained["start"].astype(np.float64)).mean())
    assert float(measured.value) == pytest.approx(left, rel=1e-5)
    predicted = math.log(float(numbers.start_predicted("rnn.orthogonal", 5, 64).value))
    assert predicted == pytest.approx(float(own.predicted_logs("rnn.orthogonal", 5, 64)[0]))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_more_open_gates_are_predicted_to_keep_more_and_near_clues_more_than_far_ones(cell):
    starts = [name for name in own.GATED if name.startswith(cell)]
    closed, opened = (own.predicted_logs(name, 8, 16) for name in starts)
    assert np.all(closed[:-2] < opened[:-2])
    assert own.predicted_logs(starts[0], 4, 16)[0] > closed[0]


def test_parameters_by_formula_are_those_in_the_arrays():
    for cell in exact.CELLS:
        for units, inputs in ((1, 1), (3, 7), (64, 5)):
            assert exact.count(cell, units, inputs) == cost.counted(cell, units, inputs)
            result = exact.parameters(cell, units, inputs)
            assert evaluate(result.exact) == int(result.value)
    # From the model summaries in Keras' guide to recurrent networks.
    assert exact.count("lstm", 128, 64) == 98_816
    assert exact.count("gru", 256, 64) == 247_296
    assert exact.count("rnn", 128, 256) == 49_280
    with pytest.raises(UsageError, match="expected one of rnn, lstm"):
        exact.count("elman", 2, 2)
    with pytest.raises(UsageError, match="units=0, expected 1 to"):
        exact.count("rnn", 0, 2)


def test_arithmetic_tends_to_the_number_of_matrices():
    for cell, matrices in (("lstm", 4), ("gru", 3)):
        ratio = float(numbers.arithmetic(cell, 256, 256).value)
        # Elementwise work is some tens of operations a unit beside 6 n (n + d) of the simple network.
        assert matrices < ratio < matrices * (1 + 100 / (6 * 512))


def test_times_are_taken_in_rounds_and_divided_by_the_first_cell(monkeypatch):
    monkeypatch.setattr(cost, "TIMED", ("rnn",))
    seconds = cost.times(2, 3, 2, 4, 3, 0)
    assert seconds.shape == (3, 1, 2)
    assert np.all(seconds > 0)
    assert np.all(cost.ratios(seconds) == 1)


@pytest.fixture(scope="module")
def linear():
    return tied.chains("linear", 8, 40, 400, 0)


def test_untied_linear_chains_follow_newman_at_every_distance(linear):
    law, _ = tied.predicted_growth("linear", 8)
    step = float(trigamma(np.array([4.0]))[0]) / 4
    for k in (1, 7, 40):
        own_logs = linear.untied[:, k].astype(np.float64)
        # 4.5 standard errors: a false alarm in 150 000 comparisons, three here.
        assert abs(own_logs.mean() - k * law) < 4.5 * math.sqrt(k * step / 400)
        # The variance of a variance of nearly normal values is 2 var^2 / S.
        assert abs(own_logs.var(ddof=1) / (k * step) - 1) < 4.5 * math.sqrt(2.5 / 400)


def test_tied_linear_chains_grow_by_their_own_spectral_radius(linear):
    gap = tied.growth(linear.tied) - linear.radius
    # Powers of one matrix: log|W^k u| = k log radius + O(log k) + a bounded swing of complex pairs, so
    # over 20 steps the growth is off by a few hundredths, here typically.
    assert abs(np.median(gap)) < 0.02
    assert np.corrcoef(tied.growth(linear.tied), linear.radius)[0, 1] > 0.9
    spread = linear.tied[:, 40].std() / linear.untied[:, 40].std()
    assert spread > 2


def test_one_step_is_the_same_law_tied_or_untied(linear):
    for k in (0, 1):
        difference = linear.tied[:, k].mean() - linear.untied[:, k].mean()
        step = float(trigamma(np.array([4.0]))[0]) / 4
        assert abs(difference) <= 4.5 * math.sqrt(2 * k * step / 400)


def test_driven_tanh_chains_grow_as_mean_field_with_its_correction_says():
    found = tied.chains("driven", 32, 24, 200, 0)
    law, _ = tied.predicted_growth("driven", 32)
    growth = tied.growth(found.untied)
    # What is left is of order 1/n^2 a step.
    room = 4.5 * growth.std(ddof=1) / math.sqrt(200) + 8 / 32**2
    assert abs(growth.mean() - law) < room
    assert np.isnan(found.radius).all()


def test_numbers_come_out_again_and_name_what_is_wrong(linear):
    again = numbers.growth_measured("linear", "tied", 8, 40, 400, 0)
    assert again == numbers.geometric(tied.growth(linear.tied))
    predicted = float(numbers.growth_predicted("linear", 8).value)
    assert predicted == pytest.approx(math.exp(tied.predicted_growth("linear", 8)[0]), rel=1e-11)
    with pytest.raises(UsageError, match="not finite"):
        numbers.geometric(np.array([0.0, -np.inf]))
    with pytest.raises(UsageError, match="expected at least 2 of each"):
        tied.chains("linear", 1, 40, 4, 0)
    with pytest.raises(UsageError, match="driven"):
        tied.chains("relu", 4, 40, 4, 0)


def test_gates_are_spoken_of_only_where_networks_learned(monkeypatch):
    accuracy = np.tile([0.1, 0.95], (6, 1))
    accuracy[0, -1] = 0.5
    arrays = {"accuracy": accuracy, "carriers": np.array([9.0, 0.8, 0.8, 0.9, 0.9, 0.85])}
    monkeypatch.setattr(own, "train", lambda *a, **k: arrays)
    settings = {"network": "lstm.bias3", "distance": 5, "units": 4, "seeds": 6, "steps": 8}
    settings |= {"batch": 4, "rate": 0.01, "seed": 0}
    assert float(numbers.learned(**settings).value) == pytest.approx(5 / 6, rel=1e-5)
    assert float(numbers.gate(**settings, what="carriers").value) == pytest.approx(0.85)
    accuracy[1:3, -1] = 0.5
    with pytest.raises(UsageError, match="got 3 networks that learned"):
        numbers.gate(**settings, what="carriers")
