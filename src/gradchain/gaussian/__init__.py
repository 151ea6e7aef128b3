"""What is the mean of f(z), or of f(z1) g(z2), when z is Gaussian?

    E f(sqrt(q) Z),     E f(U1) g(U2),  Cov(U) = [[q1, c sqrt(q1 q2)], [c sqrt(q1 q2), q2]]

`line` and `plane` integrate numerically and say how far they may be off, `closed` holds the closed
forms that are known, `moments` picks one of them for an activation. The functions of `line` and
`plane` run under `jit`, `vmap` and `grad` in the type of their input; those of `moments` compute in
float64 whatever the global flag.
"""

from gradchain.gaussian.line import Estimate, expect
from gradchain.gaussian.moments import MOMENTS, PAIR_MOMENTS, expectation, moment, pair_moment
from gradchain.gaussian.plane import expect_pair

__all__ = [
    "MOMENTS",
    "PAIR_MOMENTS",
    "Estimate",
    "expect",
    "expect_pair",
    "expectation",
    "moment",
    "pair_moment",
]
