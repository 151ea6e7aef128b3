"""Exact chains: against closed forms, mpmath, autodiff, and laws that any chain obeys."""

import functools
import importlib.util
import itertools
import math
import pathlib

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain import activations
from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain.measured import jacobian as module
from gradchain.measured.build import concatenate, mlp, network_from_weights, residual, single
from gradchain.measured.jacobian import jacobian_chain, layer_jacobians
from gradchain.measured.layers import BatchNorm, Convolution, Custom, LayerNorm
from gradchain.measured.network import forward
from gradchain.scaled import to_decimal

_SPEC = importlib.util.spec_from_file_location(
    "chain_cases", pathlib.Path(__file__).with_name("cases.py")
)
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

CASES = cases.known_chains()
EPS = 2.0**-23
# Compiled as a whole: op by op, every primitive of every shape is a program of its own.
to_float = jax.jit(lambda value: value.to_float())


def as_float(jacobians):
    return [np.asarray(j, np.float64) for j in jacobians]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_table_of_known_chains_is_itself_right(case):
    # Exact integer-free check in 50 digits: multiply the float factors with mpmath.
    with mpmath.workdps(50):
        product = mpmath.eye(case.weights[-1].shape[0])
        h = [np.asarray(case.x, np.float64)]
        for w in case.weights:
            z = np.asarray(w, np.float64) @ h[-1]
            h.append(
                np.maximum(z, 0)
                if "relu" in case.name
                else z
                if case.activation == "identity"
                else np.tanh(z)
            )
        for l in range(len(case.weights), 0, -1):
            w = np.asarray(case.weights[l - 1], np.float64)
            z = w @ h[l - 1]
            slope = (z > 0).astype(float) if "relu" in case.name else np.ones_like(z)
            product = product * mpmath.matrix((slope[:, None] * w).tolist())
            frobenius = mpmath.sqrt(sum(v * v for v in product))
            expected = case.log_frobenius[l - 1]
            if expected == -np.inf:
                assert frobenius == 0
            else:
                assert abs(float(mpmath.log(frobenius)) - expected) <= 40 * 6 * EPS


@pytest.mark.parametrize("how", ["analytic", "autodiff"])
@pytest.mark.parametrize("norm", ["frobenius", "spectral"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_known_chains_come_out_as_known(case, norm, how):
    chain = jacobian_chain(
        network_from_weights(case.weights, activation=case.activation), case.x, norm, how=how
    )
    expected = case.log_frobenius if norm == "frobenius" else case.log_spectral
    got = np.asarray(chain.log_norms, np.float64)
    assert got.shape == (41,)
    dead = np.isneginf(expected)
    assert (np.isneginf(got) == dead).all()
    assert np.abs(got[~dead] - expected[~dead]).max() <= chain.tolerance


def drawn(seed, name="tanh", sizes=(3, 5, 5, 5, 4), scale=1.0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    weights = [
        (scale * rng.normal(size=(o, i))).astype(dtype) for i, o in itertools.pairwise(sizes)
    ]
    biases = [rng.normal(size=o).astype(dtype) for o in sizes[1:]]
    return network_from_weights(weights, biases, name), rng.normal(size=sizes[0]).astype(dtype)


@pytest.mark.parametrize("name", activations.NAMES)
def test_autodiff_and_analytic_layer_jacobians_agree_for_every_activation(name):
    network, x = drawn(1, name, scale=2.0)
    by_autodiff = as_float(layer_jacobians(network, x))
    analytic = as_float(layer_jacobians(network, x, how="analytic"))
    assert [j.shape for j in by_autodiff] == [(5, 3), (5, 5), (5, 5), (4, 5)]
    for a, b in zip(by_autodiff, analytic, strict=True):
        np.testing.assert_allclose(a, b, rtol=8 * EPS, atol=0)


def test_layers_are_numbered_as_in_the_formulas():
    network, x = drawn(2)
    jacobians = layer_jacobians(network, x)
    assert len(jacobians) == 4
    first = np.asarray(next(iter(jacobians)))
    assert (np.asarray(jacobians[1]) == first).all()
    assert (np.asarray(jacobians[-1]) == np.asarray(jacobians[4])).all()
    assert [b.shape for b in jacobians.blocks] == [(1, 5, 3), (2, 5, 5), (1, 4, 5)]
    for wrong in (0, 5, -5):
        with pytest.raises(IndexError, match="expected 1 to 4"):
            jacobians[wrong]


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 3.0))
def test_the_chain_rule_holds_for_composed_networks(seed, scale):
    f, x = drawn(seed, scale=scale)
    g, _ = drawn(seed + 1, sizes=(4, 5, 5, 5, 3), scale=scale)
    inner = np.asarray(to_float(jacobian_chain(f, x).jacobian), np.float64)
    outer = np.asarray(to_float(jacobian_chain(g, forward(f, x).output).jacobian), np.float64)
    both = np.asarray(to_float(jacobian_chain(concatenate(f, g), x).jacobian), np.float64)
    size = np.linalg.norm(outer) * np.linalg.norm(inner)
    assert np.abs(both - outer @ inner).max() <= 8 * 10 * EPS * max(size, 1e-30)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.05, 4.0))
