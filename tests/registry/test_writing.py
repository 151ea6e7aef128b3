"""Written files are stable, whole, and never replace what could not be written back."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain import registry
from gradchain._errors import OutputError, RegistryError, UsageError
from gradchain._version import VERSION
from gradchain.registry import writing


def sample(count: int = 5) -> list[registry.Number]:
    return list(registry.load().values())[:count]


@given(order=st.permutations(range(12)))
def test_the_order_in_which_numbers_arrive_leaves_no_trace(order: list[int]):
    numbers = sample(12)
    assert writing.to_text([numbers[i] for i in order]) == writing.to_text(numbers)


def test_a_file_read_and_written_again_is_the_same_to_the_byte(tmp_path: Path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    registry.write(first, registry.load())
    registry.write(second, registry.read(first))
    assert first.read_bytes() == second.read_bytes()
    assert dict(registry.read(second)) == dict(registry.load())


def test_one_changed_field_changes_one_line():
    numbers = sample(30)
    before = writing.to_text(numbers).splitlines()
    from dataclasses import replace

    numbers[7] = replace(numbers[7], conditions="Other conditions.")
    after = writing.to_text(numbers).splitlines()
    assert len(before) == len(after)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_the_file_says_which_version_wrote_it():
    assert f'"writer": "gradchain {VERSION}"' in writing.to_text(sample())


def test_an_unchanged_file_is_not_touched(tmp_path: Path):
    path = registry.write(tmp_path / "n.json", sample())
    os.utime(path, (1, 1))
    registry.write(path, sample())
    assert path.stat().st_mtime == 1


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = registry.write(tmp_path / "n.json", sample(3))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot write .*n.json: No space left") as caught:
        registry.write(path, sample(4))
    assert caught.value.exit_code == 1
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["n.json"]


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(OutputError, match=r"cannot write .*No such file or directory"):
        registry.write(tmp_path / "nowhere" / "n.json", sample())


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path):
    target = registry.write(tmp_path / "target.json", sample(1))
    target.chmod(0o600)
    link = tmp_path / "link.json"
    link.symlink_to(target)
    registry.write(link, sample(2))
    assert link.is_symlink()
    assert len(registry.read(target)) == 2
    assert target.stat().st_mode & 0o777 == 0o600


def test_records_that_cannot_stand_together_are_not_written(tmp_path: Path):
    with pytest.raises(RegistryError, match=r"stands twice"):
        registry.write(tmp_path / "n.json", [*sample(1), *sample(1)])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("bad", [None, 3, [], b"x"])
def test_a_path_that_is_none_and_numbers_that_are_none_are_named(as_a_user, tmp_path: Path, bad):
    with pytest.raises(UsageError, match="as path"):
        registry.write(bad, sample(1))
    with pytest.raises(UsageError, match="expected"):
        registry.write(tmp_path / "a.json", bad or [bad])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["no\nsuch/x", "a\x00b", "a" * 5000, "\ud800"])
def test_a_file_that_cannot_be_made_gets_one_printable_line(tmp_path: Path, name: str):
    with pytest.raises(OutputError, match="cannot write") as caught:
        registry.write(tmp_path / name, sample(1))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
