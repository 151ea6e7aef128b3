"""And for gradients that come from NumPy, PyTorch or Keras? The same diagnosis, from named arrays.

Nothing but NumPy touches the arrays, in double precision; torch and Keras are never imported.
"""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from gradchain._errors import ShapeError, UsageError
from gradchain.bridge.assemble import check_layers, choose, finish, row_of
from gradchain.bridge.grouping import Layers, Order, Piece, group, some
from gradchain.bridge.noun import Diagnosis
from gradchain.bridge.presets import check_preset
from gradchain.bridge.reading import Reading, as_real_array, read_array


def diagnose_arrays(
    gradients: Mapping,
    weights: Mapping | None = None,
    *,
    preset: str = "slope",
    layers: Layers = None,
    order: Order = None,
    decades: float = 1.0,
    learning_rate: float | None = None,
) -> Diagnosis:
    """Diagnose gradients that come from NumPy, PyTorch, Keras or anywhere.

    Args:
        gradients: {name: array}, first layer first; anything `np.asarray` takes, torch tensors too.
            Names such as "dense/kernel" or "layers.0.weight" are grouped by folder. None is left out.
        weights: {name: array} of the same names and shapes, for the ratio; more names are ignored.
        preset: as for `diagnose`.
        layers: as for `diagnose`; paths are written with slashes ("layers/0/weight").
        order: as for `diagnose`; by default the mapping's own.
        decades: as for `diagnose`.
        learning_rate: as for `diagnose`.

    Returns:
        A `Diagnosis`; norms by NumPy in double precision, without underflow.

    Raises:
        UsageError: if there is nothing to diagnose or an option does not fit.
        ShapeError: if a weight has another shape than its gradient.
        DtypeError: if something is complex or no array of numbers.

    Example:
        >>> import numpy as np
        >>> report = diagnose_arrays({f"dense{i}": np.full((4, 4), 1e-3**(5 - i)) for i in range(5)})
        >>> report.kind, round(report.slope, 3), report.layers_left
        ('vanishing', -6.908, 97.0)
    """
    check_preset(preset, learning_rate, decades)
    if not isinstance(gradients, Mapping) or not isinstance(weights, Mapping | None):
        wrong = weights if isinstance(gradients, Mapping) else gradients
        raise UsageError(f"got {type(wrong).__name__}, expected a mapping from names to arrays")
    given = {str(key): value for key, value in gradients.items() if value is not None}
    arrays = {name: as_real_array(value, f"the gradient {name}") for name, value in given.items()}
    names = list(arrays)
    numbers, notes = choose(list(arrays.items()))
    missing = [str(key) for key, value in gradients.items() if value is None]
    if missing:
        notes.append(f"without a gradient (None): {some(missing)}")
    pieces = []
    for n in numbers:
        split = "/" if "/" in names[n] else "."
        pieces.append(Piece(tuple(names[n].split(split)), (n,), n, None, arrays[names[n]].shape))
    chosen, left = group(pieces, layers, order)
    check_layers(chosen, left, notes)
    sizes = _weights(names, arrays, weights, [pieces[i].leaf for y in chosen for i in y.pieces])
    read = {n: read_array(arrays[names[n]]) for n in numbers}
    rows = []
    for layer in chosen:
        leaves = [pieces[i].leaf for i in layer.pieces]
        own = [read[n] for n in leaves]
        rows.append(row_of(layer, own, own, [sizes[n] for n in leaves if n in sizes], 0))
    return finish(rows, notes, preset, decades, learning_rate)


def _weights(
    names: list[str], arrays: dict, weights: Mapping | None, numbers: Sequence[int]
) -> dict[int, Reading]:
    """Read the weights that belong to the gradients.

    Returns:
        One reading for each number.

    Raises:
        UsageError: if one is missing.
        ShapeError: if one has another shape.
    """
    if weights is None:
        return {}
    known = {str(key): value for key, value in weights.items()}
    missing = [names[n] for n in numbers if known.get(names[n]) is None]
    if missing:
        raise UsageError(
            f"weights lack {some(missing)}, which gradients have: use the same names for both"
        )
    out = {}
    for n in numbers:
        value = as_real_array(known[names[n]], f"the weight {names[n]}")
        if value.shape != arrays[names[n]].shape:
            raise ShapeError(
                f"the weight {names[n]} has shape {value.shape}, its gradient "
                f"{arrays[names[n]].shape}: expected the same"
            )
        wide = value if jnp.issubdtype(value.dtype, jnp.floating) else value.astype(np.float64)
        out[n] = read_array(wide)
    return out
