"""The table of faults names tests that exist, and every case once."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
CASES = {"R": 15, "N": 14, "C": 13, "S": 15, "H": 6, "M": 10}
ROW = re.compile(r"\| ([A-Z])([0-9]+) \| ([^|]+) \| ([^|]+) \|")


def test_every_case_of_the_table_is_there_once_and_every_test_it_names_exists():
    rows = [
        found
        for line in (TESTS / "FAULTS.md").read_text().splitlines()
        if (found := ROW.match(line))
    ]
    expected = [f"{letter}{n}" for letter, last in CASES.items() for n in range(1, last + 1)]
    assert [row[1] + row[2] for row in rows] == expected
    for row in rows:
        named = re.findall(r"`([a-z_/]+)::(test_[a-z0-9_]+)`", row[4])
        assert named, f"{row[1]}{row[2]} names no test"
        for file, name in named:
            folder, _, module = file.rpartition("/")
            path = TESTS / folder / f"test_{module}.py"
            assert re.search(rf"^def {name}\(", path.read_text(), re.M), f"{file}::{name}"
