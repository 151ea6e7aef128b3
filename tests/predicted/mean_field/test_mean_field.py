"""Fixed points, phases, critical lines and trajectories against values computed elsewhere to 20 digits.

The values are those of a table made with 56 working digits by code that shares nothing with this.
"""

import copy
import math
import pickle

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradchain as gch
from gradchain._errors import ActivationError, UsageError
from gradchain.predicted.mean_field import correlation_trajectory, residual_trajectory
from gradchain.predicted.mean_field.laws import law

# activation, sigma_w, sigma_b, q, chi, xi_q, c, xi_c
TABLE = [
    ("tanh", 0.5, 0, 0, 0.25, 0.721347520, 1, 0.7213475204),
    ("tanh", 1.1, 0, 0.1127498858654935, 1.010189364302788, 5.58517275, 0, 199.7581967),
    ("tanh", 4.0, 0, 12.50060101009566, 2.376801583779146, 0.493112013, 0, 3.739628387),
    ("tanh", 1.5, 0.05, 0.7983871143080960, 1.136707784095615, 1.45062254, 0.0520862363717,
     16.20064169),
    ("tanh", 1.0, 0.3, 0.2762991928718977, 0.7002581466030035, 1.33712723, 1, 2.806574550),
    ("tanh", 2.0, 0.3, 2.253753376227892, 1.327070391015427, 0.850826843, 0.263894780316,
     6.648263613),
    ("erf", 1.0, 0.05, 0.1532654844203214, 1.002500497580726, 3.77532109, 0.911313115497,
     414.0167273),
    ("erf", 4.0, 0.3, 13.34410796999909, 2.762642878600047, 0.433873527, 0.0255313393326,
     3.262101979),
    ("sigmoid", 1.0, 0, 0.2646868751818925, 0.05572070676970179, 0.332704485, 1, 0.3463319272),
    ("sigmoid", 12.0, 0, 65.04839042595302, 1.175577690104420, 0.335870629, 0.965933624506,
     7.467668321),
    ("sigmoid", 4.0, 1.0, 6.982875676682264, 0.3704974051153541, 0.439810675, 1, 1.007141806),
]  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case[0]} {case[1]} {case[2]}")
def test_fixed_points_and_depth_scales_are_those_of_the_table(case):
    name, sigma_w, sigma_b, *expected = case
    found = gch.mean_field(name, sigma_w, sigma_b)
    # The table has 16 digits of q and chi, 9 or 10 of the rest.
    for value, exact, digits in zip(
        (found.q, found.chi, found.xi_q, found.c, found.xi_c), expected, (15, 15, 8, 11, 9),
        strict=True,
    ):  # fmt: skip
        assert float(value) == pytest.approx(exact, rel=10.0**-digits, abs=1e-12)
    assert found.phase_name == ("chaotic" if expected[1] > 1 else "ordered")


@pytest.mark.parametrize("case", TABLE[:8], ids=lambda case: f"{case[0]} {case[1]} {case[2]}")
def test_a_fixed_point_is_one_and_attracts_within_the_error_given(case):
    name, sigma_w, sigma_b = case[:3]
    own, found = law(name, sigma_w, sigma_b), gch.mean_field(name, sigma_w, sigma_b)
    assert abs(float(own.length(found.q).value) - found.q) <= found.error.q + 1e-15
    if found.q > 0 and found.c < 1:
        moved = float(own.correlation(float(found.q), float(found.c)).value)
        assert abs(moved - found.c) <= found.error.c + 1e-15


