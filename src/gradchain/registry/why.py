"""Why a number may be believed: statement, conditions, formula, theorem, error, and the way back.

Which question it answers: on what does this number rest, and how do I compute it again? Formulas
are given as plain ASCII, which survives a paste, and as LaTeX source. Nothing is computed here.
"""

from gradchain._text import shorten
from gradchain.registry.cite import Citation
from gradchain.registry.formats import clean
from gradchain.registry.record import Number
from gradchain.registry.wording import call, doubt, enclosure, exactly, holds_if, nature
from gradchain.theorems import named


def rule(number: Number) -> str:
    """Say how a recomputed value is compared with the recorded one.

    Args:
        number: the record.

    Returns:
        One line.
    """
    if number.check is None:
        return "never recomputed: it is reported from the literature"
    limit = number.check.tolerance
    match number.check.rule:
        case "equality":
            return "the recomputed value must equal this one exactly"
        case "enclosure":
            return f"the recomputed enclosure must meet this one, relative width at most {limit}"
        case "relative":
            return f"the recomputed value may differ by a relative {limit}"
        case _:
            return f"fresh draws may differ by {limit} standard errors"


def explain(citation: Citation, form: str = "text") -> str:
    """Write all that backs a number.

    Args:
        citation: the number with where it comes from.
        form: `text` or `ascii`, for the value.

    Returns:
        Aligned lines.
    """
    number = citation.number
    exact = exactly(number)
    came = f"since {number.since}" + (f", study {number.study}" if number.study else "")
    rows = [
        ("what it is", nature(number) + (f": {exact}" if exact else "")),
        ("statement", number.statement),
        ("conditions", holds_if(number) or "none"),
        ("formula", number.formula_text),
        ("in LaTeX", number.formula_latex),
        ("theorem", named(number.theorem) if number.theorem else ""),
        ("enclosure", enclosure(number)),
        ("uncertainty", doubt(number.uncertainty) if number.uncertainty else ""),
        ("source", number.source or ""),
        ("value", number.value if len(number.value) <= 200 else shorten(number.value, 200)),
        ("computed by", call(number)),
        ("checked by", rule(number)),
        ("recompute", citation.command),
        ("recorded", came),
        ("replaces", citation.asked or ""),
        ("from", f"{citation.origin} (not the packaged reference)" if citation.origin else ""),
    ]
    head = f"{number.key} = {citation.shown(form)}"
    return "\n".join([head, *(f"  {label:<11}  {clean(text)}" for label, text in rows if text)])
