"""Recorded norms against exact arithmetic and against what optax itself clips to.

Tolerances: a log of size |l| is stored with error eps |l|; a sum of n squares adds n eps relative,
which is n eps in the log; some ulp for log and sqrt: 4 eps (|l| + n + 1) bounds them together.
"""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gradchain import scaled
from gradchain._errors import DtypeError, UsageError
from gradchain.monitor import monitored, read_log_norms, record_log_norms, tree_log_norms

EPS = {"float16": 2.0**-23, "bfloat16": 2.0**-23, "float32": 2.0**-23, "float64": 2.0**-52}


def exact_log_norm(*arrays):
    """Log norm by exact fractions: channel two, without a float until the end."""
    total = sum(
        (Fraction(float(v)) ** 2 for a in arrays for v in np.asarray(a, np.float64).ravel()),
        Fraction(0),
    )
    if total == 0:
        return -math.inf
    return (math.log(total.numerator) - math.log(total.denominator)) / 2


def agrees(log, *arrays):
    exact = exact_log_norm(*arrays)
    if exact == -math.inf:
        return float(log) == exact
    n = sum(np.size(a) for a in arrays)
    return abs(float(log) - exact) <= 4 * EPS[log.dtype.name] * (abs(exact) + n + 1)


def gradients(dtype="float32"):
    """A tree whose layers lie far apart, down to subnormals and to exact zero."""
    info = jnp.finfo(dtype)
    draw = np.random.default_rng(5).normal(size=(4, 3))
    tiny = float(info.tiny)
    return {
        "a": {"bias": np.zeros(3, dtype), "kernel": (draw * tiny * 8).astype(dtype)},
        "b": {"bias": np.full(2, 3 * float(info.smallest_subnormal), dtype)},
        "c": {"kernel": (np.sign(draw) * float(info.max)).astype(dtype)},
        "d": {"kernel": draw.astype(dtype)},
    }


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("jitted", [False, True])
def test_norms_neither_underflow_nor_overflow_in_any_type(dtype, jitted):
    with jax.enable_x64(dtype == "float64"):
        grads = gradients(jnp.dtype(dtype))
        logs = (jax.jit(tree_log_norms) if jitted else tree_log_norms)(grads)
        assert list(logs) == ["a/bias", "a/kernel", "b/bias", "c/kernel", "d/kernel"]
        for name, log in logs.items():
            layer, part = name.split("/")
            assert agrees(log, grads[layer][part]), name
        assert float(logs["a/bias"]) == -math.inf


def test_entries_of_1e_30_have_the_norm_that_pencil_and_paper_give():
    # 64 entries of 1e-30: norm 8e-30, whose square is 0 in float32 (as optax's own norm then is).
    grads = {"w": jnp.full((64,), 1e-30, jnp.float32)}
    assert float(optax.tree.norm(grads)) == 0.0
    exact = math.log(8) + math.log(float(np.float32(1e-30)))
    assert abs(float(tree_log_norms(grads)["w"]) - exact) <= 4 * 2.0**-23 * (abs(exact) + 65)


@pytest.mark.parametrize("power", [-149, -140, -127, -126, -125, -64, 0, 63, 126, 127])
def test_norms_agree_with_scaled_arithmetic_across_the_whole_range(power):
    # One large entry beside many that lie up to 40 powers of two below it.
    draw = np.random.default_rng(power + 200).normal(size=50) * 2.0 ** -np.arange(0, 40, 0.8)
    values = np.append(draw / np.abs(draw).max(), 1.0) * 2.0**power
    leaf = jnp.asarray(values.astype(np.float32))
    log = tree_log_norms(leaf)["parameters"]
    assert agrees(log, leaf)
    other = scaled.log_norm(scaled.from_array(leaf))
    assert abs(float(log - other)) <= 8 * 2.0**-23 * (abs(float(log)) + 52)


