"""The exceptions of gradchain, each with the exit code that the command line gives it.

Exit codes: 0 done, 1 could not write, 2 wrong usage or unknown key, 3 damaged data, 4 drift found or
refused, 130 stopped by the user. Standard library only, so that reading numbers stays fast.
"""


class GradchainError(Exception):
    """Base of every error that gradchain raises on purpose; its text is one clear sentence."""

    exit_code = 2

    def __str__(self) -> str:
        """Return the sentence itself, also where a parent (KeyError) would quote it."""
        return str(self.args[0]) if self.args else type(self).__name__


class UsageError(GradchainError, ValueError):
    """A value that cannot be used: says what was got, what was expected, and what to do."""


class ShapeError(UsageError):
    """An array whose shape does not fit."""


class DtypeError(UsageError, TypeError):
    """An array or value of a type that is not taken here."""


class NonFiniteError(UsageError):
    """NaN or infinity where only finite values make sense."""


class ActivationError(UsageError):
    """An unknown activation, or a wrong declaration of one."""


class InitializerError(UsageError):
    """An unknown initializer, or a wrong declaration of one."""


class UnknownKeyError(GradchainError, KeyError):
    """A number's key that the registry does not hold; `nearest` are the keys most like it."""

    def __init__(self, message: str, nearest: tuple[str, ...] = ()) -> None:
        """Keep the sentence and the nearest keys."""
        super().__init__(message)
        self.nearest = nearest


class RegistryError(GradchainError, ValueError):
    """A damaged or forbidden registry or result file."""

    exit_code = 3


class DriftError(GradchainError):
    """A recomputed number that no longer agrees with the recorded one, or a refused recomputation."""

    exit_code = 4


class OutputError(GradchainError, OSError):
    """A file or folder that cannot be written."""

    exit_code = 1
