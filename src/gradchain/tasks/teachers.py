"""Tasks drawn around hidden parameters: a linear teacher to imitate, clusters to tell apart."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradchain._errors import UsageError
from gradchain._types import random_key, whole_number
from gradchain.tasks.noun import Real, Task, amount


def teacher_weights(key: jax.Array, dim: int = 10, outputs: int = 1) -> jax.Array:
    """Return the matrix behind `linear_teacher` with the same key, dim and outputs.

    Args:
        key: the key given to `linear_teacher`.
        dim: number of inputs.
        outputs: number of outputs.

    Returns:
        (outputs, dim) float32, independent N(0, 1/dim): each noise-free output has variance near 1.

    Raises:
        UsageError: if an argument cannot be used.

    Example:
        >>> import jax
        >>> teacher_weights(jax.random.key(0), dim=4).shape
        (1, 4)
    """
    shape = whole_number("outputs", outputs), whole_number("dim", dim)
    teacher = jax.random.normal(jax.random.split(random_key(key), 3)[0], shape, jnp.float32)
    return teacher / jnp.sqrt(jnp.float32(dim))


def linear_teacher(
    key: jax.Array,
    n: int = 250,
    dim: int = 10,
    outputs: int = 1,
    noise: Real = 0.0,
) -> Task:
    """Draw a regression on a random linear map: y = A x + noise e.

    x ~ N(0, I_dim), e ~ N(0, I_outputs), A from `teacher_weights`; all independent.

    Args:
        key: a JAX random key.
        n: number of points.
        dim: number of inputs.
        outputs: number of outputs.
        noise: standard deviation of the noise in each output, at least 0.

    Returns:
        A regression task, targets (n, outputs). Cost O(n dim outputs).

    Raises:
        UsageError: if an argument cannot be used.

    Example:
        >>> import jax
        >>> linear_teacher(jax.random.key(0), 100, dim=5, outputs=2)
        Task(linear_teacher, regression, inputs (100, 5), targets (100, 2))
    """
    teacher = teacher_weights(key, dim, outputs)
    size = jnp.asarray(amount("noise", noise), jnp.float32)
    _, input_key, noise_key = jax.random.split(random_key(key), 3)
    inputs = jax.random.normal(input_key, (whole_number("n", n), dim), jnp.float32)
    exact = jnp.matmul(inputs, teacher.T, precision=lax.Precision.HIGHEST)
    drawn = jax.random.normal(noise_key, exact.shape, jnp.float32)
    return Task(inputs, exact + size * drawn, "linear_teacher", "regression", 0)


def clusters(
    key: jax.Array,
    n: int = 500,
    classes: int = 10,
    dim: int = 16,
    spread: Real = 1.0,
) -> Task:
    """Draw clusters, one a class: a stand-in for digits where only the number of classes matters.

    A point of class c is x = (m_c + spread e)/sqrt(1 + spread^2) with centres m_c ~ N(0, I_dim) and
    e ~ N(0, I_dim), so every coordinate has mean 0 and variance 1 over draws. Classes are balanced:
    their sizes differ by at most 1. Centres are some sqrt(2 dim)/spread standard deviations apart.

    Args:
        key: a JAX random key.
        n: number of points, at least `classes`.
        classes: number of classes, at least 2.
        dim: number of inputs.
        spread: standard deviation of a cluster over that of the centres, at least 0.

    Returns:
        A task of kind "classes" (also for two) in random order. Cost O(n dim + n log n).

    Raises:
        UsageError: if an argument cannot be used.

    Example:
        >>> import jax
        >>> clusters(jax.random.key(0))
        Task(clusters, classes, inputs (500, 16), targets (500,))
    """
    classes, dim = whole_number("classes", classes, 2), whole_number("dim", dim)
    if whole_number("n", n) < classes:
        raise UsageError(f"got n={n} for {classes} classes, expected at least one point a class")
    width = jnp.asarray(amount("spread", spread), jnp.float32)
    centre_key, order_key, noise_key = jax.random.split(random_key(key), 3)
    centres = jax.random.normal(centre_key, (classes, dim), jnp.float32)
    balanced = jnp.asarray(np.arange(n, dtype=np.int32) % classes)
    labels = jax.random.permutation(order_key, balanced)
    drawn = jax.random.normal(noise_key, (n, dim), jnp.float32)
    inputs = (centres[labels] + width * drawn) / jnp.sqrt(1 + width * width)
    return Task(inputs, labels, "clusters", "classes", classes)
