"""One helper that makes a frozen dataclass a JAX pytree without running its checks inside JAX.

JAX rebuilds pytrees with placeholders (`None`, tracers, shape structs) as leaves. A dataclass that
checks its fields in `__init__` would refuse them, so unflattening here goes round `__init__`: shapes
are checked when a person builds the object and never when JAX does.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

import jax
from typing_extensions import dataclass_transform

_T = TypeVar("_T")


def static(default: Any = dataclasses.MISSING) -> Any:
    """Declare a dataclass field that is part of the tree's structure, not one of its leaves.

    Args:
        default: the field's default, if it has one; it must be hashable.

    Returns:
        A dataclass field.
    """
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata={"static": True})
    return dataclasses.field(default=default, metadata={"static": True})


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def pytree(cls: type[_T]) -> type[_T]:
    """Turn a class with annotated fields into a frozen dataclass registered with JAX.

    Args:
        cls: the class; fields made with `static` become structure, all others children.

    Returns:
        The same class as a frozen dataclass.

    Example:
        >>> import jax
        >>> @pytree
        ... class Pair:
        ...     left: object
        ...     right: object
        ...     name: str = static(default="pair")
        >>> jax.tree.leaves(Pair(1.0, 2.0))
        [1.0, 2.0]
    """
    frozen = dataclasses.dataclass(frozen=True, eq=False)(cls)
    fields = dataclasses.fields(frozen)  # type: ignore[arg-type]
    children = tuple(f.name for f in fields if not f.metadata.get("static"))
    statics = tuple(f.name for f in fields if f.metadata.get("static"))

    def flatten_with_keys(value: _T) -> tuple[tuple, tuple]:
        keyed = tuple((jax.tree_util.GetAttrKey(n), getattr(value, n)) for n in children)
        return keyed, tuple(getattr(value, n) for n in statics)

    def flatten(value: _T) -> tuple[tuple, tuple]:
        return tuple(getattr(value, n) for n in children), tuple(getattr(value, n) for n in statics)

    def unflatten(aux: tuple, leaves: Iterable) -> _T:
        value = object.__new__(frozen)
        for name, leaf in zip(children, leaves, strict=True):
            object.__setattr__(value, name, leaf)
        for name, item in zip(statics, aux, strict=True):
            object.__setattr__(value, name, item)
        return value

    jax.tree_util.register_pytree_with_keys(frozen, flatten_with_keys, unflatten, flatten)
    return frozen


def is_concrete(*trees: object) -> bool:
    """Say whether every array leaf holds values now, that is, none is a tracer.

    Args:
        *trees: any pytrees.

    Returns:
        True if values can be looked at without leaving a transformation.
    """
    return not any(_is_tracer(leaf) for tree in trees for leaf in jax.tree.leaves(tree))


def _is_tracer(leaf: object) -> bool:
    """Tell a traced array from a concrete one: only a concrete one knows where it lies."""
    if not isinstance(leaf, jax.Array):
        return False
    try:
        leaf.is_fully_addressable  # ruff: ignore[useless-expression]
    except jax.errors.ConcretizationTypeError:
        return True
    return False
