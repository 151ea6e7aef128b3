"""Gains against closed forms, high-precision integrals, the fixed points they promise, and libraries."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import activations, initializers
from gradchain._errors import ActivationError, UsageError
from gradchain.predicted.gains import (
    LIBRARY_GAINS,
    LINEAR_DEFAULT_GAIN,
    gain,
    library_gain,
)

# theory.md, section 1: E phi'^2 and E phi^2 at q = 1, from independent code at high precision.
MOMENTS = {
    "identity": ("1", "1"),
    "sigmoid": ("0.0448362413501943718", "0.29337903585809"),
    "tanh": ("0.464402902448268242", "0.39429449039784"),
    "relu": ("0.5", "0.5"),
    "leaky_relu": ("0.50005", "0.50005"),
    "elu": ("0.668102001223170606", "0.64494541749292"),
    "selu": ("1.07157499245579926", "1"),
    "gelu": ("0.455850865649287122", "0.42522148257030"),
    "gelu_tanh": ("0.455817845962950604", "0.42519371103310"),
    "silu": ("0.379482351632829309", "0.35577551981735"),
    "softplus": ("0.293379035858092963", "0.92124590885930"),
    "mish": ("0.479083758373969775", "0.45234219237588"),
    "erf": ("0.569410034733741647", "0.46455905439754"),
    "softsign": ("0.227671340422182500", "0.18301402126655"),
    "sin": ("0.567667641618306346", "0.43233235838169"),
    "hard_tanh": ("0.682689492137085897", "0.51605855096171"),
    "hard_sigmoid": ("0.0277027834426872170", "0.27763909105651"),
    "hard_silu": ("0.358531517178605244", "0.33156737513791"),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_gains_at_q_one_are_those_of_the_table_of_moments(name):
    slope, square = (1 / math.sqrt(float(text)) for text in MOMENTS[name])
    found = gain(name)
    # The table's E phi^2 has 14 digits.
    assert found.forward == pytest.approx(square, rel=2e-13)
    assert found.backward == pytest.approx(slope, rel=1e-15 * 8)
    assert found.error <= 1e-11
    assert abs(found.backward - slope) <= found.error + 4e-16 * slope


def test_tanh_has_three_answers_to_one_question():
    found = gain("tanh")
    assert (round(found.forward, 2), round(found.backward, 2)) == (1.59, 1.47)
    assert found.library == 5 / 3
    assert str(found) == "tanh at q = 1: forward 1.59254, backward 1.46741, library 1.66667"


@pytest.mark.parametrize("q", [0.01, 0.3, 4.0, 50.0])
def test_tanh_gains_agree_with_mpmath_within_the_reported_error(q):
    with mpmath.workdps(30):
        root = mpmath.sqrt(q)
        points = [-12, -4, -1, 0, 1, 4, 12]

        def mean(f):
            return mpmath.quad(lambda z: f(root * z) * mpmath.npdf(z), points)

        forward = mpmath.sqrt(q / mean(lambda x: mpmath.tanh(x) ** 2))
        backward = 1 / mpmath.sqrt(mean(lambda x: mpmath.sech(x) ** 4))
        found = gain("tanh", q)
        assert abs(mpmath.mpf(float(found.forward)) - forward) <= found.forward.error
        assert abs(mpmath.mpf(float(found.backward)) - backward) <= found.backward.error
        assert found.error == max(found.forward.error, found.backward.error)
        assert found.error <= 1e-11 * found.forward


@given(q=st.floats(1e-6, 1e6), slope=st.floats(-3, 3))
def test_relu_and_its_kin_have_one_gain_at_every_length_and_it_is_the_library_s(q, slope):
    for phi in ("relu", f"leaky_relu({slope!r})"):
        found = gain(phi, q)
        a = 0.0 if phi == "relu" else slope
        exact = math.sqrt(2 / (1 + a * a))
        assert found.forward == pytest.approx(exact, rel=1e-14)
        assert found.backward == pytest.approx(exact, rel=1e-14)
        assert found.library == pytest.approx(exact, rel=1e-15)
        # The He laws say the same thing as a variance.
        law = "he_gaussian" if phi == "relu" else f"he_leaky_gaussian({slope!r})"
        he = initializers.get(law).variance(10, 10)
        assert initializers.lecun_gaussian.scaled(found.forward).variance(10, 10) == pytest.approx(
            he, rel=1e-13
        )


@given(q=st.floats(0.05, 20.0), name=st.sampled_from(["tanh", "erf", "hard_tanh", "softsign"]))
def test_a_saturating_unit_needs_more_gain_forward_than_backward_and_more_at_larger_q(q, name):
    here, further = gain(name, q), gain(name, 1.5 * q)
    # Odd functions have mean 0, so Var phi <= q E phi'^2 (Poincare) is E phi^2 <= q E phi'^2.
    assert here.forward >= here.backward * (1 - 1e-12)
    # phi(x)/x and phi'(x) fall with |x|.
    assert further.forward >= here.forward
    assert further.backward >= here.backward


def test_a_wide_layer_drawn_with_the_forward_gain_keeps_length_and_with_the_backward_gain_gradients():
    # 512 x 512, 40 layers' worth of draws: means over units, 6 standard errors (2e-9 each).
    n, draws = 512, 40
    for name in ("tanh", "gelu", "sigmoid"):
        phi, found = activations.get(name), gain(name, 0.7)
        keys = jax.random.split(jax.random.key(4), draws)
        z = np.sqrt(0.7) * jax.random.normal(jax.random.key(5), (draws, n))
        for law_gain, f, target in (
            (found.forward, phi, 0.7),
            (found.backward, lambda x, phi=phi: phi.derivative(x), 1.0),
        ):
            law = initializers.lecun_gaussian.scaled(law_gain)
            weights = jax.vmap(lambda key, law=law: law.sample(key, (n, n)))(keys)
            square = np.asarray(jnp.einsum("dij,dj->di", weights, f(z)), np.float64) ** 2
            means = square.mean(axis=1)
            assert abs(means.mean() - target) < 6 * means.std(ddof=1) / math.sqrt(draws)


def test_the_table_of_the_library_is_that_of_its_source_and_says_none_elsewhere():
    table = {(row.library, row.activation): row for row in LIBRARY_GAINS}
    assert len(table) == len(LIBRARY_GAINS)
    for (_, name), row in table.items():
        value = library_gain(name)
        assert value == row.value(0.01 if name == "leaky_relu" else 0.0)
        assert "calculate_gain" in row.source
        assert name in str(row)
    assert library_gain("leaky_relu(0.2)") == pytest.approx(math.sqrt(2 / 1.04), rel=1e-15)
    for name in set(activations.NAMES) - {name for _, name in table}:
        assert library_gain(name) is None
        assert gain(name).library is None
    mine = activations.from_function("mine", lambda x: jnp.tanh(x))
    assert library_gain(mine) is None
    # sqrt 5: the gain of PyTorch's Linear, squared times 1/fan_in times 3 over 3: 1/(3 fan_in).
    assert LINEAR_DEFAULT_GAIN.value(0.0) ** 2 == pytest.approx(1 / 3, rel=1e-15)
    assert LINEAR_DEFAULT_GAIN.value(0.0) == pytest.approx(
        library_gain(activations.leaky_relu(math.sqrt(5))), rel=1e-15
    )


@pytest.mark.usefixtures("as_a_user")
def test_where_no_gain_exists_one_sentence_says_why():
    flat = activations.from_function("flat", lambda x: 0 * x + 3.0)
    wild = activations.from_function("wild", lambda x: jnp.exp(x * x))
    for phi, q, words in (
        (flat, 1.0, r"E phi'\(z\)\^2 of flat is 0 at q = 1.*no finite gain exists"),
        (wild, 1.0, "infinite or not a number at q = 1.*try a smaller q"),
        ("tanh", 0.0, "expected a finite number above"),
        ("tanh", -1.0, "expected a finite number above"),
        ("tanh", math.nan, "expected a finite number above"),
        ("tanh", math.inf, "expected a finite number above"),
        ("tanh", 1e-310, "expected a finite number above"),
        ("tanh", "1", "expected a finite number above"),
        ("tanh", True, "expected a finite number above"),
        ("tanh", 10**400, "expected a finite number above"),
    ):
        with pytest.raises(UsageError, match=words):
            gain(phi, q)
    with pytest.raises(ActivationError, match="nearest"):
        gain("tahn")
    # exp(x^2/8) has E phi^2 and E phi'^2 at q = 1: the sentence is no excuse for what exists.
    tame = activations.from_function("tame", lambda x: jnp.exp(x * x / 8))
    assert gain(tame).forward == pytest.approx(0.5**0.25, rel=1e-12)
