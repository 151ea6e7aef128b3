"""How does an estimate become a record? One helper, so that kind, rule and limit always agree.

An estimate is checked by a z-score with fresh seeds; the limit 5 gives a false alarm in 1.7 million
checks of a normal estimate.
"""

from dataclasses import replace

from gradchain._result import Result
from gradchain.experiments.formulas import formulas
from gradchain.registry.display import shown
from gradchain.registry.record import Check, How, Number

Z_LIMIT = "5"


def estimated(key: str, result: Result, how: How, statement: str, **fields: object) -> Number:
    """Build the record of an estimate.

    Args:
        key: its key.
        result: value with uncertainty.
        how: what computes it again; its arguments hold a `seed`.
        statement: a sentence in which `{value}` stands for the value as shown.
        **fields: further fields of `Number`.

    Returns:
        The record, of kind estimated.
    """
    return _told(key, result, how, "estimated", Check("z", Z_LIMIT), statement, fields)


def computed(
    key: str, result: Result, how: How, tolerance: str, statement: str, **fields: object
) -> Number:
    """Build the record of a deterministic computation.

    Args:
        key: its key.
        result: value with an error bound.
        how: what computes it again.
        tolerance: largest relative difference on another machine, decimal text.
        statement: a sentence in which `{value}` stands for the value as shown.
        **fields: further fields of `Number`.

    Returns:
        The record, of kind computed.
    """
    return _told(key, result, how, "computed", Check("relative", tolerance), statement, fields)


def _told(
    key: str,
    result: Result,
    how: How,
    kind: str,
    check: Check,
    statement: str,
    fields: dict[str, object],
) -> Number:
    given: dict[str, object] = {"digits": 3, **formulas(key), **fields}
    number = Number(
        key=key,
        kind=kind,
        how=how,
        check=check,
        statement=statement,
        value=result.value,
        uncertainty=result.uncertainty,
        **given,  # type: ignore[arg-type]
    )
    value = shown(number, uncertainty=False)
    return replace(number, statement=statement.replace("{value}", value))


def segment(name: str) -> str:
    """Return a name as it stands in keys: without underscores.

    Args:
        name: such as `leaky_relu`.

    Returns:
        Such as `leakyrelu`.
    """
    return name.replace("_", "")
