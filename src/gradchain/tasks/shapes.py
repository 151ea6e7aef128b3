"""Two classes in the plane: moons, circles and spirals, on exact curves with normal noise.

Every maker takes the points of a curve (float64 by NumPy when the program is built, then rounded to
float32), puts them in random order, and adds independent N(0, noise^2) to each coordinate.
Cost O(n log n).
"""

import jax
import jax.numpy as jnp
import numpy as np

from gradchain._errors import UsageError
from gradchain._types import in_short, random_key, whole_number
from gradchain.tasks.noun import Real, Task, amount

Curve = tuple[np.ndarray, np.ndarray]


def _two_classes(first: np.ndarray, second: np.ndarray) -> Curve:
    """Stack the points of class 0 and class 1."""
    labels = np.repeat(np.arange(2, dtype=np.int32), [len(first), len(second)])
    return np.concatenate([first, second]), labels


def moons_curve(n: int = 250) -> Curve:
    """Return the noise-free points of two moons.

    Outer moon (class 0, n // 2 points): (cos t, sin t); inner moon (class 1, the rest):
    (1 - cos t, 1 - sin t - 1/2); t equally spaced on [0, pi], both ends taken. Every float64 is that
    of scikit-learn's `make_moons(n, noise=None, shuffle=False)`.

    Args:
        n: number of points, at least 2.

    Returns:
        Points (n, 2) float64 and classes (n,) int32, outer moon first.

    Example:
        >>> moons_curve(4)[0].round(3).tolist()
        [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [2.0, 0.5]]
    """
    n = whole_number("n", n, 2)
    outer, inner = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    # Written as scikit-learn writes it: 1 - sin(t) - 0.5 and 0.5 - sin(t) differ in the last bit.
    return _two_classes(
        np.stack([np.cos(outer), np.sin(outer)], axis=1),
        np.stack([1 - np.cos(inner), 1 - np.sin(inner) - 0.5], axis=1),
    )


def circles_curve(n: int = 250, factor: float = 0.8) -> Curve:
    """Return the noise-free points of two circles around the origin.

    Radius 1 (class 0, n // 2 points) and radius `factor` (class 1, the rest), at equal angles on
    [0, 2 pi), as scikit-learn's `make_circles(n, factor=factor, shuffle=False)`.

    Args:
        n: number of points, at least 2.
        factor: inner radius, between 0 and 1.

    Returns:
        Points (n, 2) float64 and classes (n,) int32, outer circle first.

    Raises:
        UsageError: if the factor is not above 0 and below 1.

    Example:
        >>> circles_curve(4, factor=0.5)[0].round(3).tolist()
        [[1.0, 0.0], [-1.0, 0.0], [0.5, 0.0], [-0.5, 0.0]]
    """
    n = whole_number("n", n, 2)
    number = isinstance(factor, (float, np.floating))
    if not number or not 0 < factor < 1:
        raise UsageError(f"got factor={in_short(factor)}, expected a number between 0 and 1")
    outer = np.linspace(0, 2 * np.pi, n // 2, endpoint=False)
    inner = np.linspace(0, 2 * np.pi, n - n // 2, endpoint=False)
    return _two_classes(
        np.stack([np.cos(outer), np.sin(outer)], axis=1),
        np.stack([np.cos(inner) * factor, np.sin(inner) * factor], axis=1),
    )


def spirals_curve(n: int = 250, turns: float | int = 1.5) -> Curve:
    """Return the noise-free points of two spirals, each the other turned by half a circle.

    Point i = 1 .. m of the first arm (class 0, m = n // 2) lies at radius r = i/m and angle
    2 pi turns r; the second arm (class 1, the rest) is made alike and negated. Along a ray the arms
    are 1/(2 turns) apart. After Lang and Witbrock, Learning to tell two spirals apart (1988).

    Args:
        n: number of points, at least 2.
        turns: full turns of an arm, above 0.

    Returns:
        Points (n, 2) float64 and classes (n,) int32, first arm first.

    Raises:
        UsageError: if turns is a JAX array: the curve is built by NumPy.

    Example:
        >>> spirals_curve(4, turns=1)[0].round(3).tolist()
        [[-0.5, 0.0], [1.0, -0.0], [0.5, -0.0], [-1.0, 0.0]]
    """
    n = whole_number("n", n, 2)
    if isinstance(turns, jax.Array):
        raise UsageError("got a JAX array as turns, expected a Python number")
    amount("turns", turns, above=True)

    def arm(points: int) -> np.ndarray:
        radius = np.arange(1, points + 1) / points
        angle = 2 * np.pi * turns * radius
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)

    return _two_classes(arm(n // 2), -arm(n - n // 2))


def _noisy(key: jax.Array, curve: Curve, noise: Real, name: str) -> Task:
    """Shuffle the points of a curve and add noise."""
    order_key, noise_key = jax.random.split(random_key(key))
    size = jnp.asarray(amount("noise", noise), jnp.float32)
    points, labels = curve
    order = jax.random.permutation(order_key, len(labels))
    exact = jnp.asarray(points.astype(np.float32))[order]
    drawn = jax.random.normal(noise_key, exact.shape, jnp.float32)
    return Task(exact + size * drawn, jnp.asarray(labels)[order], name, "binary", 2)


def moons(key: jax.Array, n: int = 250, noise: Real = 0.05) -> Task:
    """Draw two moons, in the law of scikit-learn's `make_moons(n, noise=noise)`.

    Args:
        key: a JAX random key.
        n: number of points; n // 2 on the outer moon (class 0), the rest on the inner (class 1).
        noise: standard deviation of the noise in each coordinate, at least 0.

    Returns:
        A binary task in random order; with noise 0 its points are those of `moons_curve` rounded to
        float32.

    Raises:
        UsageError: if an argument cannot be used.

    Example:
        >>> import jax
        >>> moons(jax.random.key(0), 250, 0.05)
        Task(moons, binary, inputs (250, 2), targets (250,))
    """
    return _noisy(key, moons_curve(n), noise, "moons")


def circles(key: jax.Array, n: int = 250, noise: Real = 0.05, factor: float = 0.8) -> Task:
    """Draw two circles, in the law of scikit-learn's `make_circles`.

    Args:
        key: a JAX random key.
        n: number of points; n // 2 on the outer circle (class 0), the rest on the inner (class 1).
        noise: standard deviation of the noise in each coordinate, at least 0.
        factor: inner radius, between 0 and 1.

    Returns:
        A binary task in random order.

    Raises:
        UsageError: if an argument cannot be used.

    Example:
        >>> import jax
        >>> circles(jax.random.key(0), 100)
        Task(circles, binary, inputs (100, 2), targets (100,))
    """
    return _noisy(key, circles_curve(n, factor), noise, "circles")


def spirals(key: jax.Array, n: int = 250, noise: Real = 0.02, turns: float | int = 1.5) -> Task:
    """Draw two spirals: a task that a shallow network learns slowly.

    Args:
        key: a JAX random key.
        n: number of points; n // 2 on the first arm (class 0), the rest on the second (class 1).
        noise: standard deviation of the noise in each coordinate, at least 0.
        turns: full turns of an arm; arms are 1/(2 turns) apart along a ray.

    Returns:
        A binary task in random order.

    Raises:
        UsageError: if an argument cannot be used.

    Example:
        >>> import jax
        >>> spirals(jax.random.key(0), turns=2.0)
        Task(spirals, binary, inputs (250, 2), targets (250,))
    """
    return _noisy(key, spirals_curve(n, turns), noise, "spirals")
