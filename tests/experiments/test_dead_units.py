"""Half of the units are off: the exact shares against every sign pattern, and against drawn networks."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from gradchain import recompute
from gradchain._errors import UsageError
from gradchain.experiments import dead_units
from gradchain.registry.record import How


def counted(width: int, layer: int) -> Fraction:
    """The share of units off in a layer, by going through all sign patterns of all layers."""
    total, off = 0, 0
    for signs in product((0, 1), repeat=width * layer):
        rows = [signs[k * width : (k + 1) * width] for k in range(layer)]
        alive = all(any(row) for row in rows[:-1])
        off += width if not alive else width - sum(rows[-1])
        total += width
    return Fraction(off, total)


@pytest.mark.parametrize(("width", "layer"), [(1, 1), (1, 4), (2, 1), (2, 2), (2, 4), (3, 3)])
def test_a_unit_is_off_as_often_as_in_all_sign_patterns_together(width, layer):
    assert dead_units.off_share(width, layer) == counted(width, layer)


@pytest.mark.parametrize("law", ["uniform", "orthogonal"])
def test_drawn_networks_have_the_predicted_share_of_units_off_at_one_point(law):
    rng, width, depth, count = np.random.default_rng(7), 3, 6, 20_000
    h = np.broadcast_to(rng.normal(size=(width, 1)), (count, width, 1))
    for layer in range(1, depth + 1):
        w = rng.uniform(-1, 1, size=(count, width, width))
        if law == "orthogonal":
            q, r = np.linalg.qr(rng.normal(size=(count, width, width)))
            w = q * np.sign(np.einsum("sii->si", r))[:, None, :]
        z = w @ h
        h = np.maximum(z, 0)
        off = (z <= 0).mean(axis=(1, 2))
        error = off.std() / np.sqrt(count)
        assert abs(off.mean() - float(dead_units.off_share(width, layer))) < 5 * error
        silent = np.mean(~h.any(axis=(1, 2)))
        expected = float(dead_units.silent_share(width, layer))
        assert abs(silent - expected) < 5 * np.sqrt(expected / count)


def test_the_registry_runs_both_without_jax_and_gets_the_same_fraction():
    name = "gradchain.experiments.dead_units."
    found = recompute.run(How.of(f"{name}inactive_units", width=10, layer=30))
    assert Fraction(found.value) == 1 - Fraction(1023, 1024) ** 29 / 2
    found = recompute.run(How.of(f"{name}silent_points", width=2, depth=3))
    assert found.value == "37/64"
    assert not recompute.TABLE[f"{name}inactive_units"].needs_jax


@pytest.mark.parametrize("sizes", [(0, 1), (3, 0), (3, 20_000)])
def test_layers_that_cannot_be_are_refused(sizes):
    with pytest.raises(UsageError, match="whole number"):
        dead_units.off_share(*sizes)