def test_a_group_may_mix_types_of_any_two_scales():
    with jax.enable_x64(True):
        for kinds in (("float16", "float32"), ("bfloat16", "float16"), ("float32", "float64")):
            for sizes in ((1.0, 1.0), (6e-5, 1e-3), (0.0, 1e-30), (1e-7, 0.0)):
                leaves = [
                    np.full(5, s).astype(jnp.dtype(k)) for k, s in zip(kinds, sizes, strict=True)
                ]
                log = tree_log_norms(leaves, groups=lambda name: "both")["both"]
                assert log.dtype == ("float64" if "float64" in kinds else "float32")
                assert agrees(log, *leaves), (kinds, sizes)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("other", [0.0, 1.0, 3e38, 1e-45])
def test_a_gradient_that_is_not_finite_is_seen_beside_any_finite_entry(bad, other):
    grads = {"w": jnp.array([other, bad], jnp.float32), "v": jnp.ones(1), "n": jnp.array([bad])}
    for groups in (None, lambda name: "all"):
        logs = tree_log_norms(grads, groups=groups)
        log = float(logs["w" if groups is None else "all"])
        assert math.isnan(log) if math.isnan(bad) else log == math.inf


def test_groups_join_parameters_into_layers_and_leave_some_out():
    grads = gradients()

    def layer_of(name):
        layer, part = name.split("/")
        return None if layer == "d" else ("kernels" if part == "kernel" else "layer " + layer)

    logs = tree_log_norms(grads, groups=layer_of)
    assert list(logs) == ["layer a", "kernels", "layer b"]
    assert agrees(logs["kernels"], grads["a"]["kernel"], grads["c"]["kernel"])
    assert float(logs["layer a"]) == -math.inf
    by_top = tree_log_norms(grads, groups=lambda name: name.split("/")[0])
    assert agrees(by_top["a"], grads["a"]["bias"], grads["a"]["kernel"])
    # A huge and a tiny layer together are the huge one; equal ones are sqrt(2) larger.
    both = {"x": grads["d"]["kernel"], "y": grads["d"]["kernel"] * np.float32(1e-30)}
    assert agrees(tree_log_norms(both, groups=lambda name: "one")["one"], *both.values())
    twice = {"x": both["x"], "y": both["x"]}
    assert agrees(tree_log_norms(twice, groups=lambda name: "one")["one"], *twice.values())


def params_and_grads():
    rng = np.random.default_rng(11)
    shapes = {"first": (3, 5), "second": (5,), "last": (5, 2)}
    params = {name: jnp.asarray(rng.normal(size=s), jnp.float32) for name, s in shapes.items()}
    grads = {
        name: jnp.asarray(rng.normal(size=s) * 10.0 ** (2 - 3 * i), jnp.float32)
        for i, (name, s) in enumerate(shapes.items())
    }
    return params, grads


CLIPS = {
    "value": (optax.clip(0.01), lambda g, p: np.clip(g, -0.01, 0.01)),
    "adaptive": (optax.adaptive_grad_clip(0.02), None),
    "global": (optax.clip_by_global_norm(0.5), None),
    "block": (
        optax.clip_by_block_rms(0.03),
        lambda g, p: g * min(1, 0.03 / math.sqrt((g**2).mean())),
    ),
}


@pytest.mark.parametrize("name", CLIPS)
def test_before_and_after_tell_what_each_clip_of_optax_does(name):
    clip, law = CLIPS[name]
    params, grads = params_and_grads()
    optimizer = monitored(optax.sgd(0.25), clip=clip)
    with jax.numpy_dtype_promotion("standard"):
        updates, state = optimizer.update(grads, optimizer.init(params), params)
        clipped, _ = clip.update(grads, clip.init(params), params)
    logs = read_log_norms(state)
    assert list(logs) == ["before", "after", "updates"]
    wide = {k: np.asarray(g, np.float64) for k, g in grads.items()}
    for layer in wide:
        assert agrees(logs["before"][layer], grads[layer])
        assert agrees(logs["after"][layer], clipped[layer])
        assert agrees(logs["updates"][layer], updates[layer])
        if law is not None:
            # Channel two: the clip's own formula in float64; the clipped value has a few roundings.
            exact = exact_log_norm(law(wide[layer], np.asarray(params[layer], np.float64)))
            assert abs(float(logs["after"][layer]) - exact) <= 2.0**-23 * (4 * abs(exact) + 64)
        assert float(logs["after"][layer]) <= float(logs["before"][layer])
    if name == "global":
        total = math.sqrt(sum(math.exp(2 * float(v)) for v in logs["after"].values()))
        assert abs(total - 0.5) <= 64 * 2.0**-23
        # Clipping by the global norm keeps the direction: every layer shrinks by the same factor.
        shrink = [float(logs["after"][k] - logs["before"][k]) for k in wide]
        assert max(shrink) - min(shrink) <= 64 * 2.0**-23


