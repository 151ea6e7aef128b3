"""How many arithmetic operations does one training step of a lab network take?

    multiply-add   2 operations         elementwise   1 a number (an exponential counts as 1)
    a sum over n   n operations         moving data   0

Counted in the program of the plain step: forward and backward pass of one batch as textbooks have it
(nothing is computed twice), optimizer, new weights. The count is exact and independent of the machine.
It is affine in the depth, so two small networks give it for all. Cost: tracing them, no arithmetic.
"""

import math
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from gradchain import initializers
from gradchain._errors import UsageError
from gradchain.experiments.setting import Setting
from gradchain.training.deep import (
    NORM_MEMORY,
    Batch,
    Design,
    block,
    dense,
    draw,
    fresh_memory,
    head,
)
from gradchain.training.optimizers import build, constants

_MOVES = frozenset(
    "broadcast_in_dim reshape transpose squeeze slice dynamic_slice dynamic_update_slice gather "
    "scatter concatenate pad copy copy_p rev convert_element_type stop_gradient iota expand_dims "
    "bitcast_convert_type optimization_barrier split device_put full copy_array".split()
)


def count(program: Any) -> int:
    """Count the operations of a traced program.

    Args:
        program: what `jax.make_jaxpr` gives.

    Returns:
        Operations on floating-point numbers, comparisons of them included.

    Raises:
        UsageError: for a loop of unknown length.

    Example:
        >>> import jax
        >>> count(jax.make_jaxpr(lambda a, b: a @ b)(jnp.ones((2, 3)), jnp.ones((3, 5))))
        60
    """
    program = getattr(program, "jaxpr", program)
    total = 0
    for equation in program.eqns:
        name, given = equation.primitive.name, equation.params
        if name == "while":
            raise UsageError("got a loop of unknown length, expected a program without one")
        inner = [count(own) for own in _programs(given)]
        if inner:
            total += max(inner) if name == "cond" else sum(inner) * given.get("length", 1)
        elif name == "dot_general":
            (contracted, _), _ = given["dimension_numbers"]
            left = equation.invars[0].aval.shape
            size = math.prod(equation.outvars[0].aval.shape)
            total += 2 * size * math.prod(left[axis] for axis in contracted)
        elif name not in _MOVES and _floating(equation):
            wide = equation.invars if name.startswith("reduce") else equation.outvars
            total += math.prod(wide[0].aval.shape)
    return total


def _programs(given: dict) -> list:
    found = []
    for value in given.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if hasattr(item, "eqns") or hasattr(getattr(item, "jaxpr", None), "eqns"):
                found.append(item)
    # A function with a rule of its own holds its rule beside itself; traced, only the first counts.
    return found


def _floating(equation: Any) -> bool:
    return any(
        jnp.issubdtype(getattr(v.aval, "dtype", jnp.int32), jnp.floating)
        for v in (*equation.invars, *equation.outvars)
    )


def _step(design: Design, setting: Setting, depth: int) -> Any:
    """Return one plain training step, layer after layer, and the shapes that it takes."""
    values = constants(setting.optimizer, dict(setting.values))
    tx = build(setting.optimizer, values, setting.clip, setting.limit)

    def loss(layers: list, last: dict, batch: Batch) -> tuple[jax.Array, list]:
        h, memory = batch.inputs, []
        for place, own in enumerate(layers):
            skip = design.skip and place > 0
            h, (_, seen) = block(design, own, h, batch.counts, None, skip)
            memory.append(seen)
        losses, _ = head(design, dense(last, h), batch.targets)
        return jnp.sum(losses * batch.counts) / jnp.sum(batch.counts), memory

    def step(params: dict, state: Any, memory: Any, batch: Batch) -> Any:
        # Layers one by one: the gradient of a slice of a stack would be added up stack by stack.
        layers = [params["first"]]
        layers += [jax.tree.map(lambda a, k=k: a[k], params["hidden"]) for k in range(depth - 1)]
        found = jax.value_and_grad(loss, (0, 1), has_aux=True)(layers, params["last"], batch)
        (_, seen), ((first, *rest), last) = found
        hidden = jax.tree.map(lambda *a: jnp.stack(a), *rest)
        gradient = {"first": first, "hidden": hidden, "last": last}
        with jax.numpy_dtype_promotion("standard"):
            updates, state = tx.update(gradient, state, params)
        if design.batch_norm:
            stacked = [jnp.stack(rows) for rows in zip(*seen, strict=True)]
            memory = [
                NORM_MEMORY * old + (1 - NORM_MEMORY) * new
                for old, new in zip(memory, stacked, strict=True)
            ]
        return jax.tree.map(jnp.add, params, updates), state, memory

    def shapes() -> tuple:
        law = initializers.get("glorot_uniform")
        params = draw(design, law, jax.random.key(0), jnp.asarray(depth))
        with jax.numpy_dtype_promotion("standard"):
            state = tx.init(params)
        size = setting.batch
        batch = Batch(
            jnp.zeros((design.inputs, size), jnp.float32),
            jnp.zeros((design.outputs, size), jnp.float32),
            jnp.ones(size, jnp.float32),
        )
        return params, state, fresh_memory(design), batch

    return step, jax.eval_shape(shapes)


@lru_cache(maxsize=64)
def _counted(setting: Setting, depth: int) -> int:
    design = setting.varied(depth=depth, slots=depth - 1).design(2, 1)
    step, shapes = _step(design, setting, depth)
    return count(jax.make_jaxpr(step)(*shapes))


def operations(setting: Setting) -> int:
    """Count the operations of a training step of a setting (2 inputs, 1 output, a full batch).

    Args:
        setting: the setting, at least 2 hidden layers deep.

    Returns:
        The number of operations, exact.

    Raises:
        UsageError: for a network of one hidden layer.
    """
    if setting.depth < 2:
        raise UsageError(f"got depth {setting.depth}, expected at least 2")
    # What does not change the arithmetic must not make a program of its own.
    plain = setting.varied(
        epochs=10, initializer="glorot_uniform", scale=1.0, bias=0.0, depth=2, slots=0
    )
    two, three = _counted(plain, 2), _counted(plain, 3)
    return two + (setting.depth - 2) * (three - two)
