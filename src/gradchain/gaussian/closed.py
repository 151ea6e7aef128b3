"""Which Gaussian integrals of activations have a closed form?

With x, y Gaussian, variances a and b, covariance d = c sqrt(a b):

    (leaky) relu   Cho and Saul, NeurIPS 2009     erf    Williams, Neural Computation 1998
    sin            exp(-(a+b)/2) sinh(d)          gelu   Stein's lemma, applied until only densities
                                                         and Phi are left
    hard_tanh      integrals of the density between -1 and 1

Each entry is a function of (q, parameters) or (q1, q2, c, parameters) on arrays, in their type,
of NumPy (nothing is compiled) or of JAX. What
is not here is integrated numerically.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_PI = math.pi
Form = Callable[..., Any]


def _either(name: str) -> Callable[..., Any]:
    # NumPy on the host, where nothing need be compiled; jax.numpy inside a transformation.
    def call(*arguments: Any) -> Any:
        traced = any(isinstance(each, jax.Array) for each in arguments)
        return getattr(jnp if traced else np, name)(*arguments)

    return call


def _erf(x: Any) -> Any:
    return jax.scipy.special.erf(x) if isinstance(x, jax.Array) else np.vectorize(math.erf)(x)


def _erfc(x: Any) -> Any:
    return jax.scipy.special.erfc(x) if isinstance(x, jax.Array) else np.vectorize(math.erfc)(x)


_sqrt = _either("sqrt")
_exp = _either("exp")
_expm1 = _either("expm1")
_arctan2 = _either("arctan2")
_maximum = _either("maximum")
_where = _either("where")


def _slope(parameters: tuple[tuple[str, float], ...]) -> float:
    return parameters[0][1] if parameters else 0.0


def _root(c: Any) -> Any:
    return _sqrt(_maximum((1 - c) * (1 + c), 0.0))


def _both_above(a, b, d):
    # P(X + noise > 0, Y + noise > 0) = E Phi(x) Phi(y); the arcsine through arctan2 near 1.
    top, bottom = d, _sqrt((1 + a) * (1 + b))
    other = _sqrt(_maximum((bottom - top) * (bottom + top), 0.0))
    return 0.25 + _arctan2(top, other) / (2 * _PI)


# --- one Gaussian ---------------------------------------------------------------------------------
def _gelu_square(q, _):
    root = _sqrt(1 + 2 * q)
    angle = _arctan2(q, root)
    return q / 4 + q / (2 * _PI) * angle + q * q / (_PI * (1 + q) * root)


def _gelu_slope_square(q, _):
    root = _sqrt(1 + 2 * q)
    return (
        0.25 + _arctan2(q, root) / (2 * _PI) + q / (_PI * (1 + q) * root) + q / (2 * _PI * root**3)
    )


def _inside(q):
    # P(|x| < 1) for variance q; 1 at q = 0.
    return _erf(1 / _sqrt(2 * _maximum(q, 1e-30)))


def _hard_tanh_square(q, _):
    safe = _maximum(q, 1e-30)
    edge = _exp(-1 / (2 * safe)) / _sqrt(2 * _PI * safe)
    return q * (_inside(q) - 2 * edge) + _erfc(1 / _sqrt(2 * safe))


LINE: dict[str, dict[str, Form]] = {
    "identity": {
        "mean": lambda q, _: 0 * q,
        "square": lambda q, _: q,
        "slope_mean": lambda q, _: 1 + 0 * q,
        "slope_square": lambda q, _: 1 + 0 * q,
        "slope_fourth": lambda q, _: 1 + 0 * q,
        "square_growth": lambda q, _: 1 + 0 * q,
    },
    "leaky_relu": {
        "mean": lambda q, p: (1 - _slope(p)) * _sqrt(q / (2 * _PI)),
        "square": lambda q, p: q * (1 + _slope(p) ** 2) / 2,
        "slope_mean": lambda q, p: (1 + _slope(p)) / 2 + 0 * q,
        "slope_square": lambda q, p: (1 + _slope(p) ** 2) / 2 + 0 * q,
        "slope_fourth": lambda q, p: (1 + _slope(p) ** 4) / 2 + 0 * q,
        "square_growth": lambda q, p: (1 + _slope(p) ** 2) / 2 + 0 * q,
    },
    "erf": {
        "mean": lambda q, _: 0 * q,
        "square": lambda q, _: 2 / _PI * _arctan2(2 * q, _sqrt(1 + 4 * q)),
        "slope_mean": lambda q, _: 2 / math.sqrt(_PI) / _sqrt(1 + 2 * q),
        "slope_square": lambda q, _: 4 / _PI / _sqrt(1 + 4 * q),
        "slope_fourth": lambda q, _: 16 / _PI**2 / _sqrt(1 + 8 * q),
        "square_growth": lambda q, _: 4 / _PI / ((1 + 2 * q) * _sqrt(1 + 4 * q)),
    },
    "sin": {
        "mean": lambda q, _: 0 * q,
        "square": lambda q, _: -_expm1(-2 * q) / 2,
        "slope_mean": lambda q, _: _exp(-q / 2),
        "slope_square": lambda q, _: (1 + _exp(-2 * q)) / 2,
        "slope_fourth": lambda q, _: 3 / 8 + _exp(-2 * q) / 2 + _exp(-8 * q) / 8,
        "square_growth": lambda q, _: _exp(-2 * q),
    },
    "gelu": {
        "mean": lambda q, _: q / _sqrt(2 * _PI * (1 + q)),
        "square": _gelu_square,
        "slope_mean": lambda q, _: 0.5 + 0 * q,
        "slope_square": _gelu_slope_square,
    },
    "hard_tanh": {
        "mean": lambda q, _: 0 * q,
        "square": _hard_tanh_square,
        "slope_mean": lambda q, _: _inside(q),
        "slope_square": lambda q, _: _inside(q),
        "slope_fourth": lambda q, _: _inside(q),
    },
}


# --- two Gaussians --------------------------------------------------------------------------------
def _series(terms, x):
    total = 0 * x
    for term in reversed(terms):
        total = total * x + term
    return total


def _lune(c):
    # sin(t) - t cos(t) with t = pi - acos(c); by its series where the two cancel, c near -1.
    t = _arctan2(_root(c), -c)
    terms = [(-1) ** k * (2 * k + 2) / math.factorial(2 * k + 3) for k in range(8)]
    near = t**3 * _series(terms, t * t)
    return _where(t < 0.5, near, _root(c) + c * t)


def _leaky_product(q1, q2, c, p):
    a = _slope(p)
    scale = _sqrt(q1 * q2)
    arc = _lune(c) / (2 * _PI)
    return scale * (a * c + (1 - a) ** 2 * arc)


def _leaky_slope_product(q1, q2, c, p):
    a = _slope(p)
    alike, apart = _arctan2(_root(c), -c), _arctan2(_root(c), c)
    return ((1 + a * a) * alike + 2 * a * apart) / (2 * _PI) + 0 * q1 * q2


def _erf_product(q1, q2, c, _):
    top = 2 * c * _sqrt(q1 * q2)
    bottom = _sqrt((1 + 2 * q1) * (1 + 2 * q2))
    other = _sqrt(_maximum((bottom - top) * (bottom + top), 0.0))
    return 2 / _PI * _arctan2(top, other)


def _erf_slope_product(q1, q2, c, _):
    d = c * _sqrt(q1 * q2)
    return 4 / _PI / _sqrt((1 + 2 * q1) * (1 + 2 * q2) - 4 * d * d)


def _sin_product(q1, q2, c, _):
    d = c * _sqrt(q1 * q2)
    return (_exp(d - (q1 + q2) / 2) - _exp(-d - (q1 + q2) / 2)) / 2


def _sin_slope_product(q1, q2, c, _):
    d = c * _sqrt(q1 * q2)
    return (_exp(d - (q1 + q2) / 2) + _exp(-d - (q1 + q2) / 2)) / 2


def _gelu_product(q1, q2, c, _):
    d = c * _sqrt(q1 * q2)
    density = 1 / (2 * _PI * _sqrt((1 + q1) * (1 + q2) - d * d))
    return (
        q1 * density * (q2 - d * d / (1 + q1))
        + d * _both_above(q1, q2, d)
        + d * d * density / (1 + q2)
    )


def _gelu_slope_product(q1, q2, c, _):
    d = c * _sqrt(q1 * q2)
    spread = (1 + q1) * (1 + q2) - d * d
    density = 1 / (2 * _PI * _sqrt(spread))
    return _both_above(q1, q2, d) + d * density * (1 / (1 + q1) + 1 / (1 + q2) + 1 / spread)


PLANE: dict[str, dict[str, Form]] = {
    "identity": {
        "product": lambda q1, q2, c, _: c * _sqrt(q1 * q2),
        "slope_product": lambda q1, q2, c, _: 1 + 0 * q1 * q2 * c,
    },
    "leaky_relu": {"product": _leaky_product, "slope_product": _leaky_slope_product},
    "erf": {"product": _erf_product, "slope_product": _erf_slope_product},
    "sin": {"product": _sin_product, "slope_product": _sin_slope_product},
    "gelu": {"product": _gelu_product, "slope_product": _gelu_slope_product},
}
for _table in (LINE, PLANE):
    for _name in ("relu", "prelu"):
        _table[_name] = _table["leaky_relu"]
