"""Chains through time against complex steps, theory against drawn walks, records against the table.

Channel two steps the networks in NumPy with complex numbers: the imaginary part of a state that was
moved by 1e-200 i is its derivative, without cancellation (Squire and Trapp, SIAM Rev. 40 (1998) 110).
"""

import math

import jax
import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import time_chain, time_chain_numbers, time_chain_theory
from gradchain.experiments import time_chain_records as records
from gradchain.experiments.lanes import draw_keys
from gradchain.registry.collection import validate_all

UNITS, STEPS, SEEDS, SEED = 4, 20, 6, 3
DRAWN = ("rnn.orthogonal", "rnn.irnn", "lstm.bias2")
LIMITS = list(time_chain.LIMITS)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def stepped(network, weights, state, x):
    """One step of a cell in NumPy on a state (N,), complex or not."""
    kernel, recurrent, bias = (weights[name] for name in ("kernel", "recurrent", "bias"))
    if network.startswith("lstm"):
        h, c = np.split(state, 2)
        i, f, g, o = np.split(kernel @ x + recurrent @ h + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return np.concatenate([sigmoid(o) * np.tanh(c), c])
    z = kernel @ x + recurrent @ state + bias
    return np.where(z.real > 0, z, 0) if network == "rnn.irnn" else np.tanh(z)


def jacobians(network, number):
    """ds_T/ds_{T-k} of one network for k = 0 .. T."""
    keys = draw_keys(SEED, SEEDS)
    _, params = time_chain.drawn(network, UNITS, keys)
    weights = {name: np.asarray(value[number], np.float64) for name, value in params.items()}
    inputs = np.asarray(time_chain._directed(keys, STEPS, 1.0)[number], np.float64)
    np.testing.assert_allclose(np.linalg.norm(inputs, axis=1), 1.0, rtol=1e-6)
    size = UNITS * (2 if network.startswith("lstm") else 1)
    states = [np.zeros(size)]
    for x in inputs:
        states.append(stepped(network, weights, states[-1], x))
    found = []
    for t in range(STEPS, -1, -1):
        columns = []
        for unit in range(size):
            moved = states[t].astype(complex)
            moved[unit] += 1e-200j
            for x in inputs[t:]:
                moved = stepped(network, weights, moved, x)
            columns.append(moved.imag * 1e200)
        found.append(np.array(columns).T)
    return found, weights


@pytest.fixture(scope="module")
def chains():
    return {name: time_chain.chains(name, UNITS, STEPS, SEEDS, SEED) for name in DRAWN}


@pytest.mark.parametrize("network", DRAWN)
def test_what_is_left_is_what_complex_steps_say_and_below_the_bound(network, chains):
    found = chains[network]
    for number in (0, 5):
        exact, weights = jacobians(network, number)
        sizes = np.array([np.linalg.norm(own) for own in exact])
        with np.errstate(divide="ignore"):
            logs = np.log10(sizes / math.sqrt(len(exact[0])))
        # Some 2 T n roundings of float32, as a decimal logarithm.
        np.testing.assert_allclose(found.total[number], logs, atol=2e-4)
        norms = [np.linalg.norm(own, 2) for own in exact]
        assert (np.log10(np.maximum(norms, 1e-99)) <= found.upper[number] + 1e-5).all()
        if network == "lstm.bias2":
            gates = weights["bias"][UNITS : 2 * UNITS]
            assert (gates == 2.0).all()
            assert (found.direct[number][1:] < 0).all()
        else:
            assert np.isnan(found.direct).all()


def test_a_gradient_is_lost_where_its_exact_row_falls_below_the_limit():
    network = "lstm.bias2"
    found = time_chain.lost(network, UNITS, STEPS, SEEDS, SEED)
    keys = draw_keys(SEED, SEEDS)
    for number in (0, 5):
        exact, _ = jacobians(network, number)
        direction = np.asarray(
            jax.random.normal(jax.random.fold_in(keys[number], 2), (2 * UNITS,)), np.float64
        )
        direction /= np.linalg.norm(direction)
        sizes = np.array([np.linalg.norm(direction @ own) for own in exact])
        # The order of parts in a state is h, then c.
        below = np.flatnonzero(sizes[: int(0.9 * STEPS) + 1] < 0.01)
        expected = below[0] if below.size else np.inf
        assert found[number, LIMITS.index("percent")] == expected
    assert np.isinf(found[:, LIMITS.index("float64")]).all()


def test_identity_networks_keep_the_share_of_the_arcsine_law():
    found = time_chain.chains("rnn.irnn", UNITS, STEPS, 400, SEED).total
    squares = 10.0 ** (2 * found)
    theory = 10.0 ** (2 * time_chain_theory.predicted("rnn.irnn", UNITS, STEPS).total)
    error = squares.std(axis=0, ddof=1) / math.sqrt(len(squares))
    # Five of 20 standard errors: false alarm 1.2e-5.
    assert (np.abs(squares.mean(axis=0) - theory) <= 5 * error + 1e-6).all()


@pytest.mark.parametrize("network", ["rnn.orthogonal", "gru.bias0", "lstm.bias1"])
def test_predicted_steps_are_where_the_predicted_chain_falls_below_the_limit(network):
    total = time_chain_theory.predicted(network, 32, 400).total
    k = int(time_chain_theory.predicted_steps(network, 32, -2.0))
    assert total[k] < -2.0 <= total[k - 1]
    far = time_chain_theory.predicted_steps(network, 32, -100.0)
    rate = time_chain_theory.predicted(network, 32, 400).rate
    # Far out the chain falls by its rate: within 5 % of the way.
    assert abs(far * rate + 100) < 5


def test_the_identity_network_is_never_lost_and_strong_inputs_make_plain_networks_forget():
    assert time_chain_theory.predicted_steps("rnn.irnn", 32, -2.0) == math.inf
    rates = [
        [time_chain_theory.predicted(name, 32, 40, square).rate for square in (1e-3, 1.0, 10.0)]
        for name in ("rnn.orthogonal", "lstm.bias1")
    ]
    assert rates[0][0] > rates[0][1] > rates[0][2]
    assert abs(rates[1][0] - rates[1][2]) < 0.2 * abs(rates[0][0] - rates[0][2])


def test_factors_are_the_slopes_of_the_chains(chains):
    found = time_chain.factors("rnn.orthogonal", UNITS, STEPS, SEEDS, SEED, [1.0])
    total = chains["rnn.orthogonal"].total
    expected = 10.0 ** ((total[:, 15] - total[:, 5]) / 10)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-12)