def test_all_suffix_norms_are_those_of_products_in_60_digits(seed, scale):
    network, x = drawn(seed, scale=scale)
    factors = as_float(layer_jacobians(network, x, how="analytic"))
    chain = jacobian_chain(network, x)
    with mpmath.workdps(60):
        product = mpmath.eye(4)
        for l in range(4, -1, -1):
            if l < 4:
                product = product * mpmath.matrix(factors[l].tolist())
            size = mpmath.sqrt(sum(v * v for v in product))
            if size > 0:
                # Cancellation within a product is bounded by the product of the norms.
                loss = float(mpmath.fprod(np.linalg.norm(f) for f in factors[l:]) / size)
                assert abs(float(chain.log_norms[l]) - float(mpmath.log(size))) <= 40 * EPS * max(
                    loss, 1
                )


def test_depth_300_agrees_with_mpmath_far_below_the_float_range():
    rng = np.random.default_rng(11)
    weights = [(0.3 * rng.normal(size=(5, 5))).astype(np.float32) for _ in range(300)]
    network, x = network_from_weights(weights, activation="sigmoid"), np.ones(5, np.float32)
    factors = as_float(layer_jacobians(network, x, how="analytic"))
    chain = jacobian_chain(network, x)
    with mpmath.workdps(80):
        product = mpmath.eye(5)
        for factor in reversed(factors):
            product = product * mpmath.matrix(factor.tolist())
        size = mpmath.sqrt(sum(v * v for v in product))
        assert abs(float(chain.log_norms[0]) - float(mpmath.log(size))) <= chain.tolerance
        assert size < mpmath.mpf("1e-200")
        shown = to_decimal(chain.norms, digits=3)[0]
        assert abs(mpmath.mpf(shown) / size - 1) < 2e-3


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_the_whole_jacobian_is_that_of_jacrev_through_the_whole_network(activation):
    network, x = drawn(5, activation)
    chain = jacobian_chain(network, x)
    reference = np.asarray(jax.jit(jax.jacrev(network))(jnp.asarray(x)), np.float64)
    np.testing.assert_allclose(
        np.asarray(chain.jacobian.to_float()), reference, rtol=2e-5, atol=1e-6
    )


OTHER_LAYERS = ("residual", "layer norm", "batch norm", "convolution", "prelu", "custom")


