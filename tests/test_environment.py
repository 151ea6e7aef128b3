"""A newcomer's machine: the environment is made with uv or with pip, and the wheel stands alone."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(sys.executable).parent


def run(*command, **options):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    env |= options.pop("env", {})
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=600, env=env, **options
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_the_environment_is_made_with_either_installer(installer, tmp_path):
    folder = tmp_path / "env"
    env = {"GRADCHAIN_INSTALLER": installer, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    # pip's spelling of "leave out the bytecode", half of its time; Python writes what it imports.
    env["PIP_NO_COMPILE"] = "0"
    run("sh", ROOT / "tools" / "environment.sh", folder, env=env)
    said = run(folder / "bin" / "gradchain", "cite", "sigmoid.chain.bound.n5")
    assert "9.77" in said
    code = "import gradchain, jax; print(gradchain.mlp(jax.random.key(0), depth=2, width=3).depth)"
    assert run(folder / "bin" / "python", "-c", code).strip() == "2"
    assert not (ROOT / "uv.lock").exists()


def test_the_wheel_cites_a_number_in_a_bare_environment(tmp_path):
    # Built without isolation, so that nothing but the pinned hatchling is needed.
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    run(*build, cwd=ROOT)
    (wheel,) = tmp_path.glob("gradchain-*.whl")
    folder = tmp_path / "bare"
    env = {"UV_PYTHON_DOWNLOADS": "never"}
    uv = BIN / "uv"
    run(uv, "venv", "--quiet", "--python", sys.executable, folder, env=env)
    python = folder / "bin" / "python"
    constraints = tmp_path / "pins.txt"
    pins = (ROOT / "constraints" / "dev.txt").read_text(encoding="utf-8").splitlines()
    constraints.write_text(
        "\n".join(line.rstrip(" \\") for line in pins if line and not line.startswith((" ", "#")))
    )
    run(uv, "pip", "install", "--quiet", "--python", python, "-c", constraints, wheel, env=env)
    said = run(folder / "bin" / "gradchain", "cite", "sigmoid.chain.bound.n5", cwd=tmp_path)
    assert "9.77" in said
    assert "upper bound" in said
    listed = run(folder / "bin" / "gradchain", "check", "--level", "quick", cwd=tmp_path)
    assert "agree" in listed
