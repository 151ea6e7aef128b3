"""How is one network of the lab evaluated and differentiated, when its depth is data?

A lab network has a first layer, up to `slots` equal hidden layers and a last, linear one:

    h_1 = block(x),  h_{l+1} = block(h_l) (+ skip),  z = W h_depth + b,  loss = head(z, targets)

so hidden layers number `depth`, kernels depth + 1. The hidden parameters are stacked over the slots and
loops run to the traced `depth`: networks of every depth share one compiled program. Reverse mode goes
layer by layer with `jax.vjp` (a `while` loop has no reverse mode of its own) and computes each block's
forward pass twice; that costs a third and needs no memory but the states.

All functions here are for one network; `program` maps them over seeds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gradchain.initializers import Initializer
from gradchain.training.blocks import NORM_MEMORY, Batch, Design, block, dense, head

# Slots that an optimizer updates at a time; more slots than this are a multiple of it.
BLOCK = 10


class Found(NamedTuple):
    """What one pass gives: mean loss, how many points are right, gradients, batch norm's memory."""

    loss: jax.Array
    right: jax.Array
    gradients: Any
    memory: Any


def draw(design: Design, law: Initializer, key: jax.Array, depth: jax.Array) -> dict:
    """Draw the parameters of one network; slots past `depth` are zero.

    Args:
        design: the design.
        law: initializer of every kernel.
        key: a random key; a layer's draw depends on the key and its place alone.
        depth: number of hidden layers, may be traced.

    Returns:
        {"first": ..., "hidden": stacked over slots, "last": ...}, each a dict of float32 arrays.
    """
    first, last, rest = (jax.random.fold_in(key, place) for place in range(3))
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(rest, jnp.arange(design.slots))
    hidden = jax.vmap(lambda k: _layer(design, law, k, design.units, design.skip))(keys)
    used = jnp.arange(design.slots) < depth - 1
    hidden = jax.tree.map(
        lambda a: jnp.where(used.reshape(-1, *([1] * (a.ndim - 1))), a, jnp.zeros_like(a)), hidden
    )
    weight = law.sample(last, (design.outputs, design.units), jnp.float32)
    return {
        "first": _layer(design, law, first, design.inputs, False),
        "hidden": hidden,
        "last": {"weight": weight, "bias": jnp.zeros(design.outputs, jnp.float32)},
    }


def _layer(design: Design, law: Initializer, key: jax.Array, fan_in: int, skip: bool) -> dict:
    units = design.units
    zeros, ones = jnp.zeros(units, jnp.float32), jnp.ones(units, jnp.float32)
    params = {"weight": law.sample(key, (units, fan_in), jnp.float32), "bias": zeros}
    for name, start in design.activation.trainable:
        params[name] = jnp.asarray(start, jnp.float32)
    if design.norm != "none":
        params |= {"scale": ones, "shift": zeros}
    if skip:
        params["gain"] = jnp.ones((), jnp.float32)
    return params


def fresh_memory(design: Design) -> Any:
    """Return batch norm's running mean and variance at the start; () where there is none.

    Args:
        design: the design.

    Returns:
        (mean, variance), each (slots + 1, units), or ().
    """
    if not design.batch_norm:
        return ()
    shape = (design.slots + 1, design.units)
    return jnp.zeros(shape, jnp.float32), jnp.ones(shape, jnp.float32)


def _take(tree: Any, place: jax.Array | int) -> Any:
    return jax.tree.map(lambda a: lax.dynamic_index_in_dim(a, place, keepdims=False), tree)


def _put(tree: Any, value: Any, place: jax.Array | int) -> Any:
    return jax.tree.map(lambda a, v: lax.dynamic_update_index_in_dim(a, v, place, 0), tree, value)


class States(NamedTuple):
    """Where a network went: h_1 .. stacked over slots + 1, batch norm's statistics likewise."""

    h: jax.Array
    seen: Any
    last: jax.Array