@functools.cache  # drawn once: each draw is some thirty small programs
def other_layers():
    key = jax.random.key(0)
    block = residual(mlp(key, depth=2, width=4, activation="tanh"))
    kernel = {"weight": jax.random.normal(key, (2, 2, 3)), "bias": jnp.ones(2)}
    made = {
        "residual": (concatenate(block, block, block), jnp.linspace(-1.0, 1.0, 4)),
        "layer norm": (
            concatenate(mlp(key, 2, 4, "tanh"), single(LayerNorm(), {"gain": jnp.full(4, 2.0)})),
            jnp.linspace(-1.0, 1.0, 4),
        ),
        "batch norm": (
            concatenate(
                mlp(key, 1, 4, "relu"),
                single(BatchNorm(), {"shift": jnp.ones(4)}),
                mlp(key, 1, 4, "relu"),
            ),
            jax.random.normal(key, (6, 4)),
        ),
        "convolution": (
            concatenate(
                single(Convolution(activations.get("tanh")), kernel),
                single(Convolution(activations.get("relu"), "CIRCULAR"), kernel),
                single(Convolution(activations.get("tanh"), "VALID"), kernel),
            ),
            jax.random.normal(key, (2, 7)),
        ),
        "prelu": (mlp(key, 3, 4, "prelu"), jnp.linspace(-1.0, 1.0, 4)),
        "custom": (
            concatenate(single(Custom(swap), jnp.float32(2.0)), mlp(key, 2, 4, "sigmoid")),
            jnp.linspace(-1.0, 1.0, 4),
        ),
    }
    assert tuple(made) == OTHER_LAYERS
    return made


def swap(params, h):
    return params * h[::-1] ** 2


@pytest.mark.parametrize("name", OTHER_LAYERS)
def test_every_kind_of_layer_has_the_jacobian_of_finite_differences(name):
    narrow = other_layers()[name]
    with jax.enable_x64(True):
        network, x = jax.tree.map(lambda a: jnp.asarray(np.asarray(a, np.float64)), narrow)
        chain = jacobian_chain(network, x)
        got = np.asarray(to_float(chain.jacobian))
        run = jax.jit(lambda v: network(v.reshape(x.shape)).ravel())
        flat, step = np.asarray(x).ravel(), 1e-5
        columns = [
            (np.asarray(run(flat + step * e)) - np.asarray(run(flat - step * e))) / (2 * step)
            for e in np.eye(flat.size)
        ]
        # Central differences: error about step**2 plus eps/step.
        np.testing.assert_allclose(got, np.stack(columns, 1), atol=1e-7 * max(1, np.abs(got).max()))
        product = np.eye(got.shape[0])
        factors = layer_jacobians(network, x)
        for l in range(network.depth, 0, -1):
            product = product @ np.asarray(factors[l])
            assert abs(float(chain.log_norms[l - 1]) - math.log(np.linalg.norm(product))) <= 1e-12


def test_batch_norm_couples_the_examples_of_a_batch():
    network, batch = other_layers()["batch norm"]
    jacobian = np.asarray(jacobian_chain(network, batch).jacobian.to_float()).reshape(6, 4, 6, 4)
    assert np.abs(jacobian[0, :, 1, :]).max() > 1e-4
    with pytest.raises(ShapeError, match="hand the whole batch over"):
        jacobian_chain(network, batch[0])


def test_vmap_over_inputs_and_over_networks_is_the_loop():
    network, x = drawn(3)
    xs = jnp.stack([jnp.asarray(x), 2 * jnp.asarray(x), -jnp.asarray(x)])
    batched = jax.vmap(lambda v: jacobian_chain(network, v).log_norms)(xs)
    loop = jnp.stack([jacobian_chain(network, v).log_norms for v in xs])
    np.testing.assert_allclose(batched, loop, atol=40 * EPS)
    keys = jax.random.split(jax.random.key(0), 3)
    nets = jax.jit(jax.vmap(lambda k: mlp(k, 5, 4, "tanh")))(keys)
    many = jax.jit(jax.vmap(lambda n: jacobian_chain(n, jnp.ones(4)).log_norms))(nets)
    draw = jax.jit(lambda k: mlp(k, 5, 4, "tanh"))
    one = [jacobian_chain(draw(k), jnp.ones(4)).log_norms for k in keys]
    np.testing.assert_allclose(many, jnp.stack(one), atol=80 * EPS)


