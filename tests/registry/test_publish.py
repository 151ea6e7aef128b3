"""The packaged files and the page NUMBERS.md are what the maintainers' script writes."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gradchain import registry
from gradchain._errors import RegistryError
from gradchain._version import VERSION
from gradchain.registry import publish, reading

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
    provenance = json.loads(reading.packaged("provenance.json"))
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
