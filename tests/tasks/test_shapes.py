"""The curves against closed forms by other means, the noise and the order against their laws.

False alarms: draws are seeded, so a run repeats; over fresh seeds each z-test fails a right program
with probability 2e-8 (|z| < 5.6) and each Kolmogorov test with 2e-8 (D sqrt(N) < 3.04). There are
some 20 of them: in all less than 1e-6.
"""

import cmath
import csv
import math
import pathlib

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gradchain import tasks
from gradchain._errors import UsageError

Z, KOLMOGOROV = 5.6, 3.04
KEYS = 400
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
MAKERS = {
    "moons": (tasks.moons, tasks.moons_curve),
    "circles": (tasks.circles, tasks.circles_curve),
    "spirals": (tasks.spirals, tasks.spirals_curve),
}


def as_set(points, labels):
    return sorted(map(tuple, np.column_stack([points, labels]).tolist()))


@pytest.mark.parametrize("n", [2, 3, 5, 64, 250, 251])
def test_moons_lie_on_half_circles_to_the_last_bits_of_float64(n):
    # Channel two: 30-digit arithmetic. pi and t are rounded (|t| <= pi), cos and sin are within an
    # ulp, the inner moon is rounded twice more: 4 pi eps bounds them together.
    points, labels = tasks.moons_curve(n)
    assert labels.tolist() == [0] * (n // 2) + [1] * (n - n // 2)
    with mpmath.workdps(30):
        for curve, size in ((0, n // 2), (1, n - n // 2)):
            for i, point in enumerate(points[labels == curve]):
                t = mpmath.pi * i / (size - 1) if size > 1 else mpmath.mpf(0)
                x, y = mpmath.cos(t), mpmath.sin(t)
                exact = (x, y) if curve == 0 else (1 - x, mpmath.mpf(1) / 2 - y)
                error = max(
                    abs(mpmath.mpf(float(p)) - q) for p, q in zip(point, exact, strict=True)
                )
                assert error <= 4 * math.pi * 2.0**-53 * 2


@pytest.mark.parametrize("n", [5, 250])
def test_moons_are_the_formula_that_scikit_learn_prints(n):
    # Entry by entry in the order and with the roundings of make_moons; peers/ asks the library itself.
    points, labels = tasks.moons_curve(n)
    t, s = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    np.testing.assert_array_equal(points[:, 0], np.append(np.cos(t), 1 - np.cos(s)))
    np.testing.assert_array_equal(points[:, 1], np.append(np.sin(t), 1 - np.sin(s) - 0.5))
    assert points.dtype == np.float64
    assert labels.dtype == np.int32


@pytest.mark.parametrize("n", [2, 7, 250])
@pytest.mark.parametrize(
    ("curve", "roots"),
    [
        # In the complex plane: roots of unity, and the two arms of a spiral.
        (
            lambda n: tasks.circles_curve(n, 0.3),
            lambda k, m, c: (1, 0.3)[c] * cmath.exp(2j * math.pi * k / m),
        ),
        (
            lambda n: tasks.spirals_curve(n, 1.75),
            lambda k, m, c: (1, -1)[c] * (k + 1) / m * cmath.exp(3.5j * math.pi * (k + 1) / m),
        ),
    ],
    ids=["circles", "spirals"],
)
def test_circles_and_spirals_are_powers_of_one_complex_number(curve, roots, n):
    points, labels = curve(n)
    for label in (0, 1):
        own = points[labels == label]
        assert len(own) == (n - n // 2 if label else n // 2)
        exact = np.array([roots(k, len(own), label) for k in range(len(own))])
        # Angles up to 3.5 pi, a few roundings each, in both channels.
        assert np.abs(own[:, 0] + 1j * own[:, 1] - exact).max() <= 8 * 3.5 * math.pi * 2.0**-53


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("n", [3, 250])
def test_without_noise_a_task_is_its_curve_in_another_order(name, n):
    make, curve = MAKERS[name]
    task = make(jax.random.key(8), n, 0.0)
    points, labels = curve(n)
    assert (task.inputs.dtype, task.targets.dtype) == (jnp.float32, jnp.int32)
    assert as_set(task.inputs, task.targets) == as_set(points.astype(np.float32), labels)
    assert (task.name, task.kind, task.classes, task.outputs) == (name, "binary", 2, 1)
    if n == 250:
        assert not np.array_equal(task.targets, labels)


@pytest.fixture(scope="module", params=sorted(MAKERS))
def many(request):
    make, curve = MAKERS[request.param]
    keys = jax.random.split(jax.random.key(17), KEYS)
    task = jax.jit(jax.vmap(lambda key: make(key, 61, 0.3)))(keys)
    return np.asarray(task.inputs, np.float64), np.asarray(task.targets), curve(61)


def test_noise_is_independent_normal_of_the_declared_size(many):
    # The sum over a class does not feel the order: sum x - sum curve is exactly N(0, m noise^2).
    inputs, targets, (points, labels) = many
    sums = []
    for label in (0, 1):
        size = (labels == label).sum()
        inside = (targets == label)[..., None]
        shift = (inputs * inside).sum(axis=1) - points[labels == label].sum(axis=0)
        sums.append(shift / (0.3 * math.sqrt(size)))
        # sum |x|^2 - sum |c|^2 = sum 2 c.e + |e|^2: mean 2 m s^2, variance 4 s^2 sum|c|^2 + 4 m s^4.
        energy = (points[labels == label] ** 2).sum()
        gap = (inputs**2 * inside).sum(axis=(1, 2)) - energy - 2 * size * 0.09
        deviation = math.sqrt((4 * 0.09 * energy + 4 * size * 0.09**2) / KEYS)
        assert abs(gap.mean()) < Z * deviation
    ordered = np.sort(np.ravel(sums))
    steps = np.arange(ordered.size + 1) / ordered.size
    distance = np.array([0.5 * math.erfc(-t / math.sqrt(2)) for t in ordered])
    gap = max(np.abs(distance - steps[1:]).max(), np.abs(distance - steps[:-1]).max())
    assert gap * math.sqrt(ordered.size) < KOLMOGOROV
    x, y = np.moveaxis(np.array(sums), -1, 0)
    assert abs((x * y).sum()) < Z * math.sqrt(x.size)


def test_points_come_in_random_order_so_that_a_batch_holds_both_classes(many):
    _, targets, _ = many
    n, ones = 61, 31
    np.testing.assert_array_equal(targets.sum(axis=1), ones)
    share = ones / n
    # Each place holds class 1 with probability 31/61; 61 places at 5.6 sigma: 1.3e-6 of a Gaussian
    # tail is too much, so 6.2 sigma (6e-10 each, 4e-8 for all; KEYS are enough for that tail).
    places = (targets.mean(axis=0) - share) / math.sqrt(share * (1 - share) / KEYS)
    assert np.abs(places).max() < 6.2
    # The first 30 labels are drawn without replacement: hypergeometric.
    first = targets[:, :30].sum(axis=1)
    variance = 30 * share * (1 - share) * (n - 30) / (n - 1)
    assert abs(first.mean() - 30 * share) < Z * math.sqrt(variance / KEYS)
    assert abs(first.var() / variance - 1) < Z * math.sqrt(2 / KEYS)


def test_draws_are_pure_functions_of_the_key_also_inside_programs():
    key = jax.random.key(3)
    plain, again = tasks.moons(key, 50, 0.1), jax.jit(lambda k: tasks.moons(k, 50, 0.1))(key)
    # Fused and unfused, exact + size * drawn differ by roundings of terms below 3.
    np.testing.assert_allclose(plain.inputs, again.inputs, rtol=0, atol=3 * 2.0**-23)
    np.testing.assert_array_equal(plain.targets, again.targets)
    assert not np.array_equal(plain.inputs, tasks.moons(jax.random.key(4), 50, 0.1).inputs)
    traced = jax.jit(lambda size: tasks.moons(key, 50, size))(jnp.float32(0.1))
    np.testing.assert_allclose(plain.inputs, traced.inputs, rtol=0, atol=3 * 2.0**-23)


def test_the_lecture_notes_points_are_two_moons_with_noise_a_twentieth():
    with (DATA / "two_moons_train.csv").open(encoding="utf-8") as file:
        rows = np.array([[float(v) for v in row.values()] for row in csv.DictReader(file)])
    assert rows.shape == (200, 3)
    points, labels = tasks.moons_curve(250)
    nearest = np.array([
        np.linalg.norm(points[labels == c] - (x, y), axis=1).min() for x, y, c in rows
    ])
    # The nearest point of its own moon is at most as far as its noise, sqrt(0.05^2 chi^2_2):
    # P(farther than r) = exp(-r^2/(2 0.05^2)), which for 200 points is 1e-6 at r = 0.31.
    assert nearest.max() < 0.05 * math.sqrt(2 * math.log(200 / 1e-6))
    assert tasks.majority_share(tasks.from_arrays(rows[:, :2], rows[:, 2])) == 0.51


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda key: tasks.moons(key, 1), "got n=1, expected a whole number of at least 2"),
        (lambda key: tasks.moons(key, 2.5), "got n=2.5"),
        (lambda key: tasks.moons(key, True), "got n=True"),
        (lambda key: tasks.moons(key, noise=-0.1), "got noise=-0.1, expected a finite number of"),
        (lambda key: tasks.moons(key, noise=math.nan), "got noise=nan"),
        (lambda key: tasks.moons(key, noise=True), "got noise=True"),
        (lambda key: tasks.moons(key, noise="small"), "got noise='small'"),
        (lambda key: tasks.moons(key, noise=jnp.float32(-1)), "got noise="),
        (lambda key: tasks.moons(key, noise=jnp.ones(2)), "got noise="),
        (lambda key: tasks.moons(0), "use jax.random.key(seed)"),
        (lambda key: tasks.circles(key, factor=1.0), "got factor=1.0, expected a number between"),
        (lambda key: tasks.circles(key, factor=0), "got factor=0"),
        (lambda key: tasks.spirals(key, turns=0), "got turns=0, expected a finite number above 0"),
        (lambda key: tasks.spirals(key, turns=math.inf), "got turns=inf"),
        (lambda key: tasks.spirals(key, turns=jnp.float32(1)), "expected a Python number"),
    ],
)
def test_a_wrong_argument_gets_one_sentence_with_what_to_do(call, words, as_a_user):
    with pytest.raises(UsageError) as caught:
        call(jax.random.key(0))
    assert words in str(caught.value)
