"""Teachers and clusters against float64 and against their declared moments.

False alarms: seeded; over fresh seeds each z-test (|z| < 5.6, 2e-8) of a right program; some 10 of
them, in all less than 1e-6.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain import tasks
from gradchain._errors import UsageError

Z = 5.6


@pytest.mark.parametrize(("dim", "outputs"), [(10, 1), (3, 4)])
def test_targets_without_noise_are_the_teachers_own(dim, outputs):
    key = jax.random.key(2)
    task = tasks.linear_teacher(key, 40, dim, outputs)
    teacher = np.asarray(tasks.teacher_weights(key, dim, outputs), np.float64)
    inputs = np.asarray(task.inputs, np.float64)
    # Float32 dot products of length dim: |error| <= dim eps sum |x||a|.
    bound = dim * 2.0**-23 * (np.abs(inputs) @ np.abs(teacher).T)
    assert (np.abs(np.asarray(task.targets) - inputs @ teacher.T) <= bound).all()
    assert (task.kind, task.outputs, task.classes) == ("regression", outputs, 0)
    # Channel two: least squares finds the teacher back, to the conditioning of the inputs.
    found = np.linalg.lstsq(inputs, np.asarray(task.targets, np.float64), rcond=None)[0].T
    tolerance = np.linalg.norm(bound) / np.linalg.svd(inputs, compute_uv=False)[-1]
    assert np.linalg.norm(found - teacher) <= tolerance


def test_the_teachers_noise_and_weights_have_the_declared_variance():
    keys = jax.random.split(jax.random.key(9), 300)
    teachers = np.asarray(jax.vmap(lambda key: tasks.teacher_weights(key, 8, 5))(keys), np.float64)
    assert abs((teachers**2).mean() * 8 - 1) < Z * math.sqrt(2 / teachers.size)
    assert abs(teachers.mean()) < Z / math.sqrt(8 * teachers.size)
    draw = jax.jit(jax.vmap(lambda k, s: tasks.linear_teacher(k, 30, 8, 5, s), in_axes=(0, None)))
    quiet, loud = draw(keys, jnp.float32(0)), draw(keys, jnp.float32(0.5))
    np.testing.assert_array_equal(quiet.inputs, loud.inputs)
    noise = np.asarray(loud.targets, np.float64) - np.asarray(quiet.targets)
    assert abs((noise**2).mean() / 0.25 - 1) < Z * math.sqrt(2 / noise.size)
    # Noise is independent of what it is added to, and of the inputs.
    for other in (quiet.targets, quiet.inputs[..., :5]):
        other = np.asarray(other, np.float64)
        scale = math.sqrt((noise**2 * other**2).sum())
        assert abs((noise * other).sum()) < Z * scale


def test_clusters_have_unit_variance_and_the_declared_spread():
    keys = jax.random.split(jax.random.key(4), 200)
    task = jax.jit(jax.vmap(lambda key: tasks.clusters(key, 60, 6, 12, 0.7)))(keys)
    inputs, labels = np.asarray(task.inputs, np.float64), np.asarray(task.targets)
    counts = np.stack([(labels == c).sum(axis=1) for c in range(6)])
    assert (counts == 10).all()
    # Sum of squares inside a class: s^2/(1+s^2) times chi^2 of 9 degrees each coordinate and class;
    # the mean of a class: variance (1 + s^2/10)/(1 + s^2).
    means = np.stack([(inputs * (labels == c)[..., None]).sum(axis=1) / 10 for c in range(6)])
    inside = (inputs**2).sum() - 10 * (means**2).sum()
    freedom = 200 * 6 * 12 * 9
    assert abs(inside / (0.49 / 1.49) / freedom - 1) < Z * math.sqrt(2 / freedom)
    assert abs((means**2).mean() / (1.049 / 1.49) - 1) < Z * math.sqrt(2 / means.size)
    assert abs(means.mean()) < Z * math.sqrt(1.049 / 1.49 / means.size)


def test_clusters_are_balanced_to_one_point_and_come_in_random_order():
    task = tasks.clusters(jax.random.key(1), 23, 5, 3)
    counts = np.bincount(task.targets, minlength=5)
    assert sorted(counts) == [4, 4, 5, 5, 5]
    assert not np.array_equal(task.targets, np.arange(23) % 5)
    assert (task.kind, task.classes, task.outputs) == ("classes", 5, 5)
    assert task.targets.dtype == jnp.int32


def test_without_spread_every_point_is_the_centre_of_its_class():
    task = tasks.clusters(jax.random.key(1), 40, 4, 3, 0.0)
    rows = {tuple(row) for row in np.column_stack([task.inputs, task.targets]).tolist()}
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key: tasks.linear_teacher(key, 0), "got n=0"),
        (lambda key: tasks.linear_teacher(key, dim=0), "got dim=0"),
        (lambda key: tasks.linear_teacher(key, outputs=1.5), "got outputs=1.5"),
        (lambda key: tasks.linear_teacher(key, noise=-1), "got noise=-1"),
        (lambda key: tasks.teacher_weights(None), "use jax.random.key(seed)"),
        (lambda key: tasks.clusters(key, 5, 10), "got n=5 for 10 classes"),
        (lambda key: tasks.clusters(key, classes=1), "got classes=1"),
        (lambda key: tasks.clusters(key, spread=math.inf), "got spread=inf"),
    ],
)
def test_a_wrong_argument_gets_one_sentence_with_what_to_do(call, words, as_a_user):
    with pytest.raises(UsageError) as caught:
        call(jax.random.key(0))
    assert words in str(caught.value)
