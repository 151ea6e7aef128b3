"""Why does a network not train? The loss gradient, layer by layer, and a verdict that names its rule.

    report = diagnose(loss_fn, params, batch)       print(report); report.verdict; report.slope

For every layer: log10 of the gradient norm (never underflowing), of gradient to weight, the share of
zeros. Over the layers: the slope in nats a layer towards the input with its interval
(`gradchain.bridge.trend`), the number of layers left before the float type underflows, and a verdict
by a rule that does not depend on the scale of the loss (`gradchain.bridge.presets`, also for the
thresholds in common use). `diagnose_arrays` takes gradients from anywhere; `assert_healthy` is for
tests. Nothing is logged and nothing is changed. Cost: one backward pass, two near underflow.
"""

import math
from collections.abc import Callable, Sequence

from gradchain._errors import NonFiniteError, UsageError
from gradchain._types import in_short, is_concrete
from gradchain.bridge import table
from gradchain.bridge.arrays import diagnose_arrays
from gradchain.bridge.assemble import check_layers, choose, finish, row_of
from gradchain.bridge.backward import gradient, lifted, prepare, read_all
from gradchain.bridge.grouping import (
    Layer,
    Layers,
    Order,
    Stacked,
    group,
    leaves_of,
    mark_stacked,
    pieces_of,
)
from gradchain.bridge.noun import Diagnosis, UnhealthyError
from gradchain.bridge.presets import check_preset
from gradchain.bridge.reading import Reading

__all__ = ["Diagnosis", "UnhealthyError", "assert_healthy", "diagnose", "diagnose_arrays"]


def diagnose(
    loss_fn: Callable,
    params: object,
    batch: object,
    *,
    preset: str = "slope",
    layers: Layers = None,
    order: Order = None,
    stacked: Stacked = None,
    has_aux: bool = False,
    decades: float = 1.0,
    learning_rate: float | None = None,
    jit: bool = True,
) -> Diagnosis:
    """Diagnose the gradients of any loss, layer by layer.

    Args:
        loss_fn: (params, batch) -> float scalar (or (scalar, anything) with has_aux). It is
            compiled once for each function object, so define it once.
        params: pytree: dicts, Flax parameters, Equinox-like dataclasses, lists, `Network`s. Float
            arrays are parameters; integer arrays, Python numbers and functions are held constant.
        batch: pytree handed to loss_fn.
        preset: rule of the verdict: "slope", "sagemaker", "autotrainer" or "karpathy".
        layers: what makes a layer; by default each parameter of rank 2 or more with the biases
            beside it. Prefixes of paths ("params/Dense_0"), in order, or a function from a path to a
            layer's name (None leaves the parameter out).
        order: layers first to last; by default as in the tree, dictionary keys sorted naturally.
            Names, beginnings of names, or a sorting key.
        stacked: axis along which all parameters are stacked by layer; or prefixes of those that are
            stacked along axis 0; or {prefix: axis}. Networks need no telling.
        has_aux: loss_fn returns (loss, anything).
        decades: threshold of the slope rule over the whole depth.
        learning_rate: for preset "karpathy".
        jit: compile the backward pass; False for a loss that looks at values.

    Returns:
        A `Diagnosis`. Norms are exact up to rounding (n eps), whatever underflows within some 57
        decades (float32); slope and layers left are *estimates*. Cost: one backward pass, two near
        underflow.

    Raises:
        UsageError: if loss_fn raises, there is nothing to diagnose, or an option does not fit.
        ShapeError: if the loss is not a scalar, or stacked parameters do not fit.
        DtypeError: for complex parameters or a loss that is no float.
        NonFiniteError: if the loss is NaN and the gradients do not tell where that began.

    Example:
        >>> import jax.numpy as jnp
        >>> def loss(biases, x):
        ...     for b in biases:
        ...         x = 0.25 * x + b
        ...     return x
        >>> report = diagnose(loss, [jnp.zeros(())] * 6, jnp.ones(()))
        >>> round(report.slope, 4), report.kind, round(report.rows[0].log10_norm, 2)
        (-1.3863, 'vanishing', -3.01)
    """
    check_preset(preset, learning_rate, decades)
    if not callable(loss_fn):
        raise UsageError(
            f"got {type(loss_fn).__name__} as loss_fn, expected a function (params, batch) -> scalar"
        )
    if not is_concrete(params, batch):
        raise UsageError(
            "diagnose was called inside jit, vmap or grad: call it outside, or use "
            "gradchain.bridge.reading.read_leaf inside"
        )
    found = mark_stacked(leaves_of(params), stacked)
    numbers, notes = choose([(leaf.name, leaf.value) for leaf in found])
    pieces = pieces_of(found, numbers)
    chosen, left = group(pieces, layers, order)
    check_layers(chosen, left, notes)
    axes = [found[n].axis if found[n].stem is not None else None for n in numbers]
    parts = prepare(loss_fn, params, batch, numbers, has_aux)
    loss, grads = gradient(parts, 0, jit)
    plain = read_all(grads, axes)
    weights = read_all(parts[1], axes)
    measured, k = lifted(plain, parts, axes, loss.dtype.name, jit)
    place = {leaf: i for i, leaf in enumerate(numbers)}

    def of(readings: list[list[Reading]], layer: Layer) -> list[Reading]:
        return [readings[place[pieces[i].leaf]][pieces[i].place or 0] for i in layer.pieces]

    rows = [row_of(y, of(plain, y), of(measured, y), of(weights, y), k) for y in chosen]
    value = float(loss)
    if not math.isfinite(value):
        if math.isnan(value) and sum(row.wrong > 0 for row in rows) in {0, len(rows)}:
            raise NonFiniteError(
                "the loss is nan for this batch, so its gradients say nothing: look for NaN or "
                "infinity in the batch and the parameters, or for log, sqrt or a quotient out of "
                "range in loss_fn"
            )
        notes = [*notes, f"the loss itself is {value}"]
    return finish(rows, notes, preset, decades, learning_rate, loss=value, loss_exponent=k)


