"""The diagnosis of whole networks: known slopes, verdict rates, invariance, bad input."""

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError
from gradchain.bridge.diagnosis import (
    Diagnosis,
    UnhealthyError,
    assert_healthy,
    diagnose,
    diagnose_arrays,
)
from gradchain.measured.build import mlp
from gradchain.measured.network import forward

EPS = 2.0**-23


def bias_chain(params, batch):
    """z <- z/4 + b: dz_L/db_l = 4^-(L-l), with nothing else in it."""
    z = batch[0]
    for b in params:
        z = z * 0.25 + b
    return batch[1] * z


def sigmoid_chain(params, batch):
    h = batch[0]
    for b in params:
        h = jax.nn.sigmoid(h + b)
    return batch[1] * h


def network_loss(net, batch):
    out = jax.vmap(lambda x: forward(net, x).output)(batch[0])
    return batch[1] * jnp.mean(out**2)


def scalars(depth):
    return [jnp.zeros(()) for _ in range(depth)]


ONE = jnp.float32(1.0)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_a_chain_that_loses_a_factor_4_a_layer_has_the_slope_log_one_quarter(scale):
    report = diagnose(bias_chain, scalars(6), (ONE, jnp.float32(scale)))
    for value in (report.slope, *report.slope_interval, report.slope_robust):
        assert abs(value - math.log(0.25)) < 8 * EPS
    for i, row in enumerate(report.rows):
        true = math.log10(float(np.float32(scale))) - (5 - i) * math.log10(4)
        assert abs(row.log10_norm - true) < 4 * EPS
    assert report.kind == "vanishing"
    assert "rule: slope, -0.60 decades a layer [-0.60, -0.60], -3.0 over 6 layers" in report.verdict


def test_a_chain_far_below_float32_is_measured_as_mpmath_has_it():
    depth = 70
    report = diagnose(sigmoid_chain, scalars(depth), (ONE, ONE))
    with mpmath.workdps(80):
        h, slopes = mpmath.mpf(1), []
        for _ in range(depth):
            h = 1 / (1 + mpmath.exp(-h))
            slopes.append(h * (1 - h))
        true, total = [], mpmath.mpf(1)
        for s in reversed(slopes):
            total *= s
            true.append(float(mpmath.log10(total)))
    true = np.array(true[::-1])
    assert true[0] < -45.2  # below the smallest subnormal of float32
    found = np.array([row.log10_norm for row in report.rows])
    assert np.abs(found - true).max() <= 4 * depth * EPS
    lost = [row.lost for row in report.rows]
    assert [row.zeros for row in report.rows] == [float(x) for x in lost]
    # XLA flushes subnormals, so exactly 0 begins at the smallest normal number.
    assert lost == [bool(x < math.log10(np.finfo(np.float32).tiny)) for x in true]
    assert report.kind == "vanishing"
    assert report.layers_left == report.layers_left_subnormal == 0
    assert any("times 2**" in note for note in report.notes)


def test_the_norms_are_those_of_backpropagation_by_hand():
    depth, width, batch = 7, 5, 3
    net = mlp(jax.random.key(3), depth, width, "sigmoid", "glorot_uniform")
    x = np.random.default_rng(0).normal(size=(batch, width)).astype(np.float32)
    report = diagnose(network_loss, net, (jnp.asarray(x), ONE))
    weights = [np.asarray(p["weight"], np.longdouble) for _, p in net.layers()]
    states = [x.astype(np.longdouble)]
    for w in weights:
        states.append(1 / (1 + np.exp(-states[-1] @ w.T)))
    back = 2 * states[-1] / states[-1].size
    for k in reversed(range(depth)):
        back = back * states[k + 1] * (1 - states[k + 1])
        gradient = np.sqrt(np.sum((back.T @ states[k]) ** 2) + np.sum(back.sum(axis=0) ** 2))
        row = report.rows[k]
        # Cancellation between examples costs a few digits more than the norm itself.
        assert abs(row.log10_norm - float(np.log10(gradient))) < 1e-5
        ratio = np.log10(gradient) - np.log10(np.sqrt(np.sum(weights[k] ** 2)))
        assert abs(row.log10_ratio - float(ratio)) < 1e-5
        assert row.size == width * width + width
        back = back @ weights[k]


def rate(activation, initializer, depth, width, wanted, seeds):
    x = jax.random.normal(jax.random.key(99), (16, width))
    hits = 0
    for seed in range(seeds):
        net = mlp(jax.random.key(seed), depth, width, activation, initializer)
        hits += diagnose(network_loss, net, (x, ONE)).kind == wanted
    return hits / seeds


