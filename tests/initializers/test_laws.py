"""Each law against a closed form or another of JAX's own laws; kernels that are zero off their centre."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import gradchain as gch
from gradchain import initializers
from gradchain._errors import ShapeError
from gradchain.initializers.noun import CUT_VARIANCE
from gradchain.testing import check_initializer

KEY = jax.random.key(3)


def test_the_cut_normal_has_the_moments_of_the_integral():
    with mpmath.workdps(40):
        mass = mpmath.quad(mpmath.npdf, [-2, 2])
        square, fourth = (
            mpmath.quad(lambda z, k=k: z**k * mpmath.npdf(z), [-2, 0, 2]) / mass for k in (2, 4)
        )
        root = mpmath.sqrt(square)
        # The number in JAX, Keras and Flax; it is right to a float64.
        assert abs(root - mpmath.mpf("0.87962566103423978")) < 3e-17
    assert float(square) == pytest.approx(CUT_VARIANCE, rel=4e-16)
    kurtosis = initializers.he_normal.kurtosis
    assert kurtosis == pytest.approx(float(fourth / square**2), rel=4e-15)
    assert initializers.haiku_truncated_normal.variance(7, 3) == pytest.approx(
        float(square) / 7, rel=1e-15
    )


@pytest.mark.parametrize("family", ["glorot", "he", "lecun", "he_fan_out", "he_leaky"])
def test_the_three_forms_of_a_law_declare_one_variance(family):
    forms = [
        initializers.get(f"{family}_{kind}").variance(12, 40)
        for kind in ("uniform", "normal", "gaussian")
    ]
    assert len(set(forms)) == 1


def test_leaky_gains_join_the_laws_that_are_named_after_their_ends():
    for kind in ("uniform", "normal", "gaussian"):
        leaky = initializers.get(f"he_leaky_{kind}")
        for slope, same in ((0.0, f"he_{kind}"), (1.0, f"lecun_{kind}")):
            mine, other = leaky(slope), initializers.get(same)
            assert mine.variance(8, 5) == pytest.approx(other.variance(8, 5), rel=1e-15)
            np.testing.assert_allclose(
                mine.sample(KEY, (5, 8)), other.sample(KEY, (5, 8)), rtol=1e-6
            )
    # PyTorch's sqrt(5) is U(+-1/sqrt(fan_in)).
    root = initializers.he_leaky_uniform(math.sqrt(5))
    assert root.bound(50, 9) == pytest.approx(50**-0.5, rel=1e-14)
    np.testing.assert_allclose(
        root.sample(KEY, (9, 50)), initializers.torch_uniform.sample(KEY, (9, 50)), rtol=1e-6
    )


def test_fan_out_is_fan_in_of_the_transpose():
    for kind in ("uniform", "normal", "gaussian"):
        out, into = (initializers.get(f"he{part}_{kind}") for part in ("_fan_out", ""))
        assert out.variance(30, 7) == into.variance(7, 30)
        assert out.variance_of((30, 7, 3, 3)) == into.variance_of((7, 30, 3, 3))
        assert out.backward_factor(30, 7) == pytest.approx(2, rel=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(8, 8), (5, 9), (9, 5), (9, 5, 3), (5, 9, 4, 3), (6, 6, 3, 3), (7, 4, 2, 1, 3)]
)
def test_delta_orthogonal_is_orthogonal_at_the_centre_and_zero_elsewhere(shape, dtype):
    with jax.enable_x64(dtype == "float64"):
        law = initializers.delta_orthogonal(1.5)
        weights = law.sample(KEY, shape, dtype)
        assert (weights.dtype, weights.shape) == (jnp.dtype(dtype), shape)
    kernel = np.array(weights, np.float64)
    centre = tuple((k - 1) // 2 for k in shape[2:])
    tap = kernel[slice(None), slice(None), *centre].copy()
    kernel[slice(None), slice(None), *centre] = 0
    assert not kernel.any()
    small = tap if shape[0] <= shape[1] else tap.T
    eps = float(jnp.finfo(dtype).eps)
    assert np.abs(small @ small.T - 2.25 * np.eye(len(small))).max() <= 16 * eps * 2.25
    assert np.mean(tap**2) / math.prod(shape[2:]) == pytest.approx(
        law.variance_of(shape), rel=16 * eps
    )


@pytest.mark.parametrize(
    ("window", "padding"), [((3,), "SAME"), ((2, 4), "SAME"), ((3, 2), "CIRCULAR")]
)
def test_a_delta_orthogonal_convolution_keeps_every_image(window, padding):
    # More outputs than inputs: an isometry, so lengths and angles stay, at every edge too.
    kernel = initializers.delta_orthogonal.sample(KEY, (10, 6, *window))
    layer = gch.single(gch.Convolution(gch.activations.identity, padding), {"weight": kernel})
    images = jax.random.normal(KEY, (2, 6, *(7,) * len(window)))
    there = jax.vmap(layer)(images)
    gram, other = (
        np.asarray(a, np.float64).reshape(2, -1) @ np.asarray(a, np.float64).reshape(2, -1).T
        for a in (images, there)
    )
    assert np.abs(gram - other).max() <= 64 * np.finfo(np.float32).eps * gram.max()
    # Pixel by pixel: a shifted tap would move the picture.
    assert np.allclose(
        np.linalg.norm(images, axis=1), np.linalg.norm(there, axis=1), rtol=1e-5, atol=1e-6
    )


def test_delta_orthogonal_of_a_matrix_is_the_orthogonal_law_and_of_4_axes_is_refused():
    weights = initializers.delta_orthogonal.sample(KEY, (6, 6))
    assert np.abs(weights @ weights.T - np.eye(6)).max() < 1e-5
    with pytest.raises(ShapeError, match="at most 3 spatial axes"):
        initializers.delta_orthogonal.sample(KEY, (6, 6, 1, 1, 1, 1))


@pytest.mark.parametrize("name", [n for n in initializers.NAMES if n != "zeros"])
def test_every_law_draws_a_network_by_its_name(name):
    net = gch.mlp(KEY, depth=3, width=8, initializer=name, input_dim=5)
    out = net(jnp.ones(5))
    assert out.shape == (8,)
    assert bool(jnp.isfinite(out).all())
    assert all(np.asarray(params["weight"]).any() for _, params in net.layers())


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        # Entries that are always 0 count for nothing, so more draws are needed.
        ("delta_orthogonal", {"shape": (48, 16, 3, 3), "draws": 400}),
        ("delta_orthogonal(0.5)", {"shape": (16, 48, 3), "draws": 1000}),
        ("haiku_truncated_normal", {"shape": (24, 8, 3, 3), "dtype": "bfloat16"}),
        ("0.3 * he_fan_out_normal", {"shape": (24, 8, 3, 3)}),
        ("he_leaky_gaussian(1.5)", {"dtype": "float64"}),
    ],
)
def test_the_kit_takes_kernels_and_scaled_laws(name, asked):
    report = check_initializer(name, **asked)
    assert report.power >= 0.999
    assert report.variance == initializers.get(name).variance_of(report.shape)
