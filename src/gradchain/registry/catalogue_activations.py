"""Drafts of what is known of each activation's derivative."""

from collections.abc import Mapping
from typing import Any

from gradchain.registry.draft import Draft
from gradchain.registry.record import How

_FOUND = "gradchain.certify.derivatives.derivative_sup"
_MEAN = "gradchain.certify.moments.mean_square_slope"

# E phi'(Z)^2 where it has a closed form; Phi is the distribution function of N(0, 1).
CLOSED_FORMS = {
    "identity": "1",
    "relu": "1/2",
    "leaky_relu": "(1 + 0.01^2)/2",
    "prelu": "(1 + 0.25^2)/2",
    "hard_tanh": "erf(1/sqrt(2))",
    "hard_sigmoid": "erf(3/sqrt(2))/36",
    "erf": "4/(pi*sqrt(5))",
    "sin": "(1 + exp(-2))/2",
    "elu": "1/2 + exp(2)*Phi(-2)",
    "celu": "1/2 + exp(2)*Phi(-2)",
    "selu": "lambda^2*(1/2 + alpha^2*exp(2)*Phi(-2))",
    "gelu": "1/4 + asin(1/2)/(2*pi) + 1/(2*pi*sqrt(3)) + 1/(6*pi*sqrt(3))",
}


def segment(name: str) -> str:
    """Return an activation's name as a segment of a key.

    Args:
        name: such as `leaky_relu`.

    Returns:
        The name without underscores.
    """
    return name.replace("_", "")


def _conditions(fact: Any) -> str:
    """Return the sentences about where a supremum holds."""
    reached = "Attained" if fact.attained else "Approached, not attained,"
    parts = [f"{reached} {'at' if fact.attained else 'as'} {fact.attained_at}."]
    if fact.parameters:
        given = ", ".join(f"{name} = {value:g}" for name, value in fact.parameters)
        parts.append(f"With {given}.")
    if fact.kinks:
        parts.append(f"Convention at kinks: {fact.kink_convention}.")
    parts.append("Over all real x." + (f" {fact.note}" if fact.note else ""))
    return " ".join(parts)


def suprema(facts: Mapping[str, Any]) -> list[Draft]:
    """Draft sup |phi'| of every activation.

    Args:
        facts: `gradchain.certify.facts.FACTS` (handed in, since this floor does not import it).

    Returns:
        One draft an activation.
    """
    return [
        Draft(
            key=f"{segment(name)}.derivative.sup",
            how=How.of(_FOUND, activation=name),
            kind="exact" if fact.kind == "exact" else "certified",
            statement=f"The absolute slope of {name} over all real x has the supremum {{value}}.",
            conditions=_conditions(fact),
            exact=fact.sup_exact,
            theorem=fact.theorem,
            formula_text=f"sup |phi'(x)|, phi(x) = {fact.formula}",
            formula_latex=f"\\sup_x |\\varphi'(x)|,\\ \\varphi(x) = {fact.formula_latex}",
            tags=(segment(name), "activation", "derivative", "bound"),
        )
        for name, fact in facts.items()
    ]


def mean_squares(facts: Mapping[str, Any]) -> list[Draft]:
    """Draft E phi'(Z)^2 of every activation.

    Args:
        facts: `gradchain.certify.facts.FACTS`.

    Returns:
        One draft an activation.
    """
    return [
        Draft(
            key=f"{segment(name)}.derivative.meansquare",
            how=How.of(_MEAN, activation=name, q="1"),
            kind="certified",
            statement=f"At standard normal pre-activations the mean square slope of {name} is "
            "{value}.",
            conditions="Z standard normal. It is the factor by which one wide layer with "
            "Var(W) = 1/fan_in changes the mean square of a gradient, if its pre-activations have "
            "variance 1."
            + (
                " With "
                + ", ".join(f"{label} = {value:g}" for label, value in fact.parameters)
                + "."
                if fact.parameters
                else ""
            ),
            exact=CLOSED_FORMS.get(name),
            formula_text=f"E[phi'(Z)^2], phi(x) = {fact.formula}",
            formula_latex="\\mathbb{E}[\\varphi'(Z)^2],\\ \\varphi(x) = " + fact.formula_latex,
            tags=(segment(name), "activation", "derivative", "meanfield"),
        )
        for name, fact in facts.items()
    ]