def test_sigmoid_networks_vanish_and_relu_networks_with_he_weights_do_not():
    # Ten sigmoid layers lose some 6 decades: 40 of 40. At depth 20 and width 64 a He network's
    # gradient wanders by 0.2 decades: all but a few of 40 stay within one decade.
    assert rate("sigmoid", "glorot_uniform", 10, 32, "vanishing", 40) > 0.999
    assert rate("relu", "he_normal", 20, 64, "healthy", 40) >= 0.95


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Module:
    layers: list
    activation: object
    steps: object
    name: object = None


def dense(params, h):
    return jnp.tanh(h @ params["kernel"] + jnp.broadcast_to(params["bias"], (4, 4)))


def dict_loss(params, batch):
    h = batch[0]
    for i in range(11):
        h = dense(params["params"][f"Dense_{i}"], h)
    return batch[1] * jnp.mean(h**2)


def module_loss(params, batch):
    h = batch[0]
    for layer in params.layers:
        h = params.activation(h @ layer[0])
    return batch[1] * jnp.mean(h**2), {"steps": params.steps}


def stacked_loss(params, batch):
    def step(h, own):
        return dense(own, h), None

    h, _ = jax.lax.scan(step, batch[0], params["blocks"])
    return batch[1] * jnp.mean((h @ params["head"]) ** 2)


def tree(kind, rng, gain):
    def kernel(*lead):
        return (gain * rng.normal(size=(*lead, 4, 4))).astype(np.float32)

    def bias(*lead):
        return np.zeros((*lead, 4), np.float32)

    if kind == "dict":
        return {"params": {f"Dense_{i}": {"kernel": kernel(), "bias": bias()} for i in range(11)}}
    if kind == "module":
        layers = [(kernel(), None) for _ in range(6)]
        return Module(layers, jnp.tanh, np.int32(3))
    return {"blocks": {"kernel": kernel(9), "bias": bias(9)}, "head": kernel()}


OPTIONS = {
    "dict": (dict_loss, {}),
    "module": (module_loss, {"has_aux": True}),
    "stacked": (stacked_loss, {"stacked": "blocks"}),
}


@settings(max_examples=60)
@given(
    kind=st.sampled_from(sorted(OPTIONS)),
    seed=st.integers(0, 10_000),
    gain=st.floats(0.1, 1.5),
    exponent=st.floats(-30, 30),
)
def test_the_scale_of_the_loss_changes_no_slope_verdict(kind, seed, gain, exponent):
    # Gradients stay above 1e-12 for these trees, so that 1e-30 of them may underflow: the second
    # pass must then find the same slope. Not powers of two, so entries round.
    loss, options = OPTIONS[kind]
    rng = np.random.default_rng(seed)
    params = tree(kind, rng, gain)
    x = jnp.asarray(rng.normal(size=(4, 4)).astype(np.float32))
    plain = diagnose(loss, params, (x, ONE), **options)
    for scale in (10.0**exponent, 1000.0):
        scaled = diagnose(loss, params, (x, jnp.float32(scale)), **options)
        assert scaled.kind == plain.kind
        assert abs(scaled.slope - plain.slope) < 1e-4
        assert scaled.judge("slope").kind == plain.kind


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e3, 1e20])
def test_a_vanishing_network_vanishes_at_every_scale_also_past_underflow(scale):
    net = mlp(jax.random.key(0), 60, 16, "sigmoid", "glorot_uniform")
    x = jax.random.normal(jax.random.key(1), (8, 16))
    report = diagnose(network_loss, net, (x, jnp.float32(scale)))
    assert report.kind == "vanishing"
    low, high = report.slope_interval
    assert low < diagnose(network_loss, net, (x, ONE)).slope < high


def test_flax_like_parameters_are_read_in_numerical_order_and_constants_are_said():
    params = tree("dict", np.random.default_rng(0), 0.5)
    names = [row.name for row in diagnose(dict_loss, params, (jnp.ones((4, 4)), ONE)).rows]
    assert names == [f"params/Dense_{i}" for i in range(11)]
    module = tree("module", np.random.default_rng(0), 0.5)
    report = diagnose(module_loss, module, (jnp.ones((4, 4)), ONE), has_aux=True)
    assert [row.name for row in report.rows] == [f"layers/{i}" for i in range(6)]
    assert any("integers" in n and "steps" in n for n in report.notes)
    assert any("no arrays" in n and "activation" in n for n in report.notes)


