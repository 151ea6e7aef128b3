"""Two runs share cells only if settings, versions and the code that computes are the same."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradchain._errors import UsageError
from gradchain.study import Cell, identity

TOY = Path(__file__).parent / "data" / "toy_study.py"


@pytest.fixture
def study():
    spec = importlib.util.spec_from_file_location("toy_study", TOY)
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_study"] = module
    spec.loader.exec_module(module)
    return module.STUDY


def identify(study, scale="lecture", seed=0, **changes):
    return identity.identify(study, study.config(scale, changes), scale, seed)


def test_every_setting_and_the_source_change_the_name_of_a_cell(study, monkeypatch):
    cell = Cell("c", {"x": 1})
    names = {
        identify(study).cell(cell),
        identify(study, depth=9).cell(cell),
        identify(study, seed=1).cell(cell),
        identify(study).cell(Cell("d", {"x": 1})),
        identify(study).cell(Cell("c", {"x": 2})),
        identify(study).cell(Cell("c", {"x": 1}, seed=3)),
        replace(identify(study), source="0").cell(cell),
    }
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    names.add(identify(study).cell(cell))
    assert len(names) == 8


def test_the_same_run_has_the_same_identity(study):
    assert identify(study) == identify(study)
    assert json.loads(json.dumps(identify(study).as_json())) == identify(study).as_json()


def test_an_edited_script_is_another_source(study, tmp_path):
    copy = tmp_path / "toy_study.py"
    copy.write_bytes(TOY.read_bytes())
    assert identity.source_hash(copy) == identity.source_hash(TOY)
    other = tmp_path / "other.py"
    other.write_bytes(TOY.read_bytes() + b"\n# changed\n")
    assert identity.source_hash(other) != identity.source_hash(TOY)


def test_imports_are_followed_also_inside_functions_and_through_modules(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("def f():\n    from gradchain.certify import rational\n")
    found = {path.name for path in identity._imports(script)}
    assert "rational.py" in found
    whole = tmp_path / "whole.py"
    whole.write_text("import gradchain as gch\n")
    names = {path.relative_to(identity._ROOT).parts[0] for path in identity._imports(whole)}
    assert {"study", "certify", "registry", "activations"} <= names


def test_code_that_only_draws_does_not_touch_the_cells(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("from gradchain.figures import Picture\n")
    edited = identity._ROOT / "figures" / "style.py"
    before = {skip: identity.source_hash(script, skip) for skip in ((), identity._NOT_COMPUTING)}
    real = identity._file_hash
    monkeypatch.setattr(
        identity, "_file_hash", lambda path: "edited" if path == edited else real(path)
    )
    after = {skip: identity.source_hash(script, skip) for skip in before}
    assert after[()] != before[()]
    assert after[identity._NOT_COMPUTING] == before[identity._NOT_COMPUTING]


def test_differences_are_named_one_by_one():
    old = {"seed": 0, "scale": "lecture", "config": {"depth": 3, "chunk": 16}}
    new = {"seed": 1, "scale": "lecture", "config": {"depth": 3, "chunk": 32}}
    assert identity.differences(old, new) == ["seed 0 there, 1 here", "chunk 16 there, 32 here"]
    assert identity.differences(old, old) == []
    assert identity.differences({}, new)


def test_settings_that_are_not_plain_are_refused(study):
    with pytest.raises(UsageError, match="not plain JSON"):
        identify(study, factors=(float("nan"),))
    with pytest.raises(UsageError, match="not plain JSON"):
        identify(study, factors=(object(),))
