"""Which parameters make a layer, and in which order do layers come?

A parameter has a path, such as `params/Dense_0/kernel`. By default every parameter of rank 2 or more
(a kernel) is a layer; those of lower rank beside it (biases) belong to it. A layer is named after the
folder that holds its kernel, or after the kernel if several share a folder; there a bias joins the
kernel with the same numbers in its name (b1 to W1). If nothing has rank 2, every folder of parameters
is a layer.

Order is that of the tree, with dictionary keys sorted naturally (layers_10 after layers_9: JAX itself
sorts them as text). Stacked parameters (`lax.scan`) are split along their axis, and a `Network`'s
runs into its layers.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from gradchain._errors import ShapeError, UsageError
from gradchain._types import in_short
from gradchain.measured.network import Network

Stacked = int | str | Sequence[str] | Mapping[str, int] | None
Layers = Callable[[str], str | None] | Sequence[str] | None
Order = Sequence[str] | Callable[[str], object] | None
_EXPECTED = {
    "stacked": "an axis, prefixes of paths, or a mapping from prefix to axis",
    "layers": "prefixes of paths, or a function from a path to a layer's name",
    "order": "names of layers or beginnings of them, or a function to sort by",
}


class Leaf(NamedTuple):
    """One leaf of a tree: its path, the key that sorts it, and where it is stacked.

    `stem` is how many components come before the layer's number; None if it is not stacked.
    `first` is the number of its first layer, `word` is put before the numbers.
    """

    path: tuple[str, ...]
    key: tuple
    value: object
    stem: int | None = None
    axis: int = 0
    first: int = 0
    word: str = ""

    @property
    def name(self) -> str:
        """The path as text."""
        return "/".join(self.path) or "the parameter"


class Piece(NamedTuple):
    """One parameter of one layer: leaf number, place along its stacked axis (None: not stacked)."""

    path: tuple[str, ...]
    key: tuple
    leaf: int
    place: int | None
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """The path as text."""
        return "/".join(self.path) or "the parameter"


class Layer(NamedTuple):
    """A layer's name and the numbers of its pieces."""

    name: str
    pieces: tuple[int, ...]


def natural(text: str) -> tuple:
    """Return a key that sorts numbers inside text by value.

    Args:
        text: any text.

    Returns:
        A tuple that compares with others of its kind.

    Example:
        >>> sorted(["layers_10", "layers_9", "head"], key=natural)
        ['head', 'layers_9', 'layers_10']
    """
    parts = re.split(r"([0-9]+)", text)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts))


def _component(entry: object) -> tuple[str, bool]:
    """Return a path entry as text, and whether it is a dictionary's key."""
    if isinstance(entry, jax.tree_util.DictKey):
        return str(entry.key), True  # type: ignore[attr-defined]
    for attribute in ("idx", "name", "key"):
        found = getattr(entry, attribute, None)
        if found is not None:
            return str(found), False
    return str(entry), False


def leaves_of(tree: object) -> list[Leaf]:
    """Flatten a tree, `Network`s included, in JAX's own order, with paths and sorting keys.

    Args:
        tree: any pytree.

    Returns:
        One `Leaf` a leaf, in the order of `jax.tree.leaves`.
    """
    seen: dict[tuple[str, ...], dict[str, int]] = {}

    def walk(path: tuple, start: Leaf) -> tuple[tuple[str, ...], tuple]:
        names, key = start.path, start.key
        for entry in path:
            name, named = _component(entry)
            # A list, tuple or dataclass keeps the order of its own fields.
            place = seen.setdefault(names, {}).setdefault(name, len(seen.get(names, {})))
            names, key = (*names, name), (*key, natural(name) if named else ("", place))
        return names, key

    nodes = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda n: isinstance(n, Network))[0]
    out = []
    for path, node in nodes:
        names, key = walk(path, Leaf((), (), None))
        if not isinstance(node, Network):
            out.append(Leaf(names, key, node))
            continue
        number = 1
        for run in node.runs:
            for inner, leaf in jax.tree_util.tree_flatten_with_path(run.params)[0]:
                deeper, deep = walk(inner, Leaf(names, key, None))
                out.append(Leaf(deeper, deep, leaf, len(names), 0, number, "layer_"))
            number += run.length
    return out


def _is_under(path: tuple[str, ...], prefix: str) -> bool:
    """Say whether a path is, or lies below, a prefix written with slashes."""
    parts = tuple(part for part in prefix.split("/") if part)
    return path[: len(parts)] == parts