@pytest.mark.parametrize(
    "make",
    [
        lambda: optax.sgd(0.1, momentum=0.9),
        lambda: optax.adam(1e-3),
        lambda: optax.rmsprop(1e-3),
        lambda: optax.adamw(optax.linear_schedule(1e-3, 0.0, 5)),
        lambda: optax.inject_hyperparams(optax.adam)(learning_rate=1e-3),
        lambda: optax.contrib.reduce_on_plateau(),
    ],
    ids=["momentum", "adam", "rmsprop", "schedule", "injected", "extra arguments"],
)
def test_watching_changes_no_step(make):
    params, grads = params_and_grads()
    plain = optax.with_extra_args_support(optax.chain(optax.clip(0.5), make()))
    watched = monitored(make(), clip=optax.clip(0.5))
    with jax.numpy_dtype_promotion("standard"):
        a, b = plain.init(params), watched.init(params)
        for step in range(3):
            ours, b = watched.update(grads, b, params, value=jnp.float32(step))
            theirs, a = plain.update(grads, a, params, value=jnp.float32(step))
            jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def descend(optimizer, target, traces=None):
    """Return a scan's body that goes down |w - target|^2/2 and gives the recorded norms."""

    def step(carry, _):
        if traces is not None:
            traces.append(1)
        params, state = carry
        grads = jax.tree.map(lambda w: w - target, params)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), read_log_norms(state)

    return step


def test_one_trace_serves_every_step_of_a_jitted_loop_and_of_a_scan():
    optimizer = monitored(optax.adam(1e-2), clip=optax.clip_by_global_norm(1.0))
    params = {"w": jnp.arange(4.0), "b": jnp.ones(2)}
    traces = []
    step = jax.jit(descend(optimizer, 0.5, traces))
    with jax.numpy_dtype_promotion("standard"):
        carry = start = (params, jax.jit(optimizer.init)(params))
    rows = []
    for _ in range(5):
        carry, logs = step(carry, None)
        rows.append(logs)
    assert len(traces) == 1
    traces.clear()
    scan = jax.jit(lambda carry: jax.lax.scan(descend(optimizer, 0.5, traces), carry, length=5))
    (_, state), scanned = scan(start)
    scan(start)
    # A scan may look at its body twice while it settles the carry's types, never once a step.
    assert len(traces) <= 2
    for label, layers in scanned.items():
        for layer, logs in layers.items():
            assert logs.shape == (5,)
            loop = np.array([row[label][layer] for row in rows])
            np.testing.assert_allclose(logs, loop, rtol=0, atol=64 * 2.0**-23)
    last = read_log_norms(state)
    assert jax.tree.map(float, last) == jax.tree.map(lambda x: float(x[-1]), scanned)


def test_seeds_run_side_by_side_keep_their_own_norms():
    optimizer = monitored(optax.sgd(0.1), clip=optax.clip(0.3))
    starts = jnp.asarray(np.random.default_rng(3).normal(size=(6, 7)), jnp.float32)

    def run(start):
        carry = ({"w": start}, optimizer.init({"w": start}))
        (_, state), logs = jax.lax.scan(descend(optimizer, 0.0), carry, length=4)
        return state, logs

    state, logs = jax.jit(jax.vmap(run))(starts)
    assert logs["before"]["w"].shape == (6, 4)
    for seed in range(6):
        assert agrees(logs["before"]["w"][seed, 0], starts[seed])
        assert agrees(logs["after"]["w"][seed, 0], np.clip(starts[seed], -0.3, 0.3))
    # The batched state reads like a single one, with the seeds in front.
    np.testing.assert_array_equal(read_log_norms(state)["before"]["w"], logs["before"]["w"][:, -1])
    assert {int(c) for c in np.ravel(state[0].count)} == {4}