def forward(design: Design, params: dict, depth: jax.Array, batch: Batch, kept: Any) -> States:
    """Run one network forward.

    Args:
        design: the design.
        params: as `draw` gives them.
        depth: hidden layers, may be traced.
        batch: the points.
        kept: None to train, or batch norm's memory to infer with.

    Returns:
        `States`; states past the depth are zero.
    """

    def own(place: jax.Array | int) -> Any:
        return None if kept is None or not design.batch_norm else _take(kept, place)

    first = params["first"]
    h, (_, seen) = block(design, first, batch.inputs, batch.counts, own(0), False)
    slots = design.slots + 1
    states = jnp.zeros((slots, *h.shape), h.dtype).at[0].set(h)
    stats = jax.tree.map(lambda s: jnp.zeros((slots, *s.shape), s.dtype).at[0].set(s), seen)

    def layer(place: jax.Array, carry: tuple) -> tuple:
        h, states, stats = carry
        params_here = _take(params["hidden"], place)
        h, (_, seen) = block(design, params_here, h, batch.counts, own(place + 1), design.skip)
        return h, _put(states, h, place + 1), _put(stats, seen, place + 1)

    if design.slots:
        h, states, stats = lax.fori_loop(0, depth - 1, layer, (h, states, stats))
    return States(states, stats, h)


def unit_variances(design: Design, params: dict, depth: jax.Array, inputs: jax.Array) -> dict:
    """Scale every hidden kernel so that its layer's pre-activations have variance 1 on the data.

    W_l <- W_l / std(W_l h_{l-1}), first layer to last; W h is linear in W, so one pass is exact.

    Args:
        design: the design.
        params: as `draw` gives them, biases 0.
        depth: hidden layers, may be traced.
        inputs: (d, n), the data.

    Returns:
        Parameters; the last layer is left alone.

    Reference: Mishkin and Matas, All you need is a good init, ICLR 2016 (LSUV).
    """
    counts = jnp.ones(inputs.shape[1], inputs.dtype)

    def scaled(own: dict, h: jax.Array) -> dict:
        spread = jnp.std(dense(own, h))
        factor = jnp.where(spread > 0, 1 / jnp.where(spread > 0, spread, 1.0), 1.0)
        return own | {"weight": own["weight"] * factor}

    first = scaled(params["first"], inputs)
    h, _ = block(design, first, inputs, counts, None, False)

    def layer(place: jax.Array, carry: tuple) -> tuple:
        hidden, h = carry
        own = scaled(_take(hidden, place), h)
        h, _ = block(design, own, h, counts, None, design.skip)
        return _put(hidden, own, place), h

    hidden = params["hidden"]
    if design.slots:
        hidden, _ = lax.fori_loop(0, depth - 1, layer, (hidden, h))
    return params | {"first": first, "hidden": hidden}


Visit = Callable[[Any, Any, Any, jax.Array], tuple[Any, jax.Array]]


def backward(
    design: Design,
    params: dict,
    depth: jax.Array,
    batch: Batch,
    states: States,
    visit: Visit,
    carry: Any,
) -> tuple[jax.Array, jax.Array, Any]:
    """Run back through one network, calling `visit` with each layer's gradient.

    Args:
        design: the design.
        params: as `draw` gives them.
        depth: hidden layers, may be traced.
        batch: the points.
        states: what `forward` gave (in training mode).
        visit: (carry, place, gradient of the layer's parameters, cotangent) -> (carry, cotangent);
            places are -1 for the last layer, 0 for the first, 1 .. depth - 1 for the hidden ones.
            It may rescale the cotangent.
        carry: where it starts.

    Returns:
        (mean loss, number right, last carry).
    """

    def ending(last: dict, h: jax.Array) -> tuple[jax.Array, jax.Array]:
        losses, right = head(design, dense(last, h), batch.targets)
        loss = jnp.sum(losses * batch.counts) / jnp.sum(batch.counts)
        return loss, jnp.sum(right * batch.counts)

    loss, back, right = jax.vjp(ending, params["last"], states.last, has_aux=True)
    gradient, dh = back(jnp.ones_like(loss))
    carry, dh = visit(carry, -1, gradient, dh)

    def layer(count: jax.Array, both: tuple) -> tuple:
        carry, dh = both
        place = depth - 2 - count
        h = _take(states.h, place)

        def here(own: dict, h: jax.Array) -> jax.Array:
            return block(design, own, h, batch.counts, None, design.skip)[0]

        _, back = jax.vjp(here, _take(params["hidden"], place), h)
        gradient, dh = back(dh)
        return visit(carry, place + 1, gradient, dh)

    if design.slots:
        carry, dh = lax.fori_loop(0, depth - 1, layer, (carry, dh))

    def start(own: dict) -> jax.Array:
        return block(design, own, batch.inputs, batch.counts, None, False)[0]

    _, back = jax.vjp(start, params["first"])
    (gradient,) = back(dh)
    carry, _ = visit(carry, 0, gradient, dh)
    return loss, right, carry


