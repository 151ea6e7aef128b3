"""Norms of gradients: the device's reading against NumPy's, and both against exact fractions."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import ml_dtypes
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain._errors import DtypeError
from gradchain.bridge.reading import as_real_array, read_array, read_leaf, to_host

TYPES = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
}
UNSIGNED = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def on_device(x, axis=None):
    with jax.enable_x64(True):
        found = jax.device_get(read_leaf(x, axis))
    shape = x.shape if axis is None else np.delete(x.shape, axis)
    return to_host(found, tuple(int(n) for n in shape), jnp.dtype(x.dtype).name)


def exact_log10_norm(x):
    total = sum(Fraction(float(v)) ** 2 for v in x.ravel())
    if total == 0:
        return -math.inf
    with mpmath.workdps(40):
        return float((mpmath.log10(total.numerator) - mpmath.log10(total.denominator)) / 2)


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=25)
@given(data=st.data())
def test_any_bit_pattern_has_the_norm_of_exact_arithmetic_on_both_routes(name, data):
    kind = np.dtype(TYPES[name])
    raw = data.draw(st.lists(st.integers(0, 2 ** (8 * kind.itemsize) - 1), min_size=5, max_size=5))
    x = np.array(raw, UNSIGNED[kind.itemsize]).view(kind)
    finite = np.isfinite(x.astype(np.float64))
    here, (there,) = read_array(x), on_device(x)
    assert here.wrong == there.wrong == int((~finite).sum())
    x = np.where(finite, x, np.zeros((), kind)).astype(kind)
    here, (there,) = read_array(x), on_device(x)
    true = exact_log10_norm(x)
    work = 2**-52 if name == "float64" else 2**-23
    for found, eps in ((here, 2**-52), (there, work)):
        assert found.log10_norm == true or abs(found.log10_norm - true) <= 8 * eps + 4e-16 * abs(
            true
        )
    assert (here.zeros, here.tiny, here.top, here.size) == (there.zeros, there.tiny, there.top, 5)
    assert (
        math.isclose(here.log10_sum, there.log10_sum, abs_tol=16 * work) or x.max() == x.min() == 0
    )


def test_sixteen_entries_of_1e_19_have_norm_4e_19():
    x = np.full(16, 1e-19, np.float32)
    assert not jnp.linalg.norm(x)
    true = exact_log10_norm(x)
    assert math.isclose(read_array(x).log10_norm, true, rel_tol=1e-15)
    assert abs(on_device(x)[0].log10_norm - true) < 1e-6


@pytest.mark.parametrize("name", TYPES)
def test_subnormal_entries_count_as_tiny_and_not_as_zero(name):
    kind = np.dtype(TYPES[name])
    bits = np.array([0, 1, 2], UNSIGNED[kind.itemsize]).view(kind)
    normal = np.array([ml_dtypes.finfo(kind).smallest_normal, 1], kind)
    x = np.concatenate([bits, normal])
    for found in (read_array(x), on_device(x)[0]):
        assert (found.zeros, found.tiny) == (1, 4)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_many_small_entries_beside_a_large_one_keep_their_mean_in_16_bits(name):
    x = np.full(2**14, 2.0**-12, TYPES[name])
    x[0] = 1.0
    for found in (read_array(x), on_device(x)[0]):
        assert abs(10**found.log10_sum - (1 + (2**14 - 1) * 2.0**-12)) < 1e-4


def test_stacked_layers_read_as_they_do_one_by_one():
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32) * 1e-25
    x[:, 2] = 0
    stacked = on_device(x, 1)
    assert len(stacked) == 4
    for i, found in enumerate(stacked):
        alone = on_device(x[:, i])[0]
        assert found._replace(log10_norm=0, log10_sum=0) == alone._replace(
            log10_norm=0, log10_sum=0
        )
        if i != 2:
            assert abs(found.log10_norm - alone.log10_norm) < 1e-6
    assert stacked[2].log10_norm == -math.inf
    assert stacked[2].top is None


class Tensor:
    """Behaves like a torch tensor that requires grad: np.asarray works only after detach().cpu()."""

    def __init__(self, ready=0):
        self.ready = ready

    def detach(self):
        return Tensor(self.ready + 1)

    def cpu(self):
        return Tensor(self.ready + 1)

    def __array__(self, dtype=None, copy=None):
        if self.ready < 2:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return np.ones(3, np.float32)


class Stubborn:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16")


def test_tensors_are_detached_and_what_cannot_be_read_gets_a_sentence():
    assert as_real_array(Tensor(), "g").tolist() == [1, 1, 1]
    with pytest.raises(DtypeError, match=r"BFloat16.*tensor\.float"):
        as_real_array(Stubborn(), "g")
    with pytest.raises(DtypeError, match="the gradient a is complex"):
        as_real_array(np.ones(2, complex), "the gradient a")
    with pytest.raises(DtypeError, match="expected an array of floats"):
        as_real_array(["a", "b"], "the gradient a")
    with pytest.raises(DtypeError, match=r"float128|longdouble"):
        read_array(np.ones(2, np.longdouble))