def test_stacked_parameters_give_the_rows_of_the_same_layers_unstacked():
    params = tree("stacked", np.random.default_rng(0), 0.5)
    batch = (jnp.ones((4, 4)) * 0.3, ONE)

    def unstacked(params, batch):
        blocks = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params["blocks"])
        return stacked_loss({"blocks": blocks, "head": params["head"]}, batch)

    apart = [{k: v[i] for k, v in params["blocks"].items()} for i in range(9)]
    one = diagnose(stacked_loss, params, batch, stacked="blocks")
    other = diagnose(unstacked, {"blocks": apart, "head": params["head"]}, batch)
    assert [row.name for row in one.rows] == [f"blocks/{i}" for i in range(9)] + ["head"]
    for a, b in zip(one.rows, other.rows, strict=True):
        assert a.name == b.name
        assert abs(a.log10_norm - b.log10_norm) < 1e-5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_gradients_that_underflow_are_measured(dtype):
    params = [jnp.zeros((), dtype) for _ in range(16)]

    def loss(params, batch):
        # The factor is data: XLA would fold sixteen constants 1/4 into one 0 of float16.
        x, quarter = batch
        for b in params:
            x = x * quarter + b
        return x * 1.5

    report = diagnose(loss, params, (jnp.ones((), dtype), jnp.asarray(0.25, dtype)))
    assert abs(report.slope - math.log(0.25)) < 1e-6
    assert abs(report.rows[0].log10_norm - math.log10(1.5) + 15 * math.log10(4)) < 1e-6
    # 1.5 * 4^-15 = 2^-29.4. Normal numbers end at 2^-14 (float16), 2^-126 (bfloat16), 2^-1022
    # (float64), subnormal ones at 2^-24 and 2^-133; float16 keeps its subnormals.
    assert [row.lost for row in report.rows] == [dtype == "float16" and i < 3 for i in range(16)]
    assert report.layers_left == {"float16": 0, "bfloat16": 48}[dtype]
    assert report.layers_left_subnormal == {"float16": 0, "bfloat16": 51}[dtype]
    assert report.layers_left_in("float64") == 496


def test_a_layer_without_gradient_is_dead_and_named():
    def loss(params, x):
        return (
            jnp.sum(jax.nn.relu(params["a"] @ x)) + 0 * jnp.sum(params["b"]) + jnp.sum(params["c"])
        )

    shapes = {name: -jnp.ones((2, 2)) for name in "abc"}
    report = diagnose(loss, shapes, jnp.ones(2))
    assert report.verdict == "dead (rule: slope, gradient exactly 0 in a, b)"
    assert [row.zeros for row in report.rows] == [1, 1, 0]
    assert diagnose(loss, shapes, jnp.ones(2), layers=["c"]).kind == "undecided"


def test_nan_names_its_layer():
    def loss(params, x):
        return jnp.sum(params["a"]["w"] @ x) + jnp.sum(jnp.sqrt(params["b"]["w"] * 0 - 1))

    report = diagnose(loss, {name: {"w": jnp.ones((2, 2))} for name in "ab"}, jnp.ones(2))
    assert report.verdict == "not finite (NaN or infinite gradient in b)"
    assert "note: the loss itself is nan" in str(report)
    assert "not finite" in str(report).splitlines()[-1]
    json.loads(report.to_json())
    with pytest.raises(UnhealthyError, match="not finite"):
        assert_healthy(report)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_nan_is_said_and_not_diagnosed(bad):
    params = {name: {"w": jnp.ones((2, 2))} for name in "ab"}
    for loss in (
        lambda p, b: jnp.sum(p["a"]["w"] @ (p["b"]["w"] @ b)) * 0,
        lambda p, b: jnp.sum(p["a"]["w"] ** 2) + jnp.sum(p["b"]["w"] ** 2) + jnp.sum(b) * 0,
    ):
        with pytest.raises(NonFiniteError, match="the loss is nan"):
            diagnose(loss, params, jnp.full(2, bad))


def test_an_infinite_loss_is_said_beside_the_diagnosis():
    def loss(params, x):
        return jnp.sum(params["a"] @ x) + jnp.sum(params["b"] @ x)

    report = diagnose(loss, {name: jnp.full((2, 2), 1e38) for name in "ab"}, jnp.ones(2))
    assert report.kind != "not finite"
    assert "note: the loss itself is inf" in str(report)


def loss_with_a_look(params, batch):
    return jnp.sum(params**2) if float(jnp.sum(params)) > 0 else jnp.sum(params)


