"""What does a failed check say?

Three things: what was expected, what was found, and the first input that shows it. It is an
`AssertionError`, so pytest, hypothesis and plain scripts treat it as a failed test.
"""

from gradchain._errors import GradchainError


class CheckFailedError(GradchainError, AssertionError):
    """A check that did not hold; its text is one sentence of the parts below.

    Attributes:
        what: whose check failed, and which one.
        expected: what should have been seen, in words.
        found: what was seen, in words.
        first_input: the first input that shows it: of the numbers tried the one closest to 0 for an
            activation, the key (as the text that makes it) for an initializer.
        hint: what to do, if more can be said.

    Example:
        >>> print(CheckFailedError("mine: value", "a finite number", "nan", 1e30))
        mine: value: expected a finite number, found nan, first at 1e+30.
    """

    def __init__(
        self, what: str, expected: str, found: str, first_input: object, hint: str = ""
    ) -> None:
        """Keep the parts and make the sentence."""
        sentence = f"{what}: expected {expected}, found {found}, first at {first_input}. {hint}"
        super().__init__(sentence.rstrip())
        self.what = what
        self.expected = expected
        self.found = found
        self.first_input = first_input
        self.hint = hint

    def __reduce__(self) -> tuple:
        """Pickle by the parts: test runners send failures between processes.

        Returns:
            The class and its arguments.
        """
        parts = (self.what, self.expected, self.found, self.first_input, self.hint)
        return type(self), parts
