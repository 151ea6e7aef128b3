"""The packaged files and the page NUMBERS.md are what the maintainers' script writes."""

import hashlib
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradchain import registry
from gradchain._errors import RegistryError
from gradchain._version import VERSION
from gradchain.registry import publish, reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_numbers_is_the_one_generated_from_the_registry():
    page = (ROOT / "NUMBERS.md").read_text(encoding="utf-8")
    assert page == publish.numbers_markdown(registry.load())


def test_every_key_stands_on_the_page_once_with_its_value():
    page = publish.numbers_markdown(registry.load())
    for key, number in registry.load().items():
        rows = [line for line in page.splitlines() if line.startswith(f"| `{key}` |")]
        assert len(rows) == 1
        assert f"| {registry.shown(number, 'text')}" in rows[0]
        assert number.kind in rows[0]


def test_a_table_row_cannot_be_broken_by_what_a_record_says():
    number = replace(
        registry.load()["ln2"], statement="a | b <script> $x$ \\", conditions="`c` & **d**."
    )
    page = publish.numbers_markdown({number.key: number})
    row = next(line for line in page.splitlines() if line.startswith("| `ln2`"))
    assert row.count(" | ") == 3
    assert "<script" not in row


def test_building_twice_changes_nothing_and_the_checksum_fits(tmp_path: Path):
    numbers = list(registry.load().values())
    versions = {"gradchain": VERSION}
    publish.build_reference(numbers, [], tmp_path, versions, "2026-01-31")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    publish.build_reference(numbers[::-1], [], tmp_path, versions, "2027-12-31")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert set(first) == {"numbers.json", "provenance.json", "checksum.txt"}
    digest = hashlib.sha256(first["numbers.json"]).hexdigest()
    assert first["checksum.txt"].decode().split() == [digest, "numbers.json"]


def test_the_packaged_provenance_names_versions_and_no_machine():
    provenance = json.loads(reference.packaged("provenance.json"))
    assert provenance["versions"]["gradchain"] == VERSION
    assert set(provenance) == {"date", "python", "platform", "versions", "numbers"}
    assert provenance["numbers"] == len(registry.load())


def test_numbers_of_a_study_join_the_catalogue_unless_they_contradict_it(tmp_path: Path):
    known = registry.load()["ln2"]
    new = replace(known, key="a.study.number", study="a study")
    path = registry.write(tmp_path / "numbers.json", [new, replace(known, statement="Other.")])
    merged = publish.merge([known], [path])
    assert {number.key for number in merged} == {"ln2", "a.study.number"}
    assert known in merged
    path = registry.write(tmp_path / "numbers.json", [replace(known, value="0.7", enclosure=None)])
    with pytest.raises(RegistryError, match=r"ln2: .* says '0.7', another source says '0.693"):
        publish.merge([known], [path])


def test_the_provenance_says_day_python_system_versions_and_how_many(tmp_path: Path):
    numbers = [registry.load()["ln2"]]
    publish.build_reference(numbers, [], tmp_path, {"b": "2", "a": "1"}, "2026-01-31")
    text = (tmp_path / "provenance.json").read_text(encoding="ascii")
    found = json.loads(text)
    assert found == {
        "date": "2026-01-31",
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "versions": {"a": "1", "b": "2"},
        "numbers": 1,
    }
    assert list(found["versions"]) == ["a", "b"]
    assert text == json.dumps(found, indent=1) + "\n"
    checksum = (tmp_path / "checksum.txt").read_text(encoding="ascii")
    assert checksum.endswith("  numbers.json\n")


def test_a_row_says_unit_role_type_and_device():
    plain = registry.load()["ln2"]
    number = replace(
        plain, unit="nat", role="upper bound", dtype="float32", device="cpu", conditions="Width 8."
    )
    page = publish.numbers_markdown({"ln2": number})
    assert "| `ln2` | 0.6931 nat | " + f"{plain.kind}; upper bound; float32, cpu | " in page
    assert page.rstrip().endswith(" *Conditions:* Width 8. |")
    bare = replace(plain, unit="1", role="value", conditions="")
    row = publish.numbers_markdown({"ln2": bare}).rstrip().splitlines()[-1]
    assert row == f"| `ln2` | 0.6931 | {plain.kind} | {publish._cell(plain.statement)} |"