def test_one_layer_says_that_it_has_no_slope():
    report = diagnose(lambda p, b: jnp.sum(p**2), jnp.ones((2, 2)), None)
    assert report.kind == "undecided"
    assert math.isnan(report.slope)
    assert report.layers_left == math.inf
    assert "one layer only: there is no slope" in str(report)


def call(params, batch, loss=None, **options):
    return diagnose(loss or (lambda p, b: jnp.sum(p["w"] ** 2)), params, batch, **options)


@pytest.mark.parametrize(
    ("params", "loss", "options", "error", "words"),
    [
        ({}, None, {}, UsageError, "no float arrays among 0 leaves"),
        ({"w": 1.0}, None, {}, UsageError, r"w are no arrays: write jnp.asarray"),
        ({"w": jnp.arange(3)}, None, {}, UsageError, "no float arrays"),
        ({"w": jnp.ones(2, complex)}, None, {}, DtypeError, "w is complex"),
        (None, lambda p, b: p["w"], {}, ShapeError, r"shape \(2, 2\), expected a scalar"),
        (None, lambda p, b: (jnp.sum(p["w"]), 1), {}, UsageError, "has_aux=True"),
        (
            None,
            lambda p, b: jnp.sum(p["w"]),
            {"has_aux": True},
            UsageError,
            "expected .loss, anything",
        ),
        (None, lambda p, b: None, {}, UsageError, "returned NoneType"),
        (None, lambda p, b: jnp.int32(1), {}, DtypeError, "int32, expected a real float"),
        (None, lambda p, b: p["v"], {}, UsageError, r"raised KeyError \('v'\): call loss_fn"),
        (None, loss_with_a_look, {}, UsageError, "raised"),
        (
            None,
            lambda p, b: jnp.sum(p["w"]) if p["w"][0, 0] > 0 else 0.0,
            {},
            UsageError,
            "jit=False",
        ),
        (
            None,
            None,
            {"layers": lambda name: None},
            UsageError,
            "leaves out all 1 parameters, such as w",
        ),
        (None, None, {"preset": "neuroscope"}, UsageError, "needs the activations"),
    ],
)
def test_bad_input_gets_one_sentence(params, loss, options, error, words):
    with pytest.raises(error, match=words) as caught:
        call({"w": jnp.ones((2, 2))} if params is None else params, None, loss, **options)
    assert "\n" not in str(caught.value)


def test_a_loss_that_looks_at_values_runs_without_jit():
    def looks(p, b):
        return jnp.sum(p["w"] ** 2) if p["w"][0, 0] > 0 else jnp.sum(p["w"])

    assert (
        abs(
            call({"w": jnp.ones((2, 2))}, None, looks, jit=False).rows[0].log10_norm - math.log10(4)
        )
        < EPS
    )


def test_a_call_inside_jit_is_refused_and_no_function_too(as_a_user):
    with pytest.raises(UsageError, match="inside jit"):
        jax.jit(lambda p: diagnose(lambda q, b: jnp.sum(q), p, None).slope)(jnp.ones(2))
    with pytest.raises(UsageError, match="got int as loss_fn"):
        diagnose(3, jnp.ones(2), None)


def test_the_same_loss_compiles_once():
    traces = []

    def loss(params, batch):
        traces.append(1)
        return jnp.sum(params["w"] * batch)

    for i in range(3):
        diagnose(loss, {"w": jnp.full((2, 2), float(i))}, jnp.float32(i + 1.0))
    assert len(traces) == 1


def test_the_batch_may_hold_anything_and_the_loss_may_be_unhashable():
    class Loss:
        __hash__ = None

        def __call__(self, params, batch):
            return (
                jnp.sum(params["w"])
                * (2.0 if batch["mode"] == "twice" else 1.0)
                * len(batch["ids"])
            )

    batch = {"mode": "twice", "ids": np.array(["a", "b", "c"]), "none": None}
    report = diagnose(Loss(), {"w": jnp.ones((2, 2))}, batch)
    assert abs(report.rows[0].log10_norm - math.log10(12)) < 2 * EPS
    assert report.loss == 24


def fall(depth=40, step=-0.3):
    return {
        f"block.{i}.weight": np.full((3, 3), 10.0 ** (step * (depth - i)) / 3) for i in range(depth)
    }