def _is_axis(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _words(option: str, value: object) -> list[str]:
    """Return one or several names as a list.

    Raises:
        UsageError: if they are no texts.
    """
    if isinstance(value, str):
        return [value]
    # An array of no axes is iterable by its type alone, so it is tried and not asked.
    found: list = [None]
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        with contextlib.suppress(TypeError):
            found = list(value)
    if not all(isinstance(word, str) for word in found):
        raise UsageError(f"got {option}={in_short(value)}, expected {_EXPECTED[option]}")
    return found


def mark_stacked(leaves: list[Leaf], stacked: Stacked) -> list[Leaf]:
    """Note which leaves hold many layers along an axis.

    Args:
        leaves: from `leaves_of`.
        stacked: an axis for all leaves; or the prefix (or prefixes) of paths whose leaves are
            stacked along axis 0; or a mapping from prefix to axis. None for none.

    Returns:
        The leaves, marked.

    Raises:
        UsageError: if it is something else, or a prefix matches nothing.
    """
    if stacked is None:
        return leaves
    if _is_axis(stacked):
        axes = {"": int(stacked)}  # type: ignore[arg-type]
    elif isinstance(stacked, Mapping) and all(_is_axis(axis) for axis in stacked.values()):
        axes = dict(zip(_words("stacked", list(stacked)), map(int, stacked.values()), strict=True))
    else:
        axes = dict.fromkeys(_words("stacked", stacked), 0)
    out = list(leaves)
    for prefix, axis in axes.items():
        hits = [i for i, leaf in enumerate(leaves) if _is_under(leaf.path, prefix)]
        if not hits:
            raise UsageError(
                f"got stacked={prefix!r}, which no parameter lies under; the parameters are "
                f"{some(leaf.name for leaf in leaves)}"
            )
        for i in hits:
            if leaves[i].stem is None:
                stem = len([part for part in prefix.split("/") if part])
                out[i] = leaves[i]._replace(stem=stem, axis=axis)
    return out


def pieces_of(leaves: list[Leaf], numbers: Sequence[int]) -> list[Piece]:
    """Split the chosen leaves into the parameters of single layers, and sort them.

    Args:
        leaves: marked leaves.
        numbers: which of them are parameters.

    Returns:
        The pieces in the order of the layers.

    Raises:
        ShapeError: if leaves stacked together differ in length, or lack the axis.
    """
    lengths: dict[tuple, tuple[int, str]] = {}
    pieces = []
    for number in numbers:
        leaf = leaves[number]
        shape = tuple(int(n) for n in np.shape(leaf.value))  # type: ignore[arg-type]
        if leaf.stem is None:
            pieces.append(Piece(leaf.path, leaf.key, number, None, shape))
            continue
        if not -len(shape) <= leaf.axis < len(shape):
            raise ShapeError(
                f"{leaf.name} of shape {shape} has no axis {leaf.axis} to be stacked along: name "
                'only the stacked parameters, as in stacked="blocks"'
            )
        axis = leaf.axis % len(shape)
        length, stem = shape[axis], leaf.stem
        before = lengths.setdefault((leaf.path[:stem], leaf.first), (length, leaf.name))
        if before[0] != length:
            raise ShapeError(
                f"{before[1]} holds {before[0]} stacked layers and {leaf.name} holds {length}: "
                "name only the parameters stacked together"
            )
        rest = shape[:axis] + shape[axis + 1 :]
        for place in range(length):
            own = leaf.first + place
            path = (*leaf.path[:stem], f"{leaf.word}{own}", *leaf.path[stem:])
            key = (*leaf.key[:stem], ("", own), *leaf.key[stem:])
            pieces.append(Piece(path, key, number, place, rest))
    return sorted(pieces, key=lambda piece: piece.key)


def group(pieces: Sequence[Piece], layers: Layers, order: Order) -> tuple[list[Layer], list[str]]:
    """Put pieces together into layers.

    Args:
        pieces: in order.
        layers: None for the default rule; prefixes, each a layer with all that lies under it, in
            their order; or a function from a parameter's path to its layer's name (None: left out).
        order: None for the tree's; names or beginnings of names of layers, in order; or a function
            from a layer's name to what to sort by.

    Returns:
        The layers, first to last, and the names of pieces left out.

    Raises:
        UsageError: if a prefix or an entry of `order` matches nothing, or a layer matches no entry.
    """
    if layers is None:
        found = _by_kernels(pieces)
    elif callable(layers):
        found = {}
        for i, piece in enumerate(pieces):
            name = layers(piece.name)
            if name is not None:
                found.setdefault(str(name), []).append(i)
    else:
        found = _by_prefixes(pieces, _words("layers", layers))
    used = {i for members in found.values() for i in members}
    out = [Layer(name, tuple(members)) for name, members in found.items()]
    left = [piece.name for i, piece in enumerate(pieces) if i not in used]
    return _in_order(out, order), left


def _by_prefixes(pieces: Sequence[Piece], prefixes: list[str]) -> dict[str, list[int]]:
    """Give each piece to the first prefix that it lies under."""
    found: dict[str, list[int]] = {prefix: [] for prefix in prefixes}
    for i, piece in enumerate(pieces):
        for prefix in prefixes:
            if _is_under(piece.path, prefix):
                found[prefix].append(i)
                break
    for prefix, members in found.items():
        if not members:
            raise UsageError(
                f"got layers with {prefix!r}, which no parameter lies under; the parameters are "
                f"{some(piece.name for piece in pieces)}"
            )
    return found


def _numbers(piece: Piece) -> tuple[str, ...]:
    return tuple(re.findall(r"[0-9]+", piece.path[-1] if piece.path else ""))


def _by_kernels(pieces: Sequence[Piece]) -> dict[str, list[int]]:
    """Make a layer of every kernel, and give it the parameters beside it."""
    folders: dict[tuple[str, ...], list[int]] = {}
    for i, piece in enumerate(pieces):
        folders.setdefault(piece.path[:-1], []).append(i)
    flat = not any(len(piece.shape) >= 2 for piece in pieces)
    owner: dict[int, int] = {}
    for members in folders.values():
        kernels = [i for i in members if len(pieces[i].shape) >= 2]
        if flat:
            # Scalars and vectors only: a folder is a layer, but the outermost is not a folder.
            kernels = members[:1] if pieces[members[0]].path[:-1] else members
        numbered: dict[tuple[str, ...], list[int]] = {}
        for k in kernels:
            owner[k] = k
            numbered.setdefault(_numbers(pieces[k]), []).append(k)
        for i in members:
            if i not in owner and kernels:
                mine = _numbers(pieces[i])
                alike = kernels if len(kernels) == 1 else numbered.get(mine, []) if mine else []
                if len(alike) == 1:
                    owner[i] = alike[0]
    shared = Counter(pieces[k].path[:-1] for k in set(owner.values()))
    found: dict[str, list[int]] = {}
    names: dict[int, str] = {}
    for i in range(len(pieces)):
        if owner.get(i) == i:
            folder = "/".join(pieces[i].path[:-1])
            name = folder if folder and shared[pieces[i].path[:-1]] == 1 else pieces[i].name
            names[i] = name if name not in found else pieces[i].name
            found[names[i]] = [i]
    for i, kernel in owner.items():
        if i != kernel:
            found[names[kernel]].append(i)
    return found


def _in_order(layers: list[Layer], order: Order) -> list[Layer]:
    """Sort layers as asked."""
    if order is None:
        return layers
    if callable(order):
        try:
            return sorted(layers, key=lambda layer: order(layer.name))  # type: ignore[arg-type, return-value]
        except Exception as error:
            said = " ".join(str(error).split())[:200] or "no message"
            raise UsageError(
                f"order= raised {type(error).__name__} ({said}); expected a function from a layer's "
                "name to something that sorts"
            ) from error
    wanted = _words("order", order)
    ranks = {}
    for layer in layers:
        hits = [i for i, start in enumerate(wanted) if layer.name == start] or [
            i for i, start in enumerate(wanted) if layer.name.startswith(start)
        ]
        if not hits:
            raise UsageError(
                f"layer {layer.name} matches no entry of order=: name it, or a beginning of it"
            )
        ranks[layer.name] = hits[0]
    idle = [start for i, start in enumerate(wanted) if i not in ranks.values()]
    if idle:
        raise UsageError(
            f"got order= with {idle[0]!r}, which no layer's name begins with; the layers are "
            f"{some(layer.name for layer in layers)}"
        )
    return sorted(layers, key=lambda layer: ranks[layer.name])


def some(names: object, most: int = 6) -> str:
    """Write a few names and how many more there are.

    Args:
        names: an iterable of names.
        most: how many to write.

    Returns:
        Text such as `a, b and 3 more`.
    """
    every = [str(name) for name in names]  # type: ignore[attr-defined]
    if len(every) <= most:
        return ", ".join(every) or "none"
    return f"{', '.join(every[:most])} and {len(every) - most} more"