def test_training_starts_from_other_weights_than_it_ends_with():
    found = time_chain.trained("rnn.orthogonal", UNITS, 3, 4, STEPS, SEEDS, SEED)
    assert found.before.shape == found.after.shape == (SEEDS, STEPS + 1)
    assert (found.before[:, 0] == 0).all()
    assert (found.before[:, -1] != found.after[:, -1]).all()
    assert ((found.accuracy >= 0) & (found.accuracy <= 1)).all()
    # Orthogonal tanh networks at the start: every step shrinks, none by more than its slopes can.
    assert (np.diff(found.before, axis=1) < 1e-6).all()
    again = time_chain_numbers.trained_kept(
        "rnn.orthogonal", "after", UNITS, 3, 4, STEPS, SEEDS, SEED
    )
    assert again == time_chain_numbers.kept_of(found.after, 3)


def test_records_are_valid_and_the_table_computes_them_again(chains):
    made = [
        records.kept_measured(name, chains[name].total, UNITS, 10, SEEDS, SEED) for name in DRAWN
    ]
    made += [records.kept_predicted(name, UNITS, STEPS, 10) for name in DRAWN]
    made.append(records.kept_predicted("lstm.bias2", UNITS, STEPS, 10, tied=False))
    counts = time_chain.lost("rnn.orthogonal", UNITS, 400, SEEDS, SEED)
    made.append(records.lost_steps("rnn.orthogonal", "percent", counts[:, 0], UNITS, 400, SEED))
    validate_all(made)
    for number in made:
        assert recompute.run(number.how).value == number.value
        assert number.statement[0].isupper()
        assert number.statement.endswith(".")
    trained = records.trained_kept(
        "lstm.bias2", "after", chains["lstm.bias2"].total, UNITS, 3, 4, SEED
    )
    assert trained.key == "lstm.chain.bias2.trained3.after"


def test_a_median_that_is_not_known_is_refused():
    counts = np.array([5.0, 6, 7, 8, np.inf, np.inf])
    assert not time_chain_numbers.known(counts)
    with pytest.raises(UsageError, match="not known"):
        time_chain_numbers.steps_of(counts)
    # Of eight, the interval of the median is between the first and the last.
    many = np.arange(1.0, 21.0)
    many[-3:] = np.inf
    found = time_chain_numbers.steps_of(many)
    assert (found.uncertainty.low, found.uncertainty.high) == ("6", "15")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: time_chain.chains("rnn.other", 4, 5, 2, 0), "rnn.orthogonal"),
        (lambda: time_chain.chains("rnn.irnn", 4, 0, 2, 0), "steps=0"),
        (lambda: time_chain.lost("rnn.irnn", 4000, 5, 2, 0), "units=4000"),
        (lambda: time_chain_numbers.kept("rnn.irnn", 4, 5, 9, 6, 0), "back=9"),
        (lambda: time_chain_numbers.kept_predicted("rnn.irnn", 4, 5, 9, True), "back=9"),
        (
            lambda: time_chain_numbers.trained_kept("rnn.irnn", "after", 4, 9, 5, 5, 6, 0),
            "distance 9",
        ),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(call, said):
    with pytest.raises(UsageError, match=said):
        call()
