"""Checks for a test suite of your own, on activations and initializers of your own.

    from gradchain.testing import check_activation, check_initializer

    def test_my_unit():
        check_activation(my_unit, derivative_sup=1.0)

    def test_my_weights():
        check_initializer(my_init, variance=lambda fan_in, fan_out: 2 / fan_in)

Both raise `CheckFailedError`, an `AssertionError` that says what was expected, what was found and the
first input that shows it; both return a report of what was checked, on how much, and how sharply.
They need neither pytest nor any other test library.
"""

from gradchain.testing.activation import ActivationReport, check_activation
from gradchain.testing.failure import CheckFailedError
from gradchain.testing.initializer import InitializerReport, check_initializer
from gradchain.testing.statistics import Part

__all__ = [
    "ActivationReport",
    "CheckFailedError",
    "InitializerReport",
    "Part",
    "check_activation",
    "check_initializer",
]