@pytest.mark.parametrize("chunk", [1, 3, 4, 100])
def test_a_chunk_changes_memory_and_not_the_result(chunk):
    network, x = drawn(4)
    for norm in ("frobenius", "max"):
        whole, parts = (
            jacobian_chain(network, x, norm),
            jacobian_chain(network, x, norm, chunk=chunk),
        )
        np.testing.assert_allclose(parts.log_norms, whole.log_norms, atol=20 * EPS)
        np.testing.assert_allclose(
            parts.jacobian.to_float(), whole.jacobian.to_float(), rtol=8 * EPS
        )


def test_probes_estimate_the_norm_within_their_stated_error():
    network, x = drawn(6)
    exact = np.asarray(jacobian_chain(network, x).log_norms)
    chain = jacobian_chain(network, x, probes=4000, key=jax.random.key(2))
    assert chain.kind == "estimate"
    # z below 6 at each of five depths: false alarm about 1e-8.
    z = np.abs(np.asarray(chain.log_norms) - exact) / np.asarray(chain.log_norms_error)
    assert z.max() < 6
    assert (np.asarray(chain.log_norms_error) < 0.05).all()


def test_the_same_network_with_new_weights_compiles_once():
    def count():
        return module._chain._cache_size()

    first, x = drawn(20, sizes=(6, 7, 7, 5))
    before = count()
    jacobian_chain(first, x)
    one = count()
    for seed in (21, 22, 23):
        jacobian_chain(drawn(seed, sizes=(6, 7, 7, 5))[0], x)
    assert (one - before, count() - one) == (1, 0)


def test_a_list_of_equal_layers_is_one_run_however_deep():
    network = network_from_weights([np.eye(3, dtype=np.float32)] * 10_000, activation="identity")
    assert [run.length for run in network.runs] == [10_000]
    chain = jacobian_chain(network, np.ones(3, np.float32), "spectral")
    assert not np.asarray(chain.log_norms).any()


@pytest.mark.parametrize("flag", [False, True])
def test_float64_works_with_the_global_flag_on_and_off(flag):
    with jax.enable_x64(True):
        network, x = drawn(8, dtype=np.float64)
        chain = jacobian_chain(network, x)
        assert chain.log_norms.dtype == jnp.float64
        reference = np.linalg.norm(np.asarray(jax.jit(jax.jacrev(network))(jnp.asarray(x))))
        assert abs(float(chain.log_norms[0]) - math.log(reference)) <= 1e-13
    if not flag:
        with pytest.raises(DtypeError, match="enable_x64"):
            drawn(8, dtype=np.float64)


@settings(max_examples=25)
@given(power=st.integers(-148, 120), slope=st.sampled_from([2.0**-100, 1.0, 2.0**60]))
def test_weights_at_the_ends_of_float32_subnormals_included_give_exact_chains(power, slope):
    w = np.full((2, 2), np.ldexp(np.float32(1), power), np.float32)
    rest = np.full((2, 2), np.float32(slope), np.float32)
    network = network_from_weights([rest, w, rest, w], activation="identity")
    chain = jacobian_chain(network, np.zeros(2, np.float32), how="analytic")
    expected = (2 * power + 2 * math.log2(slope) + 4) * math.log(2)
    assert abs(float(chain.log_norms[0]) - expected) <= 8 * EPS * max(abs(expected), 1)