def test_arrays_keep_their_order_and_need_no_jax():
    report = diagnose_arrays(fall(), {name: np.ones((3, 3)) for name in fall()})
    assert [row.name for row in report.rows] == [
        f"block.{i}.weight".rpartition(".")[0].replace(".", "/") for i in range(40)
    ]
    assert abs(report.slope + 0.3 * math.log(10)) < 1e-12
    for i, row in enumerate(report.rows):
        assert abs(row.log10_norm + 0.3 * (40 - i)) < 1e-12
        assert abs(row.log10_ratio - row.log10_norm + math.log10(3)) < 1e-12
    # Root mean square 10^-12.477 in float64, whose normal numbers end at 10^-307.65.
    assert report.layers_left == math.floor((307.6527 - 12 - math.log10(3)) / 0.3)
    assert report.layers_left_in(np.float32) == math.floor((37.9298 - 12 - math.log10(3)) / 0.3)


def test_arrays_that_do_not_fit_get_a_sentence(as_a_user):
    g = {"a": np.ones((2, 2)), "b": np.ones((2, 2)), "c": None}
    assert "without a gradient (None): c" in str(diagnose_arrays(g))
    with pytest.raises(UsageError, match="weights lack b, which gradients have"):
        diagnose_arrays(g, {"a": np.ones((2, 2)), "x": 1})
    with pytest.raises(ShapeError, match=r"weight a has shape \(3,\), its gradient \(2, 2\)"):
        diagnose_arrays(g, {"a": np.ones(3), "b": np.ones((2, 2))})
    with pytest.raises(UsageError, match="got list, expected a mapping"):
        diagnose_arrays([np.ones(2)])
    with pytest.raises(UsageError, match="got int, expected a mapping"):
        diagnose_arrays(g, 3)
    with pytest.raises(UsageError, match="no float arrays"):
        diagnose_arrays({})
    with pytest.raises(DtypeError, match="complex"):
        diagnose_arrays({"a": np.ones(2, complex)})


def test_the_table_is_plain_ascii_and_leaves_the_middle_out():
    report = diagnose_arrays(fall() | {"W\u03c6\n|<b>": np.ones((2, 2))})
    text = str(report)
    assert text.isascii()
    assert len(text.splitlines()) <= 32
    assert "... 17 layers not shown ..." in text
    assert text.startswith("verdict: vanishing (rule: slope")
    assert "layers left: " in text
    assert text.splitlines()[-1].startswith("W\\u03c6\\x0a|<b>")
    assert "0.0000" not in text
    assert len(report.to_text(rows=100).splitlines()) == 41 + 5
    markdown = report.to_markdown()
    assert markdown.isascii()
    bodies = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in bodies} == {7}
    page = report._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_json_is_strict_and_holds_every_row():
    report = diagnose_arrays({"a": np.zeros((2, 2)), "b": np.ones((2, 2))})

    def refuse(name):
        raise AssertionError(name)

    tree = json.loads(report.to_json(), parse_constant=refuse)
    assert tree["kind"] == "dead"
    assert tree["rows"][0]["log10_norm"] is None
    assert tree["rows"][1]["log10_norm"] == pytest.approx(math.log10(2))
    assert tree["layers_left"] is None
    assert tree["slope_interval"] == [None, None]


def test_assert_healthy_raises_what_a_test_runner_shows():
    report = diagnose_arrays(fall())
    with pytest.raises(AssertionError, match="the gradients are vanishing") as caught:
        assert_healthy(report)
    assert caught.value.report is report
    assert "block/0 " in str(caught.value)
    assert assert_healthy(report, allow=("vanishing",)) is report
    assert assert_healthy(report, decades=100.0) is report
    with pytest.raises(UnhealthyError, match="rule: autotrainer"):
        assert_healthy(report, preset="autotrainer")
    with pytest.raises(UnhealthyError):
        assert_healthy(bias_chain, scalars(6), (ONE, ONE))
    found = assert_healthy(bias_chain, scalars(6), (ONE, ONE), decades=4.0)
    assert isinstance(found, Diagnosis)
    with pytest.raises(UsageError, match="expected a sequence of vanishing"):
        assert_healthy(report, allow=("fine",))
    with pytest.raises(UsageError, match="got a Diagnosis and more"):
        assert_healthy(report, jnp.ones(2))


def test_two_layers_far_apart_are_undecided_and_near_ones_healthy():
    two = diagnose_arrays({"a": np.full((2, 2), 1e-5), "b": np.ones((2, 2))})
    assert two.kind == "undecided"
    assert two.slope_interval == (-math.inf, math.inf)
    assert two.layers_left == math.inf
    assert diagnose_arrays({"a": np.full((2, 2), 0.5), "b": np.ones((2, 2))}).kind == "healthy"
