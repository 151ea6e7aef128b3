"""Clipping: what holds for every gradient, from zero over subnormals to the largest floats."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradchain.training import optimizers

F32 = np.finfo(np.float32)
EPS, TINY = float(F32.eps), float(F32.tiny)
# From here on the square of a norm of eight entries may overflow, below it may underflow.
LARGE, SMALL = float(np.sqrt(F32.max)) / 4, float(np.sqrt(TINY)) * 4
SHAPES = {"weight": (2, 2), "recurrent": (3,), "bias": (1,)}
COUNT = sum(int(np.prod(shape)) for shape in SHAPES.values())
NORMS = ("norm", "global")

anything = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=True)
usual = st.floats(min_value=-np.float32(LARGE), max_value=np.float32(LARGE), width=32)
limits = st.floats(min_value=np.float32(1e-3), max_value=np.float32(1e3), width=32)
ZERO, ONES = [0.0] * COUNT, [1.0] * COUNT


def gradients(entries):
    return st.lists(entries, min_size=COUNT, max_size=COUNT)


def tree(flat):
    """Set numbers into arrays."""
    found, start = {}, 0
    for name, shape in SHAPES.items():
        stop = start + int(np.prod(shape))
        found[name] = np.asarray(flat[start:stop], np.float32).reshape(shape)
        start = stop
    return found


@pytest.fixture(scope="module")
def clip():
    """Return a function: kind, numbers, limit -> the gradient and the clipped one, float64 arrays."""

    def compiled(kind):
        return jax.jit(lambda g, c: optimizers.clipping(kind, c).update(g, None)[0])

    programs = {kind: compiled(kind) for kind in optimizers.CLIPS}

    def run(kind, flat, limit):
        before = tree(flat)
        after = programs[kind](jax.tree.map(jnp.asarray, before), jnp.float32(limit))
        assert jax.tree.map(jnp.shape, after) == jax.tree.map(np.shape, before)
        return tuple(
            {name: np.asarray(own[name], np.float64).ravel() for name in SHAPES}
            for own in (before, after)
        )

    return run


def parts(kind, own):
    """Return the vectors that a clip by norm treats as one each."""
    return list(own.values()) if kind == "norm" else [np.concatenate(list(own.values()))]


@pytest.mark.parametrize("kind", optimizers.CLIPS)
@given(flat=gradients(anything), limit=limits)
@example(flat=ZERO, limit=1.0)
@example(flat=[1e-45] * COUNT, limit=1.0)
@example(flat=[float(F32.max)] * COUNT, limit=1e-3)
@example(flat=[float(F32.max), 1e-45, *ZERO[2:]], limit=1e3)
def test_no_clip_ever_lengthens_an_entry_or_changes_its_sign(clip, kind, flat, limit):
    before, after = clip(kind, flat, limit)
    for name in SHAPES:
        assert np.isfinite(after[name]).all()
        # A division and a product: two roundings; a subnormal may be flushed to 0.
        assert (np.abs(after[name]) <= np.abs(before[name]) * (1 + 4 * EPS)).all()
        assert (after[name] * before[name] >= 0).all()


@pytest.mark.parametrize("kind", NORMS)
@given(flat=gradients(anything), limit=limits)
@example(flat=ZERO, limit=1.0)
@example(flat=[1e-45] * COUNT, limit=1.0)
@example(flat=[LARGE, 1.0, -LARGE, 1e-30, *ONES[4:]], limit=1.0)
@example(flat=[float(F32.max)] * COUNT, limit=1.0)
def test_clips_by_norm_never_turn(clip, kind, flat, limit):
    before, after = clip(kind, flat, limit)
    for old, new in zip(parts(kind, before), parts(kind, after), strict=True):
        top = int(np.argmax(np.abs(old)))
        factor = new[top] / old[top] if old[top] else 0.0
        assert 0 <= factor <= 1 + 4 * EPS
        # Every entry gets the factor of the largest: the same roundings, or the flush to 0.
        assert (np.abs(new - factor * old) <= 8 * EPS * np.abs(factor * old) + TINY).all()


@pytest.mark.parametrize("kind", NORMS)
@given(flat=gradients(usual), limit=limits)
@example(flat=ZERO, limit=1.0)
@example(flat=[1e-45] * COUNT, limit=1.0)
@example(flat=[SMALL] * COUNT, limit=1e-3)
@example(flat=[LARGE, *ZERO[1:]], limit=1e3)
def test_clips_by_norm_end_at_the_limit_and_leave_what_is_shorter(clip, kind, flat, limit):
    limit = float(np.float32(limit))
    before, after = clip(kind, flat, limit)
    for old, new in zip(parts(kind, before), parts(kind, after), strict=True):
        size, ends = np.linalg.norm(old), np.linalg.norm(new)
        # A sum of eight squares, a root, a division and a product.
        assert abs(ends - min(size, limit)) <= 16 * EPS * limit + COUNT * TINY
        if size < limit * (1 - 16 * EPS):
            assert (np.abs(new - old) <= TINY).all()


@given(flat=gradients(anything), limit=limits)
@example(flat=[1.0, 10.0, *ZERO[2:]], limit=1.0)
@example(flat=[float(F32.max), *([1e-3] * (COUNT - 1))], limit=1e-3)
def test_a_clip_by_value_ends_at_the_limit_and_turns_by_less_than_its_bound(clip, flat, limit):
    limit = float(np.float32(limit))
    old, new = (np.concatenate(list(own.values())) for own in clip("value", flat, limit))
    assert (np.abs(new - np.clip(old, -limit, limit)) <= TINY).all()
    known = np.abs(old) >= TINY
    if known.any():
        scaled, left = old[known] / np.abs(old).max(), new[known] / limit
        cosine = (scaled @ left) / np.linalg.norm(scaled) / np.linalg.norm(left)
        # 1/sqrt(N) of the entries that are not 0.
        assert cosine >= (1 - 16 * EPS) / np.sqrt(known.sum())


def angle(one, two):
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    return np.degrees(np.arccos(min(cosine, 1.0)))


def test_the_textbook_gradient_is_turned_by_39_degrees_by_value_and_by_none_by_its_norm(clip):
    flat = [1.0, 10.0, *ZERO[2:]]
    turned = {}
    for kind in ("value", *NORMS):
        before, after = clip(kind, flat, 1.0)
        turned[kind] = angle(before["weight"], after["weight"])
    assert turned["value"] == pytest.approx(np.degrees(np.arctan(10.0)) - 45, abs=1e-5)
    # arccos near 1 loses half the digits: sqrt(2 eps) radians of float32.
    assert max(turned["norm"], turned["global"]) <= np.degrees(np.sqrt(8 * EPS))


@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_whose_square_overflows_is_not_clipped_but_deleted(clip, kind):
    edge = float(np.sqrt(np.float64(F32.max)))
    for size, gone in ((0.99 * edge, False), (1.01 * edge, True)):
        _, after = clip(kind, [size, *ZERO[1:]], 1.0)
        whole = np.concatenate(list(after.values()))
        assert np.linalg.norm(whole) == pytest.approx(0.0 if gone else 1.0, abs=8 * EPS)


def test_an_infinite_entry_is_saved_by_value_and_spreads_by_norm(clip):
    flat = [-np.inf, *ONES[1:]]
    assert (clip("value", flat, 2.0)[1]["weight"] == [-2, 1, 1, 1]).all()
    assert np.isnan(clip("norm", flat, 2.0)[1]["weight"][0])
    assert (clip("norm", flat, 2.0)[1]["bias"] == 1).all()
    assert np.isnan(clip("global", flat, 2.0)[1]["weight"][0])
    for kind in ("value", *NORMS):
        assert np.isnan(clip(kind, [np.nan, *ONES[1:]], 2.0)[1]["weight"][0])


def test_an_optimizer_clips_before_it_steps():
    values = optimizers.constants("sgd", {"learning_rate": 0.5})
    tx = optimizers.build("sgd", values, "global", 2.0)
    gradient = jax.tree.map(jnp.asarray, tree([3.0, 4.0, *ZERO[2:]]))
    update, _ = tx.update(gradient, tx.init(gradient), gradient)
    np.testing.assert_allclose(update["weight"], [[-0.6, -0.8], [0, 0]], rtol=8 * EPS)