Update = Callable[[Any, Any, Any], tuple[Any, Any]]


def updated(
    design: Design, params: dict, state: dict, found: Any, depth: jax.Array, update: Update
) -> tuple[dict, dict]:
    """Update the layers that exist, block of slots by block of slots.

    An update of all slots costs as much as ten layers' gradients if most of the slots are empty; one
    layer after another costs its many small steps.

    Args:
        design: the design.
        params: as `draw` gives them.
        state: the optimizer's state, one for each of "first", "hidden" (stacked) and "last".
        found: gradients, as the parameters.
        depth: number of hidden layers, may be traced.
        update: (gradient of a layer, its state, its parameters) -> (new parameters, new state).

    Returns:
        (new parameters, new state).
    """
    new, moved = {}, {}
    for part in ("first", "last"):
        new[part], moved[part] = update(found[part], state[part], params[part])
    hidden = params["hidden"], state["hidden"]
    size = BLOCK if design.slots % BLOCK == 0 else max(design.slots, 1)

    def block_of(number: jax.Array, hidden: tuple) -> tuple:
        def cut(a: jax.Array) -> jax.Array:
            return lax.dynamic_slice_in_dim(a, number * size, size)

        gradient, (own, kept) = jax.tree.map(cut, (found["hidden"], hidden))
        return jax.tree.map(
            lambda a, v: lax.dynamic_update_slice_in_dim(a, v, number * size, 0),
            hidden,
            jax.vmap(update)(gradient, kept, own),
        )

    if design.slots:
        hidden = lax.fori_loop(0, (depth + size - 2) // size, block_of, hidden)
    return new | {"hidden": hidden[0]}, moved | {"hidden": hidden[1]}


def gradients(design: Design, params: dict, depth: jax.Array, batch: Batch, memory: Any) -> Found:
    """Compute the loss of a batch and its gradient, as a training step needs them.

    Args:
        design: the design.
        params: as `draw` gives them.
        depth: hidden layers, may be traced.
        batch: the points.
        memory: batch norm's memory, or ().

    Returns:
        `Found`: mean loss over the points that count, how many are right, the gradient (a plain
        float32 one, as any program computes it: it may underflow), the new memory.
    """
    states = forward(design, params, depth, batch, None)

    def visit(carry: dict, place: Any, gradient: Any, dh: jax.Array) -> tuple[dict, jax.Array]:
        if isinstance(place, int):
            return carry | {"last" if place else "first": gradient}, dh
        return carry | {"hidden": _put(carry["hidden"], gradient, place - 1)}, dh

    zeros = jax.tree.map(jnp.zeros_like, params)
    loss, right, found = backward(design, params, depth, batch, states, visit, zeros)
    if design.batch_norm:
        memory = jax.tree.map(
            lambda old, new: NORM_MEMORY * old + (1 - NORM_MEMORY) * new, memory, states.seen
        )
    return Found(loss, right, found, memory)
