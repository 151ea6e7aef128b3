"""What a finite width adds to the slope: against the exact laws, and against drawn networks."""

import numpy as np
import pytest

import gradchain as gch
from gradchain.predicted.width_slope import width_corrections


@pytest.mark.parametrize(
    ("name", "sigma_w", "share"), [("relu", 2**0.5, -2.5), ("identity", 1.0, -1.0)]
)
def test_relu_and_linear_layers_get_the_leading_term_of_their_exact_law(name, sigma_w, share):
    phi, q = gch.activations.get(name), np.full((12, 1), 0.7)
    for width in (50, 500):
        found = width_corrections(phi, np.array([sigma_w]), 0.0, q, width)
        np.testing.assert_allclose(found.added, share / width, rtol=1e-9)
        exact = gch.log_norm_law(name, width, 12).mean
        # What is left out is of order 1/n^2: 49/12 a layer at the most.
        assert abs(found.added.sum() - exact) <= 12 * 5 / width**2


@pytest.mark.parametrize("weights", ["1.5 * lecun_gaussian", "2 * lecun_gaussian"])
def test_tanh_networks_of_width_64_have_the_slope_with_all_three_terms(weights):
    found = gch.compare("tanh", weights, depth=20, width=64, seeds=200)
    assert found.correction_kind == "first order in 1/n"
    # Two cases at 5.5 standard errors: false alarms below 1e-7; 1/n^2 besides.
    assert abs(found.measured - found.predicted_at_width) <= 5.5 * found.standard_error + 8 / 64**2


def test_lengths_that_scatter_too_much_are_said_to_be_held():
    found = gch.compare("gelu", "he_gaussian", depth=20, width=32, seeds=16)
    assert found.correction_kind.endswith("lengths held")
