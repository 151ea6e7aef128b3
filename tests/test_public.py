"""The public surface: what the stub promises exists, and reading numbers stays light."""

import ast
import pathlib
import subprocess
import sys

import pytest

import gradchain as gch

ROOT = pathlib.Path(gch.__file__).parent
STUB = ast.parse((ROOT / "__init__.pyi").read_text(encoding="utf-8"))
PROMISED = [
    alias.name for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names
]


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_name_exists_and_is_documented(name):
    assert name in gch.__all__
    assert getattr(gch, name).__doc__


def test_the_contract_of_the_design_is_met():
    for name in (
        "activations mlp network_from_weights forward layer_jacobians jacobian_chain "
        "gradient_chain chain_bounds cite gradient_factors"
    ).split():
        assert name in PROMISED
    with pytest.raises(AttributeError):
        gch.no_such_name  # ruff: ignore[useless-expression]


@pytest.mark.parametrize(
    "code",
    [
        "import gradchain",
        "import gradchain; gradchain.cite('ln2')",
        "from gradchain.cli import run; run(['list', 'sigmoid'])",
        "from gradchain import registry; registry.load()",
    ],
)
def test_reading_numbers_imports_no_heavy_package(code):
    check = (
        "import sys; heavy = {'jax', 'numpy', 'matplotlib', 'optax'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    run = f"try:\n    {code}\nexcept SystemExit as stop:\n    assert not stop.code\n{check}"
    subprocess.run([sys.executable, "-c", run], check=True, capture_output=True, timeout=60)
