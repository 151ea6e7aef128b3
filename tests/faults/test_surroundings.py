"""Whatever JAX_* and PYTHON* variables a user has set: the right answer, or one sentence."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gradchain.cli

SOURCE = Path(gradchain.cli.__file__).parents[1]
PROBE = Path(__file__).with_name("surroundings_probe.py")


def probe(*words, **variables):
    return subprocess.run(
        [sys.executable, str(PROBE), *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def usual():
    done = probe()
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[1:]


def test_the_strictest_surroundings_change_no_digit(usual):
    done = probe(
        "all",
        JAX_DEBUG_NANS="1",
        JAX_NUMPY_DTYPE_PROMOTION="strict",
        JAX_NUMPY_RANK_PROMOTION="raise",
        PYTHONWARNINGS="error",
        PYTHONOPTIMIZE="2",
        XLA_FLAGS="--xla_force_host_platform_device_count=2",
    )
    assert done.returncode == 0, done.stderr
    devices, *found = done.stdout.split()
    assert (devices, found[: len(usual)]) == ("2", usual)
    assert "nan" not in found


@pytest.mark.parametrize(
    "variables", [{"JAX_DISABLE_JIT": "1"}, {"JAX_CHECK_TRACER_LEAKS": "1"}], ids=lambda v: min(v)
)
def test_without_compilation_and_with_leak_checks_the_answer_is_the_same(usual, variables):
    done = probe(**variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == usual


def test_64_bit_mode_gives_the_same_chain_to_six_digits(usual):
    done = probe(JAX_ENABLE_X64="1")
    assert done.returncode == 0, done.stderr
    found = [float(word) for word in done.stdout.split()[1:]]
    assert found == pytest.approx([float(word) for word in usual], rel=2e-5)


STUDY = """
from gradchain.study import Cell, Study, main
from dataclasses import dataclass
@dataclass(frozen=True)
class Config:
    depth: int = 1
def compute(cell):
    import jax.numpy as jnp
    return {"one": jnp.ones(2)}
scales = dict.fromkeys(("smoke", "lecture", "paper"), Config())
study = Study("jaxy", "T", "Is it?", scales, lambda c: [Cell("a", {})], compute, lambda c, r: None)
main(study)
"""


@pytest.mark.parametrize(("name", "value"), [("JAX_PLATFORMS", "tpu"), ("JAX_ENABLE_X64", "maybe")])
def test_where_jax_cannot_start_a_study_says_so_in_one_sentence(tmp_path, name, value):
    script = tmp_path / "jaxy.py"
    script.write_text(STUDY)
    done = subprocess.run(
        [sys.executable, str(script), "--out", str(tmp_path / "out")],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("jaxy: JAX does not start here: ")
    assert f"look at {name}={value}" in done.stderr


def test_where_jax_cannot_start_a_full_check_says_so_in_one_sentence():
    from gradchain.recompute import TABLE
    from gradchain.registry import load

    key = next(k for k, n in load().items() if n.how and TABLE[n.how.function].needs_jax)
    done = subprocess.run(
        [sys.executable, "-m", "gradchain", "check", "--level", "full", key],
        env={**os.environ, "JAX_PLATFORMS": "tpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("gradchain: JAX does not start here: ")
    assert done.stderr.count("\n") == 1


def test_where_jax_is_broken_numbers_are_read_and_a_full_check_says_so(tmp_path):
    from gradchain.recompute import TABLE
    from gradchain.registry import load

    (tmp_path / "jax").mkdir()
    (tmp_path / "jax/__init__.py").write_text("raise RuntimeError('jaxlib is broken')")
    heavy = next(k for k, n in load().items() if n.how and TABLE[n.how.function].needs_jax)

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "gradchain", *words],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("cite", heavy).returncode == 0
    assert run("check", "ln2").returncode == 0
    done = run("check", "--level", "full", heavy)
    assert done.returncode == 2
    assert done.stderr.startswith("gradchain: JAX does not start here: jaxlib is broken")
    assert done.stderr.count("\n") == 1


def test_no_check_is_an_assert_that_python_o_would_drop():
    for path in sorted(SOURCE.rglob("*.py")):
        found = [
            n.lineno for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Assert)
        ]
        assert not found, f"{path}: assert at lines {found}"