def test_extreme_weights_are_right_inside_jit_and_vmap_too():
    # There the choice between the plain and the careful way is made by the program, not by Python.
    sizes = np.array([2.0**-120, 1.0, 2.0**90], np.float32)
    weights = np.ones((3, 4, 2, 2), np.float32) * sizes[:, None, None, None]
    x = np.zeros(2, np.float32)

    def log_norm(stack):
        return jacobian_chain(network_from_weights(list(stack), activation="tanh"), x).log_norms[0]

    expected = 4 * np.log(2 * sizes.astype(np.float64))
    got = [np.asarray(jax.vmap(log_norm)(weights)), [jax.jit(log_norm)(w) for w in weights]]
    for values in got:
        np.testing.assert_allclose(values, expected, rtol=16 * EPS, atol=16 * EPS)


def test_dying_relu_units_are_no_reason_to_do_the_chain_again():
    network = mlp(jax.random.key(5), 30, 16, "relu", "he_normal")
    x = np.ones(16, np.float32)
    plain, state = module._chain(network, jnp.asarray(x), "frobenius", "auto", None, careful=False)
    careful, _ = module._chain(network, jnp.asarray(x), "frobenius", "auto", None, careful=True)
    assert int(state) == module._FINE
    assert (np.asarray(plain.jacobian.mantissa) == 0).any()
    np.testing.assert_allclose(plain.log_norms, careful.log_norms, atol=plain.tolerance)


BAD = [
    ({"norm": "nuclear"}, UsageError, "expected one of frobenius, spectral, max"),
    ({"how": "magic"}, UsageError, "expected one of auto, autodiff, analytic"),
    ({"chunk": 0}, UsageError, "whole number of at least 1"),
    ({"chunk": 2, "norm": "spectral"}, UsageError, "needs all rows"),
    ({"probes": 1}, UsageError, "at least 2"),
]


@pytest.mark.parametrize(("options", "error", "words"), BAD)
def test_wrong_options_are_refused_with_what_was_expected(options, error, words):
    network, x = drawn(0)
    with pytest.raises(error, match=words):
        jacobian_chain(network, x, **options)


def bad_inputs():
    return [
        (
            np.ones(4, np.float32),
            ShapeError,
            r"got a state of shape \(4,\) for a weight of shape \(5, 3\)",
        ),
        (np.ones(3, np.float64), DtypeError, r"write x.astype\('float32'\)"),
        (np.ones(3, np.int32), DtypeError, "expected a float array"),
        (np.ones(3, np.complex64), DtypeError, "expected a float array"),
        (np.array([1, np.nan, 0], np.float32), NonFiniteError, r"got nan at index \(1,\)"),
        (np.array([1, 0, np.inf], np.float32), NonFiniteError, r"got inf at index \(2,\)"),
        (np.ones(0, np.float32), ShapeError, "at least one entry"),
        (np.array([None] * 3), DtypeError, "expected a float array"),
        ([1.0, 2.0, 3.0], DtypeError, "expected a float array"),
    ]


@pytest.mark.parametrize(("x", "error", "words"), bad_inputs())
def test_wrong_inputs_are_refused_before_anything_compiles(as_a_user, x, error, words):
    network, _ = drawn(0)
    for function in (jacobian_chain, layer_jacobians, forward):
        with pytest.raises(error, match=words):
            function(network, x)


def test_what_is_no_network_is_refused(as_a_user):
    with pytest.raises(UsageError, match="expected a Network"):
        jacobian_chain([np.eye(2)], np.ones(2, np.float32))


def test_a_state_too_large_for_an_exact_chain_is_refused_with_the_way_out():
    network = single(Custom(swap), jnp.float32(1.0))
    with pytest.raises(UsageError, match="probes=64"):
        jacobian_chain(network, np.ones(module.LARGEST_STATE + 1, np.float32))


def test_nan_made_on_the_way_is_said_and_not_returned():
    network = network_from_weights([np.full((2, 2), 3e38, np.float32)] * 3, activation="identity")
    with pytest.raises(NonFiniteError, match="the chain holds NaN or infinity"):
        jacobian_chain(
            concatenate(single(Custom(half_minus), jnp.float32(1)), network), np.ones(2, np.float32)
        )


def half_minus(params, h):
    return jnp.sqrt(-params * h)
