r"""Expressions as people type them, computed exactly.

Which question it answers: what is the exact value of `0.25^5`, `(1/4)^5` or `50%`? Read by a small
grammar of exact arithmetic (numbers, + - * / ^ and brackets), never evaluated as Python; every step
is bounded in size, so that `9^9^9` is refused at once. Cost: at most some milliseconds.
"""

import re
from fractions import Fraction

from gradchain._errors import UsageError
from gradchain._text import exact_text, parse, shorten
from gradchain.registry.formats import ascii_text

MAX_QUERY = 300
MAX_BITS = 200_000
_TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]{1,5})?)|(\*\*|[-+*/^()%]))")


def plain_formula(text: str) -> str:
    """Bring a formula to one spelling, so that `(1/4)^5`, `0.25**5` and `0.25 ^ 5` are the same.

    Args:
        text: a formula or a number as a person types it.

    Returns:
        The text to compare: ASCII, no spaces, `^` for powers, short fractions as decimals.

    Example:
        >>> plain_formula("(1/4)**5"), plain_formula("ln 2"), plain_formula("9.77 x 10^-4")
        ('0.25^5', 'log(2)', '9.77e-4')
    """
    plain = ascii_text(text.replace("×", "*")).casefold()[:MAX_QUERY]
    plain = re.sub(r"\b(?:ln|log)\s*\(?\s*([0-9.]+)\s*\)?", r"log(\1)", plain)
    plain = re.sub(r"(?<=[0-9])\s*x\s*(?=10)", "*", plain)
    plain = re.sub(r"\s+", "", plain).replace("**", "^")
    plain = re.sub(r"\*10\^\(?([+-]?[0-9]+)\)?", r"e\1", plain)
    return re.sub(r"\(([1-9][0-9]{0,8})/([1-9][0-9]{0,8})\)", _decimal, plain)


def _decimal(found: re.Match[str]) -> str:
    """Return a bracketed fraction as a decimal where that is short and exact."""
    text = exact_text(Fraction(int(found[1]), int(found[2])), 9)
    return found[0] if "/" in text else text


def evaluate(text: str) -> Fraction:
    """Compute an expression of exact arithmetic: numbers, + - * / ^ ** % and brackets.

    Args:
        text: at most 300 characters, as in `0.25^5`, `(1/4)^5`, `0.9^50`, `25%`.

    Returns:
        The exact value.

    Raises:
        UsageError: not such an expression, a division by zero, or a result above 200 000 bits.

    Example:
        >>> evaluate("0.25^5")
        Fraction(1, 1024)
    """
    if len(text) > MAX_QUERY:
        raise UsageError(f"an expression may have at most {MAX_QUERY} characters")
    plain = ascii_text(text.replace("×", "*")).casefold().strip()
    tokens, position = [], 0
    while position < len(plain):
        found = _TOKEN.match(plain, position)
        if not found:
            raise UsageError(f"not an expression: {shorten(text)}")
        tokens.append(found[1] or found[2])
        position = found.end()
    reader = _Reader(tokens, text)
    value = reader.sum()
    reader.end()
    return value


class _Reader:
    """A descent through the tokens: sum, product, sign, power, atom."""

    def __init__(self, tokens: list[str], text: str) -> None:
        """Start at the first token."""
        self.tokens, self.place, self.text, self.depth = tokens, 0, text, 0

    def next_in(self, *signs: str) -> str:
        """Return and pass the next token if it is one of these, else nothing."""
        if self.place < len(self.tokens) and self.tokens[self.place] in signs:
            self.place += 1
            return self.tokens[self.place - 1]
        return ""

    def wrong(self, reason: str = "not an expression") -> UsageError:
        """Return the error."""
        return UsageError(f"{reason}: {shorten(self.text)}")

    def end(self) -> None:
        """Refuse what is left over."""
        if self.place != len(self.tokens):
            raise self.wrong()

    def bounded(self, value: Fraction) -> Fraction:
        """Return the value, or refuse one too long to compute with."""
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
            raise self.wrong("too large")
        return value

    def sum(self) -> Fraction:
        """Return the value of terms joined by + and -."""
        value = self.product()
        while sign := self.next_in("+", "-"):
            term = self.product()
            value = self.bounded(value + term if sign == "+" else value - term)
        return value

    def product(self) -> Fraction:
        """Return the value of factors joined by * and /."""
        value = self.signed()
        while sign := self.next_in("*", "/"):
            factor = self.signed()
            if sign == "/" and not factor:
                raise self.wrong("division by zero")
            value = self.bounded(value * factor if sign == "*" else value / factor)
        return value

    def signed(self) -> Fraction:
        """Return the value of a sign and what follows: -2^2 is -(2^2)."""
        if self.next_in("-"):
            self.depth += 1
            if self.depth > 50:
                raise self.wrong("nested too deeply")
            value = -self.signed()
            self.depth -= 1
            return value
        return self.power()

    def power(self) -> Fraction:
        """Return the value of a power with a whole exponent."""
        base = self.atom()
        if not self.next_in("^", "**"):
            return base
        exponent = self.signed()
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if exponent.denominator != 1 or abs(exponent) * size > MAX_BITS:
            raise self.wrong("the exponent must be a whole number of moderate size")
        if not base and exponent < 0:
            raise self.wrong("division by zero")
        return base ** int(exponent)

    def atom(self) -> Fraction:
        """Return the value of a number or a bracket, with a per cent sign or not."""
        if self.next_in("("):
            self.depth += 1
            if self.depth > 50:
                raise self.wrong("nested too deeply")
            value = self.sum()
            self.depth -= 1
            if not self.next_in(")"):
                raise self.wrong()
        elif self.place < len(self.tokens) and self.tokens[self.place][0].isdigit():
            value = _literal(self.tokens[self.place])
            self.place += 1
        else:
            raise self.wrong()
        return value / 100 if self.next_in("%") else value


def _literal(token: str) -> Fraction:
    """Return the exact value of a number as people type it (`1.`, `007` and `1e-3` too)."""
    mantissa, _, power = token.partition("e")
    whole, _, part = mantissa.partition(".")
    text = (
        (whole.lstrip("0") or "0") + (f".{part}" if part else "") + (f"e{power}" if power else "")
    )
    return parse(text)
