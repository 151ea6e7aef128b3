"""The packaged theorems: the same as those of the proofs, and every id that anything names exists."""

import subprocess
import sys
from pathlib import Path

import pytest

from gradchain import registry, theorems
from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain.certify.facts import FACTS
from gradchain.claims import load as claims
from gradchain.theorems import index

ROOT = Path(__file__).resolve().parents[2]
NAMED = {*theorems.load(), *theorems.groups()}


def test_the_packaged_index_is_that_of_the_proofs_to_the_byte():
    assert index._packaged() == (ROOT / "proofs" / "index.json").read_bytes()


def test_every_group_has_its_page_and_its_theorems():
    assert list(theorems.groups()) == [f"T{n:02}" for n in range(1, 13)]
    for group in theorems.groups().values():
        assert (ROOT / theorems.PAGES / group.page).is_file()
        assert [item.group for item in theorems.find(group.id)].count(group.id) >= 1


def test_every_id_of_a_number_exists():
    named = {number.theorem for number in registry.load().values() if number.theorem}
    assert named
    assert named <= NAMED


def test_every_id_of_a_claim_exists():
    named = {name for claim in claims() for name in claim.theorems}
    assert named
    assert named <= NAMED


def test_every_id_of_an_activations_fact_exists():
    assert {fact.theorem for fact in FACTS.values()} <= NAMED


def test_ids_are_found_in_any_case_and_groups_give_all_their_theorems():
    assert theorems.find(" t06B ")[0].id == "T06b"
    assert [item.id for item in theorems.find("T01")][:2] == ["T01a", "T01b"]


@pytest.mark.parametrize("name", ["T99", "", "sigmoid", "T01zz", "T" * 5000])
def test_an_unknown_id_says_which_there_are(name):
    with pytest.raises(UnknownKeyError, match=r"unknown theorem .*there are: T01") as caught:
        theorems.find(name)
    assert len(str(caught.value)) < 400


@pytest.mark.usefixtures("as_a_user")
def test_what_is_no_text_is_refused():
    with pytest.raises(UsageError, match="got int, expected the id of a theorem"):
        theorems.find(6)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"groups": [], "theorems": [{"id": "T01a"}]}', b'{"groups": 3}']
)
def test_a_damaged_index_says_reinstall(data, monkeypatch):
    monkeypatch.setattr(index, "_packaged", lambda: data)
    with pytest.raises(RegistryError, match=r"damaged .*reinstall gradchain"):
        index._index.__wrapped__()


def test_the_terminal_shows_statement_page_checkers_and_what_stands_on_it():
    theorem = theorems.find("T06b")[0]
    text = theorems.explain(theorem, ["a.b"], ["C01"], 79)
    assert max(map(len, text.splitlines())) <= 79
    for part in (theorem.title[:20], "proofs/T06.md", "Claims.T06b", "make proofs", "a.b", "C01"):
        assert part in text


def test_why_names_title_and_page():
    assert theorems.named("T01").endswith("(proofs/T01.md; gradchain proof T01)")
    assert theorems.named("T99") == "T99"


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["proof"], 0, "T12  Floating point"),
        (["proof", "T06b"], 0, "Coq's kernel (make proofs)"),
        (["proof", "t10", "--format", "json"], 0, '"id": "T10a"'),
        (["proof", "T99"], 2, "unknown theorem 'T99'"),
    ],
)
def test_the_command_answers_without_jax_and_without_a_traceback(words, code, part):
    program = (
        "import sys\nfrom gradchain.cli import run\n"
        f"code = run({words!r})\n"
        "sys.exit(99 if {'jax', 'numpy', 'matplotlib'} & set(sys.modules) else code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert part in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
