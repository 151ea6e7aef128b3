"""Signals and gradients are those of real networks, and theory is that of the mean-field module."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import activations, initializers
from gradchain._errors import UsageError
from gradchain.experiments import initializers as study
from gradchain.experiments import initializers_numbers as numbers
from gradchain.experiments import initializers_theory as theory
from gradchain.experiments.lanes import draw_keys, draw_weights
from gradchain.predicted.finite_width import log_norm_law
from gradchain.predicted.mean_field import length_trajectory


@pytest.mark.parametrize("name", study.RECIPES)
def test_each_recipe_is_its_base_times_a_number_as_its_own_sampler_draws_it(name):
    recipe, key, n = study.RECIPES[name], jax.random.key(3), 24
    own = np.asarray(recipe.weight.sample(key, (n, n), jnp.float32), np.float64)
    base = initializers.get(recipe.base)
    assert math.isclose(base.variance(n, n), 1 / n)
    expected = np.asarray(base.sample(key, (n, n), jnp.float32)) * recipe.sigma_w(n)
    assert np.abs(own - expected).max() <= 16 * np.finfo(np.float32).eps * np.abs(own).max()
    for other in recipe.same:
        if other in initializers.NAMES:
            law = initializers.get(other)
            assert math.isclose(law.variance(n, n), recipe.weight.variance(n, n))
            assert law.distribution == recipe.weight.distribution


def test_every_law_that_declares_a_variance_above_zero_is_there_once():
    names = [name for recipe in study.RECIPES.values() for name in (recipe.name, *recipe.same)]
    assert len(names) == len(set(names))
    declared = {n for n in initializers.NAMES if initializers.get(n).variance(4, 4)}
    assert declared <= set(names)


def test_signals_and_gradients_are_those_of_the_network_with_these_weights():
    n, depth, place = 5, 6, 1
    found = study.follow(("torch", "he_uniform"), ("tanh", "gelu"), n, depth, 2, seed=4)
    recipe = study.RECIPES["torch"]
    keys = draw_keys(4, 2)
    weights = np.asarray(
        draw_weights(keys, initializers.get(recipe.base), n, depth)[place], np.float64
    )
    with jax.enable_x64(True):
        x, g, b = (np.asarray(each[place]) for each in study._ends(keys, n, depth))
        phi = activations.get("gelu")
        h, slopes, lengths, states = x, [], [], []
        for weight, bias in zip(weights, b, strict=True):
            z = recipe.sigma_w(n) * weight @ h + recipe.sigma_b(n) * bias
            states.append(math.log(np.mean(h**2)))
            lengths.append(math.log(np.mean(z**2)))
            slopes.append(np.asarray(phi.derivative(jnp.asarray(z))))
            h = np.asarray(phi(jnp.asarray(z)))
    factors = []
    for weight, slope in zip(weights[::-1], slopes[::-1], strict=True):
        new = recipe.sigma_w(n) * weight.T @ (slope * g)
        factors.append(math.log((new @ new) / (g @ g)))
        g = new
    for told, expected in zip(found["torch"], (lengths, states, factors[::-1]), strict=True):
        assert np.abs(told[place, :, 1] - expected).max() <= 1e-12
    assert math.isclose(np.mean(x**2), 1.0)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "hard_tanh", "selu"])
@pytest.mark.parametrize("recipe", ["torch", "he_normal", "normal"])
def test_tables_give_the_trajectory_of_the_mean_field_module(activation, recipe):
    own = study.RECIPES[recipe]
    sigma_w, sigma_b = own.sigma_w(100), own.sigma_b(100)
    told = theory.infinite(recipe, activation, 100, 8)
    exact = length_trajectory(activation, sigma_w, sigma_b, sigma_w**2 + sigma_b**2, 8)
    assert np.abs(told.length - np.log(exact.q[:-1])).max() < 1e-4
    assert np.abs(told.factor - np.log(exact.chi)).max() < 1e-4


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_the_first_correction_is_that_of_the_exact_law(activation):
    n, depth = 200, 10
    recipe = {"relu": "he_gaussian", "identity": "glorot_gaussian"}[activation]
    told = theory.finite(recipe, activation, n, np.zeros((1, depth)))[0]
    law = log_norm_law(activation, n, depth)
    # The next order is -49 L/(12 n^2) for relu.
    assert abs(told - law.mean) < 6 * depth / n**2
    assert abs(law.mean) > 100 * abs(told - law.mean) / n**0.5


def test_orthogonal_weights_lose_nothing_in_a_linear_network():
    told = theory.finite("orthogonal", "identity", 50, np.zeros((1, 9)))
    assert abs(told[0]) < 1e-9
    found = study.follow(("orthogonal",), ("identity",), 12, 9, 2, seed=0)["orthogonal"]
    assert np.abs(found.factor).max() < 64 * np.finfo(np.float32).eps


def test_networks_agree_with_the_correction_for_their_width_and_not_with_infinite_width():
    names, n, depth, seeds = ("relu", "tanh", "sigmoid"), 40, 20, 400
    found = study.follow(("he_gaussian",), names, n, depth, seeds, seed=8)["he_gaussian"]
    for place, name in enumerate(names):
        total = found.factor[:, :, place].sum(axis=1)
        shift = total - theory.finite("he_gaussian", name, n, found.state[:, :, place])
        error = shift.std(ddof=1) / math.sqrt(seeds)
        # 5 standard errors, and the next order of 1/n.
        assert abs(shift.mean()) < 5 * error + 6 * depth / n**2
        infinite = theory.infinite("he_gaussian", name, n, depth).factor.sum()
        assert abs(total.mean() - infinite) > 5 * total.std(ddof=1) / math.sqrt(seeds)


def test_a_gradient_along_the_state_survives_where_lengths_do():
    # softplus with He's weights: chi = 0.83, V' = 0.99; infinite width misses a factor e^10.
    state = np.log(np.full((1, 100), 30.0))
    told = theory.finite("he_gaussian", "softplus", 100, state)[0]
    table = theory.maps("softplus")
    chi = math.log(2) + float(theory.look_up(table.slope, np.log(60.0)))
    assert told > 100 * chi + 5


def test_numbers_come_out_again():
    settings = {"recipe": "torch", "activation": "relu", "width": 20, "depth": 12}
    root = math.sqrt(1 / 6)
    assert math.isclose(
        float(numbers.predicted(**settings, quantity="factor").value), root, rel_tol=1e-9
    )
    assert math.isclose(
        float(numbers.predicted(**settings, quantity="gradient").value), root**12, rel_tol=1e-8
    )
    finite = float(numbers.predicted(**settings, quantity="finite").value)
    assert math.isclose(
        finite, root * math.exp(log_norm_law("relu", 20, 12).mean / 24), rel_tol=1e-9
    )
    for quantity in numbers.MEASURED:
        told = [
            numbers.measured(**settings, seeds=12, seed=s, quantity=quantity) for s in (1, 1, 2)
        ]
        assert told[0] == told[1] != told[2]
    factor = numbers.measured(**settings, seeds=200, seed=0, quantity="factor")
    assert abs(float(factor.value) - finite) < 5 * float(factor.uncertainty.value)


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(UsageError, match="expected one of"):
        study.follow(("zeros",), ("relu",), 4, 4, 1, 0)
    with pytest.raises(UsageError, match="one base"):
        study.follow(("torch", "flax"), ("relu",), 4, 4, 1, 0)
    with pytest.raises(UsageError, match="200 layers"):
        study.follow(("torch",), ("relu",), 4, 201, 1, 0)
    with pytest.raises(UsageError, match="expected relu"):
        numbers.predicted("torch", "tanh", 20, 5, "finite")
    with pytest.raises(UsageError, match="expected 1 to"):
        numbers.predicted("torch", "tanh", 20, 500, "factor")
