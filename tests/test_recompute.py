"""What `check` may run is exactly what carries the mark, and all of the reference still comes out."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from gradchain import recompute, registry
from gradchain._errors import DriftError
from gradchain._result import Result
from gradchain.certify import constants, derivatives, moments, rational
from gradchain.registry import How

MODULES = (rational, constants, derivatives, moments)


def marked() -> set[str]:
    """The dotted names of all functions under `certify` that carry the mark."""
    return {
        f"{module.__name__}.{name}"
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if hasattr(function, "__recomputable__") and function.__module__ == module.__name__
    }


def test_table_and_marks_agree():
    tabled = {name for name in recompute.TABLE if name.startswith("gradchain.certify.")}
    assert tabled == marked()


def test_every_mark_in_the_source_is_in_a_module_that_the_table_knows():
    source = Path(recompute.__file__).parent
    found = {
        f"gradchain.{'.'.join(path.relative_to(source).with_suffix('').parts)}"
        for path in source.rglob("*.py")
        if "\n@recomputable(" in path.read_text(encoding="utf-8")
    }
    assert found == {name.rpartition(".")[0] for name in recompute.TABLE}


@pytest.mark.parametrize("name", recompute.TABLE)
def test_each_entry_loads_the_function_of_its_name_with_a_schema_for_every_argument(name: str):
    function = recompute.TABLE[name].load()
    assert f"{function.__module__}.{function.__name__}" == name
    assert set(inspect.signature(function).parameters) == set(function.__recomputable__)
    assert inspect.signature(function).return_annotation is Result


def test_the_packaged_reference_comes_out_again_and_nothing_is_left_out():
    findings = recompute.check(registry.load())
    assert [item.sentence for item in findings if item.bad] == []
    assert {item.key for item in findings} == set(registry.load())
    allowed = {"agrees", "reported", "skipped"}
    assert {item.verdict for item in findings} <= allowed
    for item in findings:
        if item.verdict == "skipped":
            assert recompute.TABLE[registry.load()[item.key].how.function].needs_jax


@pytest.mark.parametrize(
    "function",
    ["os.system", "gradchain.cli.run", "gradchain.certify.rational.math.sqrt", "builtins.eval", ""],
)
def test_no_function_outside_the_table_is_ever_run(function: str):
    with pytest.raises(DriftError, match=r"is not a gradchain function; not run") as caught:
        recompute.run(How.of(function, command="exit 1"), "a.b")
    assert caught.value.exit_code == 4
    assert str(caught.value).startswith("a.b: ")


def test_the_quick_check_runs_without_jax():
    program = (
        "import sys\n"
        "from gradchain import recompute, registry\n"
        "findings = recompute.check(registry.load())\n"
        "print(len(findings), sorted({'jax', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(len(registry.load())), "[]"]
