"""The packaged theorems: the same as those of the proofs, and every id that anything names exists."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from gradchain import activations, registry, theorems
from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain.certify.facts import FACTS
from gradchain.claims import load as claims
from gradchain.experiments import fifty_words_records
from gradchain.registry import catalogue
from gradchain.registry.catalogue_activations import segment
from gradchain.theorems import index

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("float16", "bfloat16", "float32", "float64")


def test_the_packaged_index_is_that_of_the_proofs_to_the_byte():
    assert index._packaged() == (ROOT / "proofs" / "index.json").read_bytes()


def test_every_group_has_its_page_and_its_theorems():
    assert list(theorems.groups()) == [f"T{n:02}" for n in range(1, 13)]
    for group in theorems.groups().values():
        assert (ROOT / theorems.PAGES / group.page).is_file()
        assert [item.group for item in theorems.find(group.id)].count(group.id) >= 1


# What stands on which theorem. A number named here states the theorem, or is a case of it.
STATED = {
    "sigmoid.derivative.sup": "T01b",
    "sigmoid.chain.bound.n1": "T01b",
    **{f"sigmoid.derivative.at.x{x}": "T01a" for x in (1, 2, 5, 10)},
    "tanh.derivative.sup": "T02b",
    **{f"tanh.derivative.at.x{x}": "T02a" for x in (1, 2, 5, 10)},
    "softplus.derivative.sup": "T02e",
    "sigmoid.chain.below.onepercent": "T03b",
    "sigmoid.chain.decades": "T03b",
    **{f"sigmoid.chain.bound.n{n}": "T03c" for n in (*range(2, 11), 20, 50, 100)},
    "relu.derivative.sup": "T05a",
    "leakyrelu.derivative.sup": "T05b",
    "prelu.derivative.sup": "T05b",
    "elu.derivative.sup": "T05c",
    "celu.derivative.sup": "T05d",
    "selu.derivative.sup": "T05e",
    "hardtanh.derivative.sup": "T05f",
    "hardsigmoid.derivative.sup": "T05g",
    "hardsilu.derivative.sup": "T05h",
    "silu.derivative.sup": "T06c",
    "gelu.derivative.sup": "T06f",
    **{f"sigmoid.chain.rms.bound.n{n}": "T07g" for n in (5, 10, 20, 50)},
    "erf.derivative.sup": "T11a",
    "gelutanh.derivative.sup": "T11b",
    "mish.derivative.sup": "T11c",
    "selu.alpha": "T11d",
    "selu.lambda": "T11d",
    **{f"{name}.derivative.sup": "T11e" for name in ("softsign", "sin", "identity")},
    "underflow.flushed.quarter.bfloat16": "T12d",
    **{f"underflow.quarter.{name}": "T12e" for name in FORMATS},
    "underflow.flushed.quarter.float16": "T12e",
    "underflow.flushed.quarter.float32": "T12f",
    "underflow.flushed.quarter.float64": "T12f",
}


def test_the_catalogue_names_for_each_number_the_theorem_that_it_states_and_no_other():
    drafts = catalogue.drafts(FACTS)
    assert {draft.key: draft.theorem for draft in drafts if draft.theorem} == STATED


def test_the_numbers_of_fifty_words_that_are_powers_name_the_theorem_about_the_product():
    named = {number.key: number.theorem for number in fifty_words_records.classroom()}
    assert {key: name for key, name in named.items() if name} == {
        "rnn.fifty.quarter.left": "T09a",
        "rnn.fifty.tanhone.left": "T02a",
        **{f"lstm.fifty.{gate}.left": "T10a" for gate in fifty_words_records.GATES},
        **{f"lstm.fifty.bias{bias}.standing": "T10a" for bias in fifty_words_records.BIASES},
    }


def test_every_number_names_a_theorem_and_not_a_group():
    named = {number.theorem for number in registry.load().values() if number.theorem}
    assert named
    assert named <= set(theorems.load())


@pytest.mark.parametrize("key", [key for key in STATED if "quarter" in key or "bound.n" in key])
def test_a_number_that_states_a_theorem_has_the_value_that_the_theorem_gives(key):
    theorem, found = theorems.load()[STATED[key]], registry.load()[key].value
    if theorem.id in ("T12e", "T12f"):
        assert f"{found} \\text{{ ({key.rpartition('.')[2]})}}" in theorem.statement
    elif theorem.id == "T12d":  # e_min + p - 1 = -133 + 8 - 1, and (1/4)^n = 2^(-2n) is below it
        assert int(found) == next(n for n in range(200) if -2 * n < -133 + 8 - 1)
    else:
        n = int(key.rpartition(".n")[2])
        assert Fraction(registry.load()[key].rational) == Fraction(1, 4) ** n


def test_every_id_of_a_claim_is_that_of_a_theorem_and_not_of_a_group():
    named = {name for claim in claims() for name in claim.theorems}
    assert named
    assert named <= set(theorems.load())


def test_every_fact_of_an_activation_names_the_theorem_about_its_supremum():
    for fact in FACTS.values():
        assert fact.theorem == STATED[f"{segment(fact.name)}.derivative.sup"]
        assert activations.get(fact.name).theorem == fact.theorem
        title = theorems.load()[fact.theorem].title.lower().replace(" ", "")
        assert segment(fact.name).replace("gelutanh", "geluinitstanh") in title


def test_ids_are_found_in_any_case_and_groups_give_all_their_theorems():
    assert theorems.find(" t06B ")[0].id == "T06b"
    assert [item.id for item in theorems.find("T01")][:2] == ["T01a", "T01b"]


@pytest.mark.parametrize("name", ["T99", "", "sigmoid", "T01zz", "T" * 5000])
def test_an_unknown_id_says_which_there_are(name):
    with pytest.raises(UnknownKeyError, match=r"unknown theorem .*there are: T01") as caught:
        theorems.find(name)
    assert len(str(caught.value)) < 400


def test_an_unknown_id_of_a_group_names_all_of_the_group():
    for group in theorems.groups():
        own = [item.id for item in theorems.find(group)]
        # What is written as a range has no gap.
        assert own == [f"{group}{chr(ord('a') + place)}" for place in range(len(own))]
        with pytest.raises(UnknownKeyError, match=f"there are: {own[0]} to {own[-1]}$") as caught:
            theorems.find(f"{group}z")
        assert caught.value.nearest == tuple(own)
    every = list(theorems.groups())
    assert every == [f"T{number:02d}" for number in range(1, len(every) + 1)]


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
