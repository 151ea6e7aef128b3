"""Small tasks to train on: two moons, circles, spirals, a linear teacher, clusters, or your arrays.

Each maker is a pure function of a JAX key and works under `jax.jit` and `jax.vmap` (the number of
points and the shape of the curve are Python values). Inputs are float32. Tasks through time
(`first_token`, `adding`, `copy_memory`, `sentence`) are drawn from as often as needed.
"""

from gradchain.tasks.noun import Task, from_arrays, majority_share, split
from gradchain.tasks.sequences import (
    SequenceTask,
    adding,
    copy_memory,
    first_token,
    sentence,
)
from gradchain.tasks.shapes import (
    circles,
    circles_curve,
    moons,
    moons_curve,
    spirals,
    spirals_curve,
)
from gradchain.tasks.teachers import clusters, linear_teacher, teacher_weights

__all__ = [
    "SequenceTask",
    "Task",
    "adding",
    "circles",
    "circles_curve",
    "clusters",
    "copy_memory",
    "first_token",
    "from_arrays",
    "linear_teacher",
    "majority_share",
    "moons",
    "moons_curve",
    "sentence",
    "spirals",
    "spirals_curve",
    "split",
    "teacher_weights",
]
