"""The whole plane at once against one point at a time, which goes another way."""

import numpy as np
import pytest

import gradchain as gch
from gradchain._errors import UsageError
from gradchain.predicted.mean_field.hermite import coefficients

W, B = np.linspace(0.5, 4, 31), np.linspace(0, 1, 13)


def _agree(name, weights, biases, places):
    plane = gch.phase_diagram(name, weights, biases)
    for i, j in places:
        one = gch.mean_field(name, weights[i], biases[j])
        assert plane.phase[i, j] == one.phase
        pairs = [(plane.q[i, j], one.q), (plane.chi[i, j], one.chi)]
        if np.isfinite(one.q):
            pairs += [(plane.inverse_xi_q[i, j], 1 / one.xi_q),
                      (plane.inverse_xi_c[i, j], 1 / one.xi_c)]  # fmt: skip
            if abs(one.chi - 1) > 1e-4:
                pairs.append((plane.c[i, j], one.c))
        for found, expected in pairs:
            if np.isinf(expected):
                assert np.isinf(found)
            else:
                # What the issue of speed may not cost: 1e-10 relative to max(1, value).
                assert abs(found - expected) <= 1e-10 * max(1, abs(expected))
    return plane


def test_a_smooth_plane_agrees_with_single_points_that_use_double_integrals():
    rng = np.random.default_rng(0)
    places = [(rng.integers(31), rng.integers(13)) for _ in range(5)]
    plane = _agree("tanh", W, B, [*places, (0, 0), (30, 0), (30, 12), (8, 3)])
    assert plane.error < 1e-8
    assert set(np.unique(plane.phase)) == {-1, 1}
    assert plane.xi_c.shape == plane.q.shape == (31, 13)


@pytest.mark.parametrize(("name", "top"), [("sigmoid", 14.0), ("erf", 3.0), ("relu", 2.0),
                                           ("gelu", 1.5), ("softplus", 1.2)])  # fmt: skip
def test_other_activations_agree_too(name, top):
    weights = np.linspace(0.4, top, 7)
    _agree(name, weights, np.array([0.0, 0.3, 1.0]), [(i, j) for i in (0, 3, 6) for j in (0, 2)])


def test_kinks_take_the_double_integrals():
    _agree("hard_tanh", np.array([0.7, 1.8]), np.array([0.2]), [(0, 0), (1, 0)])


def test_the_critical_line_separates_the_phases():
    biases = np.array([0.05, 0.3, 1.0])
    edges = np.array([float(gch.critical_sigma_w("tanh", b)) for b in biases])
    for factor, phase in ((0.999, -1), (1.001, 1)):
        for j, edge in enumerate(edges):
            assert gch.phase_diagram("tanh", [factor * edge], biases).phase[0, j] == phase
    assert gch.phase_diagram("tanh", edges[:1], biases[:1]).phase[0, 0] == 0


def test_hermite_coefficients_of_a_cubic_are_the_textbooks():
    cubic = gch.activations.from_function("cubic", lambda x: x**3)
    # x^3 = sqrt(6) h_3 + 3 h_1 in orthonormal Hermite polynomials, scaled by q^(3/2).
    found = coefficients(cubic, np.array([4.0]), 6)[0]
    np.testing.assert_allclose(found, [0, 24, 0, 8 * np.sqrt(6), 0, 0], atol=1e-11)


@pytest.mark.parametrize("bad", [[], [[1.0]], [-1.0], [np.nan], "wide"])
def test_an_axis_that_is_none_is_refused(bad):
    with pytest.raises(UsageError, match="sigma_w"):
        gch.phase_diagram("tanh", bad, [0.1])
