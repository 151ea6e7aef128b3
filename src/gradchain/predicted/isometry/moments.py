"""What are the moments of the squared singular values? Power series of the S-transform, in fractions.

With mu_k = E v^k, mu_1 = 1, chi the inverse of psi(x) = sum mu_k x^k and A(y) = chi(y)/y, Lagrange's
formula gives for J J^T

    m_k = (1/k) [y^(k-1)] A(y)^(-L k) (1 + y)^(e k),   e = 1 for Gaussian weights, -(L-1) for orthogonal.

Linear Gaussian: Fuss-Catalan numbers. All arithmetic is exact; only the mu_k may carry an error.

Sources: R. Speicher and A. Nica, Lectures on the combinatorics of free probability, 2006; Pennington
et al., arXiv:1802.09979.
"""

from collections.abc import Sequence
from fractions import Fraction


def power(series: Sequence[Fraction], exponent: int) -> list[Fraction]:
    """Return the power of a series whose first coefficient is 1, by Miller's recurrence.

    Args:
        series: coefficients, the first of them 1.
        exponent: any whole number.

    Returns:
        As many coefficients. Cost O(K^2).
    """
    result = [Fraction(1)]
    for n in range(1, len(series)):
        total = sum(
            ((exponent * j - (n - j)) * series[j] * result[n - j] for j in range(1, n + 1)),
            Fraction(0),
        )
        result.append(total / n)
    return result


def binomial_series(exponent: int, terms: int) -> list[Fraction]:
    """Return the coefficients of (1 + y)^exponent.

    Args:
        exponent: any whole number.
        terms: how many.

    Returns:
        Coefficients.
    """
    result = [Fraction(1)]
    for k in range(1, terms):
        result.append(result[-1] * (exponent - k + 1) / k)
    return result


def jacobian_moments(slopes: Sequence[Fraction], depth: int, orthogonal: bool) -> list[Fraction]:
    """Return m_1 .. m_K from mu_1 .. mu_K.

    Args:
        slopes: mu_1 .. mu_K, mu_1 = 1.
        depth: L.
        orthogonal: whether the weights are (else Gaussian).

    Returns:
        m_1 .. m_K, *exact* for these mu. Cost O(K^3) operations on fractions.
    """
    terms = len(slopes)
    # psi(x)/x, and its inverse divided by y, again by Lagrange: [y^n] = (1/(n+1)) [x^n] (psi/x)^-(n+1).
    psi = list(slopes)
    inverse = [power(psi[: n + 1], -(n + 1))[n] / (n + 1) for n in range(terms)]
    result = []
    for k in range(1, terms + 1):
        first = power(inverse[:k], -depth * k)
        second = binomial_series((-(depth - 1) if orthogonal else 1) * k, k)
        result.append(sum((first[j] * second[k - 1 - j] for j in range(k)), Fraction(0)) / k)
    return result
