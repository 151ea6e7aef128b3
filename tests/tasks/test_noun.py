"""A task holds what was put in, splits without loss, and refuses what it cannot mean."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import tasks
from gradchain._errors import DtypeError, NonFiniteError, ShapeError, UsageError

POINTS = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("labels", "kind", "classes", "shape", "outputs"),
    [
        ([0, 1, 1], "binary", 2, (3,), 1),
        ([0.0, 1.0, 1.0], "binary", 2, (3,), 1),
        ([True, False, True], "binary", 2, (3,), 1),
        ([0, 0, 0], "binary", 2, (3,), 1),
        ([0, 2, 1], "classes", 3, (3,), 3),
        ([0.5, 2, 1], "regression", 0, (3, 1), 1),
        ([[0.5, 1.0], [2, 3], [4, 5]], "regression", 0, (3, 2), 2),
    ],
)
def test_arrays_become_the_task_that_their_labels_say(labels, kind, classes, shape, outputs):
    for given in (labels, np.array(labels), np.asarray(labels, np.float32)):
        task = tasks.from_arrays(np.array(POINTS), given, name="mine")
        assert (task.kind, task.classes, task.outputs, task.name) == (
            kind,
            classes,
            outputs,
            "mine",
        )
        assert task.targets.shape == shape
        assert task.targets.dtype == (jnp.float32 if kind == "regression" else jnp.int32)
        assert (task.inputs.dtype, task.size, task.dim) == (jnp.float32, 3, 2)
        np.testing.assert_array_equal(task.targets, np.asarray(labels, float).reshape(shape))
        np.testing.assert_array_equal(task.inputs, POINTS)


def test_the_kind_can_be_said_where_labels_could_be_read_otherwise():
    assert tasks.from_arrays(POINTS, [0, 1, 1], kind="classes").outputs == 2
    assert tasks.from_arrays(POINTS, [0, 1, 1], kind="regression").targets.shape == (3, 1)
    hot = [[1, 0], [0, 1], [0, 1]]
    assert tasks.from_arrays(POINTS, hot, kind="regression").outputs == 2


@pytest.mark.parametrize(("n", "share"), [(2, 0.5), (7, 0.2), (250, 0.2), (250, 0.01)])
def test_a_split_loses_and_doubles_no_point(n, share):
    marks = np.arange(n)
    task = tasks.from_arrays(np.stack([marks, -marks], axis=1), marks / 1024.0, kind="regression")
    train, test = tasks.split(jax.random.key(5), task, share)
    assert test.size == math.ceil(share * n)
    both = np.concatenate([train.inputs, test.inputs])
    np.testing.assert_array_equal(np.sort(both[:, 0]), marks)
    for part in (train, test):
        np.testing.assert_array_equal(part.targets[:, 0], part.inputs[:, 0] / 1024)
        assert (part.name, part.kind, part.classes) == ("given", "regression", 0)


def test_every_point_is_as_likely_to_be_tested():
    # Each of 20 points is drawn with probability 1/4 in 2 000 splits: |z| < 5.9 (4e-9 each, two-sided,
    # 8e-8 for all).
    task = tasks.from_arrays(np.arange(20.0)[:, None], np.zeros(20))
    keys = jax.random.split(jax.random.key(6), 2000)
    drawn = jax.jit(jax.vmap(lambda key: tasks.split(key, task, 0.25)[1].inputs))(keys)
    counts = np.bincount(np.asarray(drawn, int).ravel(), minlength=20)
    assert np.abs(counts - 500).max() < 5.9 * math.sqrt(2000 * 0.25 * 0.75)


def test_a_task_goes_through_transformations_with_its_words():
    keys = jax.random.split(jax.random.key(0), 3)
    batch = jax.vmap(lambda key: tasks.clusters(key, 12, 4, 5))(keys)
    assert (batch.inputs.shape, batch.classes, batch.size, batch.dim) == ((3, 12, 5), 4, 12, 5)
    mapped = jax.tree.map(lambda leaf: leaf[0], batch)
    assert (mapped.name, mapped.kind, mapped.outputs) == ("clusters", "classes", 4)
    assert len(repr(batch)) < 80
    assert "[" not in repr(batch)


def test_majority_share_is_the_accuracy_of_the_best_constant_answer():
    for seed, classes in ((0, 2), (1, 3), (2, 7)):
        labels = np.random.default_rng(seed).integers(0, classes, 50)
        labels[0] = classes - 1
        task = tasks.from_arrays(np.zeros((50, 1)), labels)
        assert tasks.majority_share(task) == max(np.mean(labels == c) for c in range(classes))
    assert tasks.majority_share(tasks.moons(jax.random.key(0), 251)) == 126 / 251


@pytest.mark.parametrize(
    ("inputs", "labels", "kind", "error", "words"),
    [
        ([1.0, 2.0], [0, 1], None, ShapeError, "got inputs of shape (2,), expected (n, d)"),
        (np.zeros((0, 2)), [], None, ShapeError, "expected (n, d)"),
        (POINTS, [0, 1], None, ShapeError, "got labels of shape (2,) for 3 points"),
        ([[1.0], [2.0, 3.0], [4.0]], [0, 1, 1], None, ShapeError, "ragged"),
        (POINTS, ["a", "b", "c"], None, DtypeError, "expected numbers"),
        ([[math.nan, 1.0]], [0], None, NonFiniteError, "NaN, infinity or a number beyond float32"),
        ([[1e39, 1.0]], [0], None, NonFiniteError, "beyond float32 in inputs"),
        (POINTS, [-1, 1, 1], None, UsageError, "from -1 to 1, expected (n,) whole numbers from 0"),
        (POINTS, [0.5, 1, 1], "binary", UsageError, "whole numbers from 0"),
        (POINTS, [0, 1, 2], "binary", UsageError, "say kind='classes'"),
        (POINTS, [0, 1, 2019], None, UsageError, "without large gaps"),
        (POINTS, [[1, 0], [0, 1], [0, 1]], None, UsageError, "labels.argmax(axis=1)"),
        (POINTS, [0, 1, 1], "ranking", UsageError, "expected one of binary, classes, regression"),
    ],
)
def test_arrays_that_cannot_be_meant_are_named(inputs, labels, kind, error, words):
    with pytest.raises(error) as caught:
        tasks.from_arrays(inputs, labels, kind=kind)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key, task: tasks.split(key, task, 0.0), "got test_share=0.0 of 3 points"),
        (lambda key, task: tasks.split(key, task, 0.9), "that leaves points on both sides"),
        (lambda key, task: tasks.split(key, task, 1), "got test_share=1"),
        (lambda key, task: tasks.split(key, "moons"), "write tasks.from_arrays(inputs, labels)"),
        (lambda key, task: tasks.split(0, task), "use jax.random.key(seed)"),
        (lambda key, task: tasks.majority_share(3), "expected a Task"),
        (
            lambda key, task: tasks.majority_share(tasks.from_arrays(POINTS, [0.5, 1, 2])),
            "a number has no majority",
        ),
        (lambda key, task: jax.jit(tasks.majority_share)(task), "call this outside of jit"),
        (
            lambda key, task: jax.jit(lambda x: tasks.from_arrays(x, [0, 1, 1]))(task.inputs),
            "call from_arrays outside of jit",
        ),
    ],
)
def test_a_wrong_argument_gets_one_sentence_with_what_to_do(call, words, as_a_user):
    with pytest.raises(UsageError) as caught:
        call(jax.random.key(0), tasks.from_arrays(POINTS, [0, 1, 1]))
    assert words in str(caught.value)