def assert_healthy(
    report: Diagnosis | Callable,
    params: object = None,
    batch: object = None,
    *,
    preset: str | None = None,
    allow: Sequence[str] = (),
    **options: object,
) -> Diagnosis:
    """Fail a test unless the verdict is healthy.

    Args:
        report: a `Diagnosis`, or a loss function, which is then diagnosed with what follows.
        params: parameters, with a loss function.
        batch: batch, with a loss function.
        preset: the rule; the report's own, or "slope", if not given.
        allow: other verdicts to let pass, such as ("undecided",).
        **options: for `diagnose`, or `decades` and `learning_rate` to judge a report by.

    Returns:
        The diagnosis.

    Raises:
        UnhealthyError: (an AssertionError) with the verdict and the table.
        UsageError: if an option does not fit.

    Example:
        >>> import numpy as np
        >>> report = diagnose_arrays({f"dense{i}": np.ones((4, 4)) for i in range(5)})
        >>> assert_healthy(report).kind
        'healthy'
    """
    known = ("vanishing", "exploding", "undecided", "dead", "not finite")
    listed = isinstance(allow, (list, tuple, set, frozenset))
    if not listed or not all(isinstance(kind, str) and kind in known for kind in allow):
        raise UsageError(f"got allow={in_short(allow)}, expected a sequence of {', '.join(known)}")
    if isinstance(report, Diagnosis):
        strange = set(options) - {"decades", "learning_rate"}
        if strange or params is not None or batch is not None:
            raise UsageError(
                "assert_healthy got a Diagnosis and more to diagnose: expected only preset=, allow=, "
                "decades= and learning_rate= beside it"
            )
    else:
        options["preset"] = preset or "slope"
        report = diagnose(report, params, batch, **options)  # type: ignore[arg-type]
        options = {}
    found = report.judge(preset or report.preset, **options)  # type: ignore[arg-type]
    if found.kind != "healthy" and found.kind not in allow:
        text = table.ascii_text(f"the gradients are {found.text}")
        raise UnhealthyError(f"{text}\n\n{report}", report)
    return report
