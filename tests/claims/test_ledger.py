"""Every claim still stands on numbers, theorems and tests that exist; readers find what they ask."""

import ast
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from gradchain import theorems
from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain.claims import Support, failures, find, load
from gradchain.claims.ledger import FILES, read
from gradchain.registry import Registry
from gradchain.registry import load as reference

ROOT = Path(__file__).resolve().parents[2]
SETTLED = [claim for claim in load() if not claim.pending]


@cache
def names_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_numbers_support_every_verdict():
    assert failures(load(), reference()) == []


@pytest.mark.parametrize("claim", load(), ids=lambda claim: claim.id)
def test_theorems_and_tests_behind_a_claim_exist(claim):
    assert set(claim.theorems) <= {*theorems.groups(), *theorems.load()}
    for test in claim.tests:
        path, _, name = test.partition("::")
        assert name in names_in(path), test


@pytest.mark.parametrize("claim", SETTLED, ids=lambda claim: claim.id)
def test_a_settled_claim_has_a_check_or_a_test_and_a_pending_one_says_so(claim):
    assert claim.supports or claim.tests
    assert "pending" not in claim.condition


def test_the_sixty_sentences_and_what_was_met_besides_are_all_there():
    assert len(load()) >= 64
    assert len({claim.sentence for claim in load()}) == len(load())
    assert len({claim.topic for claim in load()}) == len(FILES)


@pytest.mark.parametrize("claim", [c for c in SETTLED if c.numbers], ids=lambda claim: claim.id)
def test_a_number_that_goes_missing_is_noticed(claim):
    for key in claim.numbers:
        rest = {other: reference()[other] for other in claim.numbers if other != key}
        assert f"{claim.id}: {key} is not in the registry" in failures([claim], rest)


def test_a_number_that_moves_to_the_other_side_is_noticed():
    claim = load()[0]
    key = "sigmoid.derivative.sup"
    moved = replace(reference()[key], value="0.26", exact="13/50", enclosure=None)
    wrong = failures([claim], {**reference(), key: moved})
    assert wrong == ["C01: sigmoid.derivative.sup == 1/4 does not hold"]


def test_a_pending_claim_whose_numbers_have_come_is_to_be_settled():
    claim = replace(
        load()[0],
        pending="a study",
        supports=(Support("ln2 < 1"),),
        condition="Then.",
        say_instead="Say.",
    )
    assert failures([claim], reference()) == [
        "C01: its numbers are there; delete the line `pending`"
    ]
    assert failures([claim], Registry()) == []


def test_no_words_find_all_ids_find_theirs_and_words_find_what_holds_them():
    assert find(load(), []) == list(load())
    assert [claim.id for claim in find(load(), ["c7", "C01", "7"][:2])] == ["C01", "C07"]
    found = find(load(), ["RELU", "he"])
    assert "C26" in [claim.id for claim in found]
    assert all("relu" in str(vars(claim)).lower() for claim in found)
    waiting = replace(
        load()[0], pending="a study", supports=(), condition="Then.", say_instead="Say."
    )
    assert find([waiting, *load()[1:]], ["evidence pending"]) == [waiting]


def test_an_unknown_id_names_its_neighbours():
    with pytest.raises(UnknownKeyError, match="unknown claim C99; nearest: C64") as caught:
        find(load()[:64], ["C99"])
    assert caught.value.nearest == ("C64", "C63", "C62")
    with pytest.raises(UnknownKeyError, match="C00; nearest: C01"):
        find(load(), ["C01", "c0"])


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("sigmod", "nearest words: sigmoid"),
        ("x" * 500, "all claims: gradchain claims$"),
        ("qqqq zzzz", "fewer words find more"),
        ("\x1b", "'\\\\x1b'"),
    ],
)
def test_words_that_nothing_holds_get_a_hint(word, hint):
    with pytest.raises(UsageError, match=hint) as caught:
        find(load(), [word])
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 200


def test_an_empty_word_is_refused():
    with pytest.raises(UsageError, match="empty word"):
        find(load(), [" "])


TABLE = 'id = "C01"\nsentence = "A."\nverdict = "false"\ncondition = "B."\nsay_instead = "C."\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[claim", "x.toml: not TOML"),
        ('topic = "T"', "expected a topic"),
        (f'topic = "T"\n[[claim]]\n{TABLE}', "no evidence"),
        (f'topic = "T"\n[[claim]]\n{TABLE}suports = []', "suports.*unknown field"),
        ('topic = "T"\n[[claim]]\nid = "C01"', "is missing"),
        (f'topic = "T"\n[[claim]]\n{TABLE}tests = "t"', "got str, expected list"),
        (f'topic = "T"\n[[claim]]\n{TABLE}pending = ["p"]', "got list, expected str"),
        (f'topic = "T"\n[[claim]]\n{TABLE}supports = ["a.b"]', "C01.*supports: not a check"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault(text, words):
    with pytest.raises(RegistryError, match=words):
        read("x", text.encode())
