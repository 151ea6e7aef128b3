"""What does a failed check say?

Three things: what was expected, what was found, and the first input that shows it. It is an
`AssertionError`, so pytest, hypothesis and plain scripts treat it as a failed test.
"""

from gradchain._errors import GradchainError


class CheckFailedError(GradchainError, AssertionError):
    """A check that did not hold.

    Attributes:
        expected: what should have been seen, in words.
        found: what was seen, in words.
        first_input: the first input that shows it: the number closest to 0 for an activation, the
            key (as the text that makes it) for an initializer.
    """

    def __init__(
        self, message: str, expected: str = "", found: str = "", first_input: object = None
    ) -> None:
        """Keep the sentence and its parts."""
        super().__init__(message)
        self.expected = expected
        self.found = found
        self.first_input = first_input


def failed(
    what: str, expected: str, found: str, first_input: object, hint: str = ""
) -> CheckFailedError:
    """Put the failure into one message.

    Args:
        what: whose check failed, and which one.
        expected: what should have been seen.
        found: what was seen.
        first_input: the first input that shows it.
        hint: what to do, if more can be said.

    Returns:
        The error, to be raised.

    Example:
        >>> print(failed("phi: value", "a finite number", "nan", 1e30))
        phi: value: expected a finite number, found nan, first at 1e+30.
    """
    message = f"{what}: expected {expected}, found {found}, first at {first_input}."
    return CheckFailedError(f"{message} {hint}".rstrip(), expected, found, first_input)
