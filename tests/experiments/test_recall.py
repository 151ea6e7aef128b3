"""Learning to remember: what must be so whatever the training finds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import cells
from gradchain._errors import UsageError
from gradchain.experiments import recall
from gradchain.tasks import sequences
from gradchain.training import recurrent

SMALL = {"steps": 4, "every": 2, "batch": 8, "judged": 16}


@pytest.fixture(scope="module")
def found():
    return recall.recall_experiment(cells.lstm(4), 3, 3, **SMALL)


def test_shapes_are_those_of_the_docstring(found):
    assert found.accuracy.shape == found.loss.shape == (3, 3)
    assert found.recorded_steps.tolist() == [0, 2, 4]
    assert found.gradient_log_norms.shape == (3, 5)
    for each in (found.step_loss, found.norm_before, found.turned, found.clipped):
        assert each.shape == (3, 4)
        assert np.all(np.isfinite(each))
    assert found.nan_step.tolist() == [-1, -1, -1]
    assert np.all(found.clipped == 0)
    assert np.all(found.turned == 0)


def test_the_largest_seed_is_taken_and_what_was_found_is_printed_on_one_line(found):
    last = recall.recall_experiment(cells.lstm(4), 3, 2, seed=2**32 - 1, gradients=False, **SMALL)
    assert not np.array_equal(last.step_loss, found.step_loss[:2])
    middle = f"{np.median(found.final_accuracy):.4g}"
    line = f"Recall(3 networks, 4 steps: median final accuracy {middle}, 0 diverged; .accuracy, "
    assert repr(found).startswith(line)
    assert "\n" not in str(found)
    assert all(f".{name}" in repr(found) for name in found._fields)
    assert ".gradient_log_norms" not in repr(last)
    assert repr(jax.tree.map(np.shape, found)).startswith("Recall(accuracy of shape")


def test_a_network_does_not_depend_on_how_many_others_there_are(found):
    more = recall.recall_experiment(cells.lstm(4), 3, 10, **SMALL, gradients=False)
    np.testing.assert_array_equal(more.step_loss[:3], found.step_loss)
    np.testing.assert_array_equal(more.accuracy[:3], found.accuracy)
    assert len({float(loss) for loss in more.step_loss[:, 0]}) == 10


def test_gradients_by_distance_are_those_of_an_additive_change_of_each_state(found):
    cell, task = cells.lstm(4), sequences.first_token(3)
    keys = jax.random.split(jax.random.key(7), 3)
    logs = recall.gradients_by_distance(cell, task, found.start, keys, 5)
    for row in range(3):
        params = jax.tree.map(lambda a, row=row: jnp.asarray(a[row]), found.start)
        inputs, targets = task.draw(jax.random.fold_in(keys[row], 2), 5, jnp.float32)

        def loss(push, x, y, params=params):
            h, c = cell.state0()
            h = h + push[0]
            for t in range(task.length):
                h, c = cell.step(params["cell"], type(cell.state0())(h, c), x[t])
                h = h + push[t + 1]
            outputs = params["head"]["weight"] @ h + params["head"]["bias"]
            return recurrent.judged(task, outputs[None, None], y[None])[0][0]

        push = jnp.zeros((task.length + 1, 4))
        slopes = jax.vmap(jax.grad(loss), in_axes=(None, 0, 0))(push, inputs, targets)
        sizes = np.linalg.norm(np.asarray(slopes, np.float64), axis=-1).mean(0)
        np.testing.assert_allclose(np.exp(logs[row]), sizes, rtol=2e-4)


def test_a_small_rnn_learns_a_distance_of_one_and_starts_at_chance():
    cell = cells.simple_rnn(16)
    learnt = recall.recall_experiment(
        cell, 1, 8, steps=200, every=200, learning_rate=0.01, gradients=False
    )
    # 8 x 256 answers at chance 1/4: a standard error of 0.0096; networks at their start guess one
    # class more often than not, which changes nothing on average over uniform labels. 5 errors.
    assert abs(learnt.accuracy[:, 0].mean() - 0.25) < 5 * 0.0096
    assert learnt.final_accuracy.min() > 0.95


def test_divergence_is_recorded_and_does_not_touch_the_others():
    wild = recall.recall_experiment(
        cells.simple_rnn(4, activation="relu"), 40, 2, optimizer="sgd", learning_rate=1e30,
        gradients=False, **SMALL,
    )  # fmt: skip
    assert np.all(wild.nan_step > 0)
    for row, first in enumerate(wild.nan_step):
        assert np.all(np.isfinite(wild.step_loss[row, :first]))
        assert not np.isfinite(wild.step_loss[row, first])


@pytest.mark.parametrize("clip", ["value", "norm", "global"])
def test_clips_shorten_and_only_the_global_one_keeps_the_whole_direction(clip):
    one = recall.recall_experiment(
        cells.gru(4), 3, 2, clip=clip, limit=1e-3, gradients=False, **SMALL
    )
    assert np.all(one.clipped == 1)
    assert np.all(one.turned < 1e-3) if clip == "global" else np.all(one.turned > 1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cell": 3}, "got cell 3, expected a cell of gradchain.cells"),
        ({"distance": 0}, "distance"),
        ({"seeds": 0}, "seeds"),
        ({"task": "sorting"}, "expected one of first_token, adding, copy_memory, sentence"),
        ({"task": sequences.first_token(2)}, "task of distance 2, expected the task's own"),
        ({"steps": 5}, "a look every 2, expected a divisor"),
        ({"optimizer": "lion"}, "expected one of keras_adam"),
        ({"clip": "hard"}, "expected one of none, value"),
        ({"optimizer": ["adam"]}, "expected one of keras_adam"),
        ({"limit": float("inf")}, "a finite number above 0"),
        ({"learning_rate": "0.1"}, "a finite number of at least 0"),
        ({"learning_rate": np.ones(2)}, "a finite number of at least 0"),
        ({"gradients": "yes"}, "True or False"),
        ({"seed": 0.5}, "seed"),
        ({"seed": 2**70}, r"seed=1180591620717411303424, expected .* from 0 to 4294967295"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"seed": -1}, "seed=-1"),
        ({"distance": 10**9}, "at most 100000"),
        ({"limit": 0.0}, "limit"),
        ({"recurrent_scale": -1.0}, "recurrent_scale"),
        ({"embedding": 0}, "embedding"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"batch": 10**9}, "at most 100000"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_impossible_experiments_are_refused_before_anything_is_computed(change, words):
    given = {"cell": cells.gru(4), "distance": 3, "seeds": 2, **SMALL, **change}
    with pytest.raises(UsageError, match=words):
        recall.recall_experiment(**given)
