"""Transformer blocks of any size meet the law of uniform attention, and NumPy's of softmax."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.experiments import transformer, transformer_numbers
from gradchain.registry.collection import validate_all

SIZE = {"tokens": 6, "width": 48, "heads": 4, "blocks": 4}
SEEDS = 40


@pytest.fixture(scope="module")
def found():
    return transformer_numbers.followed(*SIZE.values(), SEEDS, 0)


def normed(h):
    h = h - h.mean(axis=-1, keepdims=True)
    return h / np.sqrt((h**2).mean(axis=-1, keepdims=True))


def in_numpy(params, h, design, softmax, heads, scale):
    """One block in float64, written again."""
    tokens, width = h.shape

    def attend(x):
        q, k, v = (x @ params[name].T for name in "qkv")
        out, part = np.zeros_like(x), width // heads
        for head in range(heads):
            own = slice(head * part, (head + 1) * part)
            shares = np.exp(q[:, own] @ k[:, own].T / math.sqrt(part))
            if not softmax:
                shares = np.ones((tokens, tokens))
            out[:, own] = shares / shares.sum(axis=1, keepdims=True) @ v[:, own]
        return out @ params["o"].T

    def network(x):
        return np.maximum(x @ params["w"].T, 0) @ params["m"].T

    for part in (attend, network):
        if design == "noskip":
            h = part(normed(h))
        elif design == "post":
            h = normed(h + part(h))
        else:
            h = h + (scale if design == "scaled" else 1.0) * part(normed(h))
    return h


def test_blocks_of_all_designs_are_those_of_numpy():
    source = np.random.default_rng(0)
    shapes = dict.fromkeys("qkvo", (8, 8)) | {"w": (16, 8), "m": (8, 16)}
    params = {n: source.normal(size=s).astype(np.float32) / 3 for n, s in shapes.items()}
    h = source.normal(size=(8, 5, 8)).astype(np.float32)
    arrays = {name: jnp.asarray(value) for name, value in params.items()}
    got = np.asarray(transformer._block(arrays, jnp.asarray(h), 2, np.float32(0.5)))
    wide = {name: value.astype(np.float64) for name, value in params.items()}
    for lane in range(8):
        design, softmax = transformer.DESIGNS[lane // 2], bool(lane % 2)
        expected = in_numpy(wide, h[lane].astype(np.float64), design, softmax, 2, 0.5)
        np.testing.assert_allclose(got[lane], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("design", ["post", "pre", "scaled"])
def test_uniform_attention_meets_its_law_within_the_finite_width(found, design):
    law = transformer.predicted(design, SIZE["tokens"], SIZE["blocks"])
    place = transformer.DESIGNS.index(design)
    slack = SIZE["blocks"] / SIZE["width"]
    for measured, theory in (
        (np.exp(found.log_gradient[:, place, 0, 0]), math.exp(law.log_gradient[0])),
        (found.square[:, place, 0, -1], law.square[-1]),
        (found.spread[:, place, 0, 1], law.spread[1]),
    ):
        error = measured.std(ddof=1) / math.sqrt(SEEDS)
        assert abs(measured.mean() - theory) < 5 * error + slack * theory + 1e-5


def test_without_skips_uniform_attention_makes_all_tokens_equal_at_once(found):
    place = transformer.DESIGNS.index("noskip")
    assert np.abs(found.difference[:, place, 0, 1:]).max() < 1e-6
    assert found.difference[:, place, 1, 1].min() > 1e-3  # softmax needs a few blocks more
    law = transformer.predicted("noskip", 6, 3)
    assert law.difference.round(12).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_post_norm_keeps_the_length_and_pre_norm_adds_to_it(found):
    law = {d: transformer.predicted(d, 16, 24) for d in transformer.DESIGNS}
    np.testing.assert_allclose(law["post"].square, 1.0, rtol=1e-12)
    assert (np.diff(law["pre"].square) > 1).all()
    # Each pre-norm block adds 1 by its network, and by attention between 1/T and 1.
    assert 1 + 24 * (1 + 1 / 16) < law["pre"].square[-1] < 1 + 24 * 2
    assert law["post"].difference[-1] < 1e-3 < law["pre"].difference[-1]
    assert math.exp(law["scaled"].log_gradient[0] / 2) < math.e**0.5
    np.testing.assert_allclose(
        found.square[:, transformer.DESIGNS.index("post"), :, 1:], 1.0, rtol=1e-4
    )


@pytest.mark.parametrize("difference", [1.0, 0.6, 1e-3, 0.0])
def test_the_effective_rank_is_the_participation_ratio_of_the_gram_matrix(difference):
    gram = np.full((7, 7), 1 - difference) + difference * np.eye(7)
    values = np.linalg.eigvalsh(gram)
    expected = values.sum() ** 2 / (values**2).sum()
    assert transformer.effective_rank(np.array(difference), 7) == pytest.approx(expected, rel=1e-12)


def test_recorded_numbers_come_out_again_and_agree_with_fresh_seeds(found):
    pairs = transformer_numbers.start_pairs()
    for attention in transformer.ATTENTIONS:
        for quantity in transformer_numbers.QUANTITIES:
            transformer_numbers.add(pairs, "pre", attention, quantity, SIZE, found, 0)
    numbers = validate_all(pairs.numbers)
    assert "transformer.pre.softmax.gradient.predicted" not in numbers
    for key, number in numbers.items():
        old, new = number.rational, parse(recompute.run(number.how, key).value)
        assert abs(float(new - old)) <= 1e-4 * abs(float(old)), key
    findings = recompute.check(numbers, "full")
    assert [f.sentence for f in findings if f.verdict != "agrees"] == []


def test_impossible_sizes_are_refused():
    with pytest.raises(UsageError, match="expected a divisor"):
        transformer.measured(4, 10, 3, 2, 1, 0)
    with pytest.raises(UsageError, match="expected at least 2, 1 and 1"):
        transformer.measured(1, 8, 2, 2, 1, 0)
    with pytest.raises(UsageError, match="tokens 0: expected 1 to"):
        transformer_numbers.followed(0, 8, 2, 2, 6, 0)
