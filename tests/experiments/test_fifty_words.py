"""What is left fifty words back: chains against complex steps, arithmetic against other arithmetic.

Channel two steps the networks in NumPy with complex numbers: the imaginary part of a state that was
moved by 1e-200 i is its derivative, without cancellation (Squire and Trapp, SIAM Rev. 40 (1998) 110).
"""

import math
from fractions import Fraction

import jax
import mpmath
import numpy as np
import pytest

from gradchain import recompute, tasks
from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.experiments import fifty_words, fifty_words_exact, fifty_words_numbers
from gradchain.experiments.fifty_words_records import classroom, measured, standing_key
from gradchain.experiments.lanes import draw_keys
from gradchain.measured.recurrent import cells
from gradchain.registry.collection import validate_all

UNITS, SEEDS, SEED = 4, 8, 0
MAKERS = {
    "rnn.sigmoid": cells.simple_rnn(UNITS, activation="sigmoid"),
    "rnn.tanh": cells.simple_rnn(UNITS),
    "lstm.bias0": cells.lstm(UNITS, forget_bias=0),
    "lstm.bias1": cells.lstm(UNITS, forget_bias=1),
    "lstm.bias5": cells.lstm(UNITS, forget_bias=5),
    "gru.bias0": cells.gru(UNITS),
}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def stepped(network, weights, state, x):
    """One step in NumPy; returns the next state and the gate that multiplies the old one."""
    kernel, recurrent, bias = (weights[name] for name in ("kernel", "recurrent", "bias"))
    h, c = state
    if network.startswith("rnn"):
        phi = sigmoid if network == "rnn.sigmoid" else np.tanh
        return (phi(kernel @ x + recurrent @ h + bias), c), None
    if network.startswith("lstm"):
        i, f, g, o = np.split(kernel @ x + recurrent @ h + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return (sigmoid(o) * np.tanh(c), c), sigmoid(f)
    xz, xr, xh = np.split(kernel @ x + bias, 3)
    hz, hr, hh = np.split(recurrent @ h + weights["recurrent_bias"], 3)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return (z * h + (1 - z) * np.tanh(xh + r * hh), c), z


def left_by_complex_steps(network, seed_number, back):
    key = draw_keys(SEED, SEEDS)[seed_number]
    params = MAKERS[network].init(key, 35, "float32")
    weights = {name: np.asarray(value, np.float64) for name, value in params.items()}
    words = tasks.sentence(50).draw(jax.random.fold_in(key, 1), 1, "float32")[0][0]
    words, zero = np.asarray(words, np.float64), np.zeros(UNITS, complex)
    state, product = (zero, zero), np.ones(UNITS)
    for x in words[: len(words) - back]:
        state, _ = stepped(network, weights, state, x)
    place, columns = int(network.startswith("lstm")), []
    for unit in range(UNITS):
        moved = [part.copy() for part in state]
        moved[place][unit] += 1e-200j
        product = np.ones(UNITS)
        for x in words[len(words) - back :]:
            moved, gate = stepped(network, weights, moved, x)
            product = product if gate is None else product * gate.real
        columns.append(moved[place].imag * 1e200)
    total = np.linalg.norm(columns) / math.sqrt(UNITS)
    return math.log10(total), math.log10(np.linalg.norm(product) / math.sqrt(UNITS))


@pytest.mark.parametrize("network", fifty_words.NETWORKS)
def test_what_is_left_is_what_complex_steps_through_the_sentence_say(network):
    found = fifty_words.walk(network, UNITS, SEEDS, SEED)
    assert found.total.shape == found.direct.shape == (SEEDS, 51)
    # `TimeChain.tolerance` of a float32 chain of 50 steps and at most 8 entries of state.
    allowed = 8 * 50 * 8 * np.finfo(np.float32).eps / math.log(10)
    for number, back in ((0, 50), (5, 50), (7, 3)):
        total, direct = left_by_complex_steps(network, number, back)
        assert abs(found.total[number, back] - total) <= allowed
        if fifty_words.has_gate(network):
            assert abs(found.direct[number, back] - direct) <= allowed
        else:
            assert np.isnan(found.direct[number, back])


def added_by_complex_steps(network, seed_number, step):
    """Norm of all that the weights, moved in one step alone, do to the last state."""
    key = draw_keys(SEED, SEEDS)[seed_number]
    params = MAKERS[network].init(key, 35, "float32")
    weights = {name: np.asarray(value, np.float64) for name, value in params.items()}
    words = tasks.sentence(50).draw(jax.random.fold_in(key, 1), 1, "float32")[0][0]
    words, zero = np.asarray(words, np.float64), np.zeros(UNITS, complex)
    before = [(zero, zero)]
    for x in words:
        before.append(stepped(network, weights, before[-1], x)[0])
    total = 0.0
    for name, value in weights.items():
        for place in np.ndindex(value.shape):
            if name == "kernel" and words[step][place[1]] == 0:
                continue
            moved = weights | {name: value.astype(complex)}
            moved[name][place] += 1e-200j
            state = stepped(network, moved, before[step], words[step])[0]
            for x in words[step + 1 :]:
                state = stepped(network, weights, state, x)[0]
            total += sum(float(np.sum((part.imag * 1e200) ** 2)) for part in state)
    return math.log10(total) / 2


@pytest.mark.parametrize("network", ["rnn.tanh", "lstm.bias1", "gru.bias0"])
def test_what_a_word_adds_to_the_weights_gradient_is_what_complex_steps_say(network):
    found = fifty_words.walk(network, UNITS, SEEDS, SEED).share
    last = added_by_complex_steps(network, 3, 50)
    # Two norms of `TimeChain.tolerance`, each with the weights' entries added up (a factor of 2).
    allowed = 4 * 8 * 50 * 8 * np.finfo(np.float32).eps / math.log(10)
    for back in (1, 50):
        gap = found[3, back] - (added_by_complex_steps(network, 3, 50 - back) - last)
        assert abs(gap) <= allowed


def test_the_bound_of_the_sigmoid_is_never_passed_at_any_word():
    # ||U||_2 = 1 (orthogonal, up to 10 eps of float32 a step).
    back = np.arange(51)
    for seed in range(3):
        total = fifty_words.walk("rnn.sigmoid", UNITS, SEEDS, seed).total
        assert (total <= back * (math.log10(0.25) + 10 * np.finfo(np.float32).eps)).all()
        tanh = fifty_words.walk("rnn.tanh", UNITS, SEEDS, seed).total
        assert (tanh <= back * 10 * np.finfo(np.float32).eps).all()


@pytest.mark.parametrize("bias", ["0", "1", "5", "-3/2", "0.25"])
@pytest.mark.parametrize("words", [1, 50])
def test_a_gate_that_stands_still_keeps_a_power_of_the_logistic_function(bias, words):
    found = fifty_words_exact.gate_power(bias, words)
    with mpmath.workdps(60):
        b = mpmath.mpf(Fraction(bias).numerator) / Fraction(bias).denominator
        exact = mpmath.exp(-words * mpmath.log1p(mpmath.exp(-b)))
        low, high = (mpmath.mpf(end) for end in found.enclosure)
        # The value is dyadic where the bias is 0; there the ends may touch it.
        assert low * (1 - mpmath.mpf(10) ** -45) <= exact <= high * (1 + mpmath.mpf(10) ** -45)
        assert high - low <= exact * mpmath.mpf(10) ** -38


@pytest.mark.parametrize("x", ["1", "-1", "0.3", "2"])
def test_slopes_of_tanh_to_a_power_are_those_of_one_minus_its_square(x):
    found = fifty_words_exact.tanh_slope_power(x, 50)
    with mpmath.workdps(60):
        exact = (1 - mpmath.tanh(mpmath.mpf(x)) ** 2) ** 50
        low, high = (mpmath.mpf(end) for end in found.enclosure)
        assert low <= exact <= high
        assert high - low <= exact * mpmath.mpf(10) ** -38


@pytest.fixture(scope="module")
def numbers():
    """What a small study records."""
    made = classroom()
    for network in fifty_words.NETWORKS:
        found = fifty_words.walk(network, UNITS, SEEDS, SEED)
        made.append(measured(network, "total", found.total, UNITS, SEED))
        made.append(measured(network, "share", found.share, UNITS, SEED))
        if fifty_words.has_gate(network):
            made.append(measured(network, "direct", found.direct, UNITS, SEED))
    return validate_all(made)


def test_the_arithmetic_is_that_of_fractions(numbers):
    powers = {
        "rnn.fifty.quarter.left": Fraction(1, 4),
        "rnn.fifty.tenth.left": Fraction(1, 10),
        "lstm.fifty.half.left": Fraction(1, 2),
        "lstm.fifty.ninetenths.left": Fraction(9, 10),
        "lstm.fifty.ninetyninehundredths.left": Fraction(99, 100),
    }
    for key, factor in powers.items():
        assert numbers[key].kind == "exact"
        assert numbers[key].rational == factor**50
    lost = int(numbers["rnn.fifty.tenth.lost"].value)
    # Half of float32's smallest number, 2^-149, is the last that rounds to zero.
    assert Fraction(1, 10) ** lost < Fraction(1, 2**150) < Fraction(1, 10) ** (lost - 1)


def test_every_number_comes_out_of_its_function_again(numbers):
    for key, number in numbers.items():
        old, new = number.rational, parse(recompute.run(number.how, key).value)
        # The same draws in the same program; only the text is rounded.
        assert abs(new - old) <= abs(old) * Fraction(1, 10**5), key


def test_fresh_seeds_agree_within_the_stated_limit(numbers):
    findings = recompute.check(numbers, "full")
    assert [found.sentence for found in findings if found.verdict != "agrees"] == []


def test_the_arithmetic_is_checked_without_jax(numbers):
    quick = recompute.check(numbers, "quick")
    assert sum(found.verdict == "agrees" for found in quick) == len(classroom())


def test_every_network_with_gates_has_a_gate_that_stands_still_beside_it(numbers):
    for network in fifty_words.NETWORKS:
        key = standing_key(network)
        assert (key is None) == (not fifty_words.has_gate(network))
        assert key is None or key in numbers


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fifty_words.walk("rnn.relu", 4, 8, 0), "expected one of rnn.sigmoid"),
        (lambda: fifty_words.walk("rnn.tanh", 0, 8, 0), "got units=0, expected 1 to 256"),
        (lambda: fifty_words.walk("rnn.tanh", 4, 10**6, 0), "got seeds=1000000"),
        (
            lambda: fifty_words_numbers.left("rnn.tanh", "direct", 4, 8, 0),
            "expected a network with gates",
        ),
        (lambda: fifty_words_exact.gate_power("1", 0), "got words=0"),
        (lambda: fifty_words_exact.gate_power("1000", 5), "expected at most 100 in size"),
        (lambda: fifty_words_exact.tanh_slope_power("1", 10**7), "got words=10000000"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_sentence(call, words):
    with pytest.raises(UsageError) as caught:
        call()
    assert words in str(caught.value)
