"""Singular values of a product of float64 matrices by ball arithmetic, used by tests and benchmarks.

The factors are taken exactly; the product and its Gram matrix G are balls of as many digits as the
spread of the values needs. A change of sign of det(G - s I) on a tiny interval of s proves that an
eigenvalue lies there, the secant says where; disjoint intervals, one for each value, prove that these
are all. Where values are too close for that (orthogonal chains), the eigenvalues come from Arb's
`eig`. Nothing here knows how gradchain computes them.
"""

import flint
import numpy as np


def arb_matrix(matrix):
    return flint.arb_mat([[flint.arb(float(v)) for v in row] for row in matrix])


def _product(factors, size):
    product = flint.arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    for factor in factors:
        product = arb_matrix(factor) * product
    return product


def _gram(factors, bits):
    """Return a matrix whose eigenvalues are the squares of the singular values that are not forced to 0.

    With J = B C cut where the chain is narrowest, C with r rows, it is (B^T B)(C C^T), (r, r).
    """
    widths = [factors[0].shape[1]] + [factor.shape[0] for factor in factors]
    cut = int(np.argmin(widths))
    with flint.ctx.workprec(bits):
        before = _product(factors[:cut], widths[0])
        after = _product(factors[cut:], widths[cut])
        return (after.transpose() * after) * (before * before.transpose())


def exact_log_singular_values(factors, guess, width=1e-9):
    """Return the natural logs of the nonzero singular values, in decreasing order, to 1e-12.

    Args:
        factors: float64 matrices J_1 .. J_L without zero rows.
        guess: approximate logs, as many as the rank: they set the precision, and where to look.
        width: how far from its guess a value is looked for.
    """
    guess = np.asarray(guess, np.float64)
    size = len(guess)
    # Balls grow as products of the entries' sizes do, which are larger than the product itself.
    room = len(factors) * (3 + int(np.log2(max(max(factor.shape) for factor in factors))))
    bits = int(2 * (guess[0] - guess[-1]) / np.log(2.0)) + 40 * size + 400 + 2 * room
    apart = size == 1 or -np.diff(guess).max() > 100 * width
    gram = _gram(factors, bits)
    with flint.ctx.workprec(bits):
        if apart:
            return np.array([_between(gram, value, width) for value in guess])
        values = gram.eig(multiple=True)
        return np.array(sorted((_log(v.real) for v in values), reverse=True)[: len(guess)])


def _log(ball):
    assert ball.mid() > 0
    return float(ball.mid().log().mid() / 2)


def _between(gram, guess, width):
    """Return the log of the one root of det(G - s I) near exp(2 guess), proved by a change of sign."""
    ends = [(2 * (flint.arb(float(guess)) + side)).exp().mid() for side in (-width, width)]
    size = gram.nrows()
    low, high = (
        (
            gram
            - flint.arb_mat(
                size, size, [s if i == j else 0 for i in range(size) for j in range(size)]
            )
        ).det()
        for s in ends
    )
    assert bool(low * high < 0), f"no value within {width} of {guess}"
    return _log(ends[0] + (ends[1] - ends[0]) * (low / (low - high)).mid())


def chain(seed, depth, width, sigma_w, name):
    """Return the float64 layer Jacobians of a random chain, computed here in plain NumPy."""
    rng = np.random.default_rng(seed)
    h, factors = rng.normal(size=width), []
    for _ in range(depth):
        weight = sigma_w * rng.normal(size=(width, width)) / np.sqrt(width)
        if name == "orthogonal":
            factors.append(sigma_w * np.linalg.qr(weight)[0])
            continue
        z = weight @ h + 0.05 * rng.normal(size=width)
        if name == "tanh":
            h, slope = np.tanh(z), 1 / np.cosh(z) ** 2
        elif name == "sigmoid":
            h = 1 / (1 + np.exp(-z))
            slope = h / (1 + np.exp(z))
        else:
            h, slope = np.maximum(z, 0), (z > 0).astype(float)
            # Only the direction matters for the masks: keep it from overflowing or dying out.
            h *= np.sqrt(width) / np.linalg.norm(h)
        factors.append(slope[:, None] * weight)
    return factors