CRITICAL = [
    ("tanh", 0, 1.0, 0), ("tanh", 0.05, 1.12253900476957564068, 0.1536919358212167),
    ("tanh", 1, 1.85558910113889181267, 3.036396394623703), ("erf", 0, math.sqrt(math.pi) / 2, 0),
    ("erf", 0.3, 1.23367250583902066896, 0.6887712694650041), ("hard_tanh", 0, 1.0, 0),
    ("hard_tanh", 0.05, 1.00885348517380181315, 0.1770515314694247),
    ("sin", 1, 1.40042127639205034701, 1.961179751371539),
    ("sigmoid", 0, 10.14926371001952645, 45.624277797379713),
    ("sigmoid", 1, 10.26499293605278683, None), ("elu", 0.2, 1.22925112413720640, None),
    ("selu", 0.2, 0.937475582105322452, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sigma_b", "sigma_w", "q"), CRITICAL)
def test_critical_lines_pass_through_the_tables_points(name, sigma_b, sigma_w, q):
    found = gch.critical_sigma_w(name, sigma_b)
    assert found.status == "stable"
    assert found == pytest.approx(sigma_w, rel=1e-14)
    assert abs(found - sigma_w) <= max(found.error, 1e-15)
    if q is not None:
        assert found.q == pytest.approx(q, rel=1e-12)
    assert gch.mean_field(name, found.sigma_w, sigma_b).phase_name == "critical"


def test_answers_that_are_no_number_say_so():
    for name in ("gelu", "silu", "mish"):
        assert gch.critical_sigma_w(name, 0.05).status == "unstable"
        assert "leaves again" in gch.critical_sigma_w(name, 0.05).explanation
    assert gch.critical_sigma_w("relu").status == "any"
    none = gch.critical_sigma_w("relu", 0.1)
    assert none.status == "none"
    assert math.isnan(none)
    assert "no length" in repr(none)


def test_the_four_answers_of_the_length_map():
    kept = gch.mean_field("relu", math.sqrt(2))
    assert (kept.answer, float(kept.q), kept.phase_name) == ("any", 1.0, "critical")
    lost = gch.mean_field("relu", 2.0)
    assert (lost.answer, float(lost.q), float(lost.chi)) == ("none", math.inf, 2.0)
    assert "grows without bound" in lost.explanation
    many = gch.mean_field("silu", 1.5, 0.1)
    assert many.answer == "several"
    assert [point.stable for point in many.fixed_points] == [True, False]
    assert many.q == many.fixed_points[0].q  # reached from 1, which lies between the two
    assert gch.mean_field("relu", 1.0, 0.3).answer == "one"
    nothing = gch.mean_field("tanh", 0.0, 0.3)
    assert (float(nothing.q), float(nothing.chi), float(nothing.xi_c)) == (0.09, 0.0, 0.0)


@given(st.floats(0.05, 1.35), st.floats(0.0, 2.0))
def test_relu_follows_its_closed_form(sigma_w, sigma_b):
    found = gch.mean_field("relu", sigma_w, sigma_b)
    half = sigma_w**2 / 2
    assert float(found.chi) == pytest.approx(half, rel=1e-13)
    assert float(found.q) == pytest.approx(sigma_b**2 / (1 - half), rel=1e-11, abs=1e-15)
    assert float(found.xi_c) == pytest.approx(-1 / math.log(half), rel=1e-10)


@given(st.floats(0.3, 3.0), st.floats(0.0, 1.0), st.floats(1.01, 1.5))
def test_larger_weights_give_longer_states_and_larger_gradients_for_erf(sigma_w, sigma_b, more):
    low, high = (gch.mean_field("erf", scale, sigma_b) for scale in (sigma_w, sigma_w * more))
    assert low.q <= high.q
    assert low.chi < high.chi


@pytest.mark.parametrize(("name", "depth", "product"), [
    ("tanh", 1, 0.464402902448), ("tanh", 100, 0.00713425315336), ("sin", 50, 0.0294040604268),
    ("hard_tanh", 10, 0.380953917222), ("softsign", 10, 0.00586160186674),
])  # fmt: skip
def test_at_sigma_w_one_the_product_falls_like_a_power_of_the_depth(name, depth, product):
    found = gch.length_trajectory(name, 1.0, 0.0, q0=1.0, depth=depth)
    assert found.q.shape == (depth + 1,)
    assert found.chi.shape == (depth,)
    # 12 digits in the table
    assert math.exp(found.log_product[-1]) == pytest.approx(product, rel=1e-11)


def test_residual_and_normalized_recursions_meet_their_laws():
    grown = residual_trajectory("tanh", 1.0, 0.0, q0=1.0, depth=50)
    assert math.exp(grown.log_product[-1]) == pytest.approx(1361.17, rel=5e-6)
    scaled = residual_trajectory("relu", math.sqrt(2), 0.0, 1.0, 50, branch_scale=50**-0.5)
    assert math.exp(scaled.log_product[-1]) == pytest.approx(1.02**50, rel=1e-12)
    assert residual_trajectory("gelu", 1.0, 0.0, 1.0, 5, branch_scale=0.0).log_product[-1] == 0
    batch = gch.normalized_trajectory("relu", 1, kind="batch")
    assert batch.chi[0] == pytest.approx(math.pi / (math.pi - 1), rel=1e-14)
    assert gch.normalized_trajectory("sigmoid", 1).chi[0] == pytest.approx(
        0.1528270117155937, rel=1e-14
    )


def test_relu_correlations_approach_one_slowly():
    path = correlation_trajectory("relu", math.sqrt(2), 0.0, 1.0, 0.0, 100)
    assert path[1] == pytest.approx(1 / math.pi, rel=1e-13)
    # 1 - c_l ~ 9 pi^2 / (2 l^2), of which 0.805 is reached at l = 100.
    assert (1 - path[100]) / (9 * math.pi**2 / 2e4) == pytest.approx(0.805, abs=5e-4)


def test_sampling_a_wide_layer_gives_the_length_map():
    # One layer of 4e5 units on a fixed input: the mean square is V(q) to 6 standard errors (2e-9).
    rng = np.random.default_rng(3)
    own, q = law("tanh", 1.4, 0.3), 0.8
    z = math.sqrt(q) * rng.normal(size=400_000)
    squares = 1.4**2 * np.tanh(z) ** 2 + 0.09
    assert abs(squares.mean() - own.length(q).value) <= 6 * squares.std() / math.sqrt(z.size)


@pytest.mark.parametrize("arguments", [
    ("tanh", -1.0, 0.0), ("tanh", 1.0, -0.1), ("tanh", math.nan, 0.0), ("tanh", "one", 0.0),
    ("tanh", True, 0.0), ("tanh", math.inf, 0.0),
])  # fmt: skip
def test_variances_that_are_none_are_refused_in_a_sentence(as_a_user, arguments):
    for function in (gch.mean_field, lambda *a: gch.length_trajectory(*a, q0=1.0, depth=3)):
        with pytest.raises(UsageError, match="expected a finite number of at least 0"):
            function(*arguments)


def test_unknown_and_divergent_activations_are_refused():
    with pytest.raises(ActivationError, match="nearest"):
        gch.mean_field("tahn", 1.0)
    explosive = gch.activations.from_function("explosive", lambda x: jax.numpy.exp(x * x))
    with pytest.raises(UsageError, match="diverges"):
        gch.mean_field(explosive, 1.0)


def test_the_answers_do_not_depend_on_the_global_flag_and_can_be_copied():
    with jax.enable_x64(True):
        wide = gch.mean_field("tanh", 1.3, 0.2)
    assert (wide.q, wide.chi) == (gch.mean_field("tanh", 1.3, 0.2).q, wide.chi)
    assert wide.q.dtype == np.float64
    point = gch.critical_sigma_w("erf", 0.1)
    for twin in (copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert (twin, twin.q, twin.status, twin.error) == (point, point.q, "stable", point.error)
    assert len(jax.tree.leaves(wide)) == 8
