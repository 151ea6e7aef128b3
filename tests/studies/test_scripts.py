"""Every script in studies/ runs at smoke scale, and what it says agrees with what it computed."""

import importlib.util
import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gradchain import recompute
from gradchain.registry import load, read
from gradchain.study import UsageError, run

STUDIES = Path(__file__).parents[2] / "studies"


def script(name):
    spec = importlib.util.spec_from_file_location(f"study_{name}", STUDIES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def whisper(out):
    module = script("whisper_chain")
    run(module.STUDY, scale="smoke", out=out, say=lambda text: None)
    return module


@pytest.fixture(scope="module")
def slopes(out):
    module = script("activation_derivatives")
    run(module.STUDY, scale="smoke", out=out, say=lambda text: None)
    return module


def test_whisper_numbers_are_the_packaged_ones_and_come_out_again(whisper, out):
    numbers = read(out / "whisper_chain" / "numbers.json")
    reference = load()
    for key, number in numbers.items():
        if key in reference:
            assert number.rational == reference[key].rational
    assert [found.sentence for found in recompute.check(numbers) if found.bad] == []


def test_whisper_losses_are_where_numpy_rounds_the_exact_power_to_zero(whisper, out):
    numbers = read(out / "whisper_chain" / "numbers.json")
    for text, name in (("0.1", "tenth"), ("0.5", "half"), ("0.9", "ninetenths")):
        for dtype in (np.float16, np.float32, np.float64):
            key = f"whisper.{name}.lost.{dtype.__name__}"
            n = int(numbers[key].rational)
            # Fraction to float64 is correctly rounded; a second rounding moves no zero here, since
            # the powers are far from half the smallest number, or equal to it.
            assert dtype(float(Fraction(text) ** n)) == 0
            assert dtype(float(Fraction(text) ** (n - 1))) > 0


def test_whisper_curves_are_the_logarithms_of_the_powers(whisper, out):
    rows = (out / "whisper_chain" / "powers.csv").read_text().splitlines()[1:]
    for row in rows:
        factor, n, log10 = row.split(",")
        expected = int(n) * math.log10(float(factor))
        # The difference of two logarithms, of at most 1.05 n each, each right to a few ulp.
        allowed = 8 * sys.float_info.epsilon * (1 + int(n))
        assert abs(float(log10) - expected) <= allowed


@pytest.mark.parametrize(
    "changes",
    [
        {"depth": 0},
        {"depth": 10**9},
        {"factors": ("0.5", "0.9")},
        {"factors": ("0.1", "0.5", "0.9", "2")},
        {"factors": ("0.1", "0.5", "0.9", "0.9")},
    ],
)
def test_whisper_refuses_impossible_settings(changes):
    with pytest.raises(UsageError, match="expected"):
        script("whisper_chain").STUDY.config("smoke", changes)


def test_every_activation_is_drawn_and_no_slope_exceeds_its_proved_supremum(slopes, out):
    from gradchain import activations

    assert sorted(slopes.NAMES) == sorted(activations.NAMES)
    rows = (out / "activation_derivatives" / "curves.csv").read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == set(activations.NAMES)
    reference = load()
    for row in rows:
        name, _, _, slope = row.split(",")
        top = float(reference[slopes.key(name, "sup")].rational)
        assert abs(float(slope)) <= top * (1 + 4 * sys.float_info.epsilon)


def test_drawn_slopes_are_the_differences_of_the_drawn_values(slopes):
    from gradchain.study import Cell

    for name in ("sigmoid", "gelu", "mish"):
        cell = Cell(name, {"activation": name, "points": 2001, "limit": 6.0})
        found = slopes.compute(cell)
        h = found["x"][1] - found["x"][0]
        central = (found["value"][2:] - found["value"][:-2]) / (2 * h)
        # |phi'''| <= 2 for these, so the central difference is off by at most h^2 / 3.
        assert np.max(np.abs(central - found["slope"][1:-1])) <= h**2 / 3 + 1e-12


def test_a_slope_above_its_supremum_is_a_defect_and_said(slopes):
    from gradchain._errors import DriftError

    reference = load()
    results = {"sigmoid": {"slope": np.array([0.2500001])}}
    with pytest.raises(DriftError, match="slope of sigmoid reaches"):
        slopes._check_curves(results, {"sigmoid": reference["sigmoid.derivative.sup"]})


def test_every_figure_has_three_formats_and_an_alt_text(whisper, slopes, out):
    figures = sorted(path.with_suffix("").with_suffix("") for path in out.glob("*/*.alt.txt"))
    assert len(figures) == 6
    for figure in figures:
        for end in (".svg", ".pdf", ".png"):
            assert figure.with_suffix(end).stat().st_size > 1000
        assert len(figure.with_suffix(".alt.txt").read_text()) > 80
