"""Recurrent networks in training: the forward pass by hand, the judge, the clip's sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gradchain import cells
from gradchain.tasks import sequences
from gradchain.training import recurrent

CELLS = {
    "simple": cells.simple_rnn(5),
    "lstm": cells.lstm(5, forget_bias=2.0),
    "gru": cells.gru(5),
    "minimal": cells.minimal(5),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("embedding", [None, 3])
def test_answers_are_those_of_a_loop_over_sequences_and_steps(name, embedding):
    cell, task = CELLS[name], sequences.copy_memory(3, symbols=3, items=2)
    params = recurrent.draw(cell, task, embedding, jax.random.key(0))
    inputs, _ = task.draw(jax.random.key(1), 4, jnp.float32)
    found = recurrent.answers(cell, params, inputs, task.answers)
    for row, sequence in enumerate(inputs):
        state, seen = cell.state0(), []
        for x in sequence:
            x = params["embedding"] @ x if embedding else x
            state = cell.step(params["cell"], state, x)
            h = state if name != "lstm" else state.h
            seen.append(params["head"]["weight"] @ h + params["head"]["bias"])
        # Sums of at most 16 products of size 1: some 16 eps, in another order.
        np.testing.assert_allclose(found[row], jnp.stack(seen[-task.answers :]), atol=2e-6)


def test_the_judge_is_that_of_numpy_for_classes_and_regression():
    task = sequences.copy_memory(3, symbols=3, items=2)
    outputs = np.random.default_rng(0).normal(size=(6, task.answers, task.outputs))
    targets = np.random.default_rng(1).integers(0, task.outputs, (6, task.answers))
    exps = np.exp(outputs)
    share = np.take_along_axis(exps / exps.sum(-1, keepdims=True), targets[..., None], -1)[..., 0]
    loss, right = recurrent.judged(
        task, jnp.asarray(outputs, jnp.float32), jnp.asarray(targets, jnp.int32)
    )
    np.testing.assert_allclose(loss, -np.log(share).mean(1), rtol=1e-5)
    np.testing.assert_allclose(right, (outputs.argmax(-1) == targets).mean(1), rtol=1e-6)
    task = sequences.adding(4)
    loss, right = recurrent.judged(
        task, jnp.array([[[1.0]], [[0.5]], [[0.53]]]), jnp.array([0.5, 0.5, 0.5])
    )
    np.testing.assert_allclose(loss, [0.25, 0.0, 0.0009], atol=1e-7)
    assert right.tolist() == [0.0, 1.0, 1.0]


def test_cells_that_differ_in_their_start_alone_share_a_program():
    trained = recurrent.trained_by
    assert trained(cells.lstm(4, forget_bias=5)) == trained(
        cells.lstm(4, kernel_initializer="he_normal")
    )
    assert trained(cells.gru(4)) != trained(cells.gru(4, reset_after=False))
    assert trained(cells.simple_rnn(4)) != trained(cells.simple_rnn(4, activation="relu"))


def test_the_textbook_clip_turns_by_39_degrees_and_norm_clips_by_none():
    gradient = {"a": jnp.array([1.0]), "b": jnp.array([10.0])}
    turned = {}
    for clip in ("none", "value", "norm", "global"):
        tx = recurrent.clipping(clip, 1.0)
        clipped, _ = tx.update(gradient, tx.init(gradient))
        size, turned[clip], short = recurrent._sizes(gradient, clipped)
        assert float(size) == pytest.approx(101**0.5, rel=1e-6)
        assert float(short) == (clip != "none")
    # arctan(10) - 45 degrees; a clip of each array turns the whole, for it scales arrays apart.
    textbook = np.degrees(np.arctan(10.0)) - 45.0
    assert float(turned["value"]) == pytest.approx(textbook, abs=1e-4)
    assert float(turned["norm"]) == pytest.approx(textbook, abs=1e-4)
    assert float(turned["global"]) < 1e-4
    assert float(turned["none"]) == 0.0


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_the_size_of_a_gradient_neither_underflows_nor_overflows(size):
    gradient = {"a": jnp.array([3.0, 4.0]) * jnp.float32(size)}
    found, turned, short = recurrent._sizes(gradient, gradient)
    assert float(found) == pytest.approx(5 * size, rel=1e-6)
    assert (float(turned), float(short)) == (0.0, 0.0)


def test_one_step_of_sgd_is_the_gradient_by_optax():
    from gradchain.training.program import gathered, mesh, placed

    task, cell = sequences.first_token(3), cells.lstm(3)
    grid = mesh()
    plan = recurrent.Plan(recurrent.trained_by(cell), task, "sgd", "none", 8, 4, 1)
    params = recurrent.draw(cell, task, None, jax.random.key(3))
    keys = jax.random.split(jax.random.key(4), grid.size)[:, None]
    stacked = jax.tree.map(lambda a: np.broadcast_to(a, (grid.size, 1, *a.shape)), params)
    shared = placed(({"learning_rate": np.float32(0.5), "momentum": np.float32(0)}, np.float32(1)),
                    grid, False)  # fmt: skip
    learners = recurrent.starter(plan, grid)(keys, placed(stacked, grid, True), *shared)
    after, look = recurrent.segment(plan, grid)(learners, *shared)
    inputs, targets = task.draw(jax.random.fold_in(keys[0, 0], 0), 8, jnp.float32)

    def loss(own):
        h, c = jnp.zeros((8, 3)), jnp.zeros((8, 3))
        for t in range(task.length):
            z = inputs[:, t] @ own["cell"]["kernel"].T + h @ own["cell"]["recurrent"].T
            i, f, g, o = jnp.split(z + own["cell"]["bias"], 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
        logits = h @ own["head"]["weight"].T + own["head"]["bias"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    with jax.numpy_rank_promotion("allow"):
        value, slope = jax.value_and_grad(loss)(params)
    assert float(look.step_loss[0, 0, 0]) == pytest.approx(float(value), rel=1e-5)
    assert float(look.norm[0, 0, 0]) == pytest.approx(float(optax.tree.norm(slope)), rel=1e-4)
    moved = jax.tree.map(lambda a: a[0], gathered(after.params, grid))
    for old, new, g in zip(*map(jax.tree.leaves, (params, moved, slope)), strict=True):
        np.testing.assert_allclose(new, old - 0.5 * g, atol=1e-6)