def test_a_record_says_nan_until_a_gradient_was_seen_and_counts_them():
    link = record_log_norms("here")
    params = {"w": jnp.ones(3)}
    state = link.init(params)
    assert (int(state.count), state.layers, state.label) == (0, ("w",), "here")
    assert math.isnan(float(read_log_norms(state)["here"]["w"]))
    for count in (1, 2):
        given = {"w": jnp.full(3, float(count))}
        updates, state = link.update(given, state)
        assert updates is given
        assert int(state.count) == count
        assert agrees(read_log_norms(state)["here"]["w"], given["w"])
    assert not state.values.weak_type
    assert not state.count.weak_type


def test_counters_and_masked_parts_are_left_out_and_names_are_paths():
    tree = {"net": [jnp.ones(2), (jnp.ones(1), None)], "step": jnp.int32(3), "scale": 2.0}
    assert list(tree_log_norms(tree)) == ["net/0", "net/1/0", "scale"]
    assert list(tree_log_norms(jnp.ones(3))) == ["parameters"]
    params = {"count": jnp.int32(2), "w": jnp.ones(2)}
    grads = jax.grad(lambda p: jnp.sum(p["w"] ** 2), allow_int=True)(params)
    state = record_log_norms().init(params)
    assert list(read_log_norms(record_log_norms().update(grads, state)[1])["gradients"]) == ["w"]
    link = optax.masked(record_log_norms("kernels"), {"kernel": True, "bias": False})
    params = {"kernel": jnp.full(4, 2.0), "bias": jnp.ones(1)}
    _, state = link.update(params, link.init(params), params)
    logs = read_log_norms(state)["kernels"]
    assert list(logs) == ["kernel"]
    assert agrees(logs["kernel"], params["kernel"])


def test_a_record_keeps_the_type_of_the_parameters_so_that_a_scan_accepts_it():
    link = record_log_norms()
    with jax.enable_x64(True):
        state = link.init({"w": jnp.ones(2, jnp.float64), "v": jnp.ones(2, jnp.bfloat16)})
        _, after = link.update({"w": jnp.ones(2, jnp.float32), "v": jnp.ones(2)}, state)
        assert state.values.dtype == after.values.dtype == jnp.float64


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: record_log_norms(3), UsageError, "got label=3, expected a name"),
        (lambda: record_log_norms(groups="top"), UsageError, "got groups='top'"),
        (lambda: monitored("adam"), UsageError, "got optimizer='adam', expected an optax"),
        (lambda: monitored(optax.adam(1e-3), clip=1.0), UsageError, "got clip=1.0"),
        (lambda: read_log_norms(optax.EmptyState()), UsageError, "got a state without a record"),
        (lambda: tree_log_norms({}), UsageError, "got no float parameters"),
        (lambda: tree_log_norms({"n": jnp.int32(1)}), UsageError, "got no float parameters"),
        (
            lambda: tree_log_norms({"a": {"b": jnp.ones(1)}, "a/b": jnp.ones(1)}),
            UsageError,
            "got two parameters named a/b",
        ),
        (lambda: tree_log_norms(jnp.ones(2) * 1j), DtypeError, "complex64 gradient"),
        (lambda: tree_log_norms({"w": "text"}), DtypeError, "got w of type"),
    ],
)
def test_a_wrong_argument_gets_one_sentence_with_what_to_do(call, error, words, as_a_user):
    with pytest.raises(error) as caught, jax.numpy_dtype_promotion("standard"):
        call()
    assert words in str(caught.value)


def test_two_records_of_one_name_and_other_gradients_are_refused():
    chain = optax.chain(record_log_norms(), optax.clip(1.0), record_log_norms())
    with pytest.raises(UsageError, match="two records labelled 'gradients'"):
        read_log_norms(chain.init({"w": jnp.ones(1)}))
    link = record_log_norms()
    state = link.init({"w": jnp.ones(1)})
    with pytest.raises(UsageError, match="expected those of the parameters given to init"):
        link.update({"v": jnp.ones(1)}, state)
