"""What a lecturer reads is what the ledger and the registry hold, and the page is not stale."""

import json
from pathlib import Path

import pytest

from gradchain.claims import VERDICTS, as_data, load, page, paragraph, to_json
from gradchain.claims.wording import line
from gradchain.registry import load as reference
from gradchain.registry import shown

ROOT = Path(__file__).resolve().parents[2]
FIELDS = "id sentence verdict condition say_instead numbers theorems tests".split()


def test_the_committed_page_is_the_one_generated_from_the_ledger():
    written = (ROOT / "CLAIMS.md").read_text(encoding="utf-8")
    assert written == page(load(), reference()), (
        "CLAIMS.md is stale: gradchain claims --format markdown > CLAIMS.md"
    )


@pytest.mark.parametrize("claim", load(), ids=lambda claim: claim.id)
def test_the_data_of_a_claim_are_complete_and_hold_no_braces(claim):
    data = as_data(claim, reference())
    assert list(data) == FIELDS
    assert data["verdict"] in VERDICTS
    for name in ("sentence", "condition", "say_instead"):
        assert data[name].endswith((".", ")"))
        assert not set("{}[[") & set(data[name].replace("[", "").replace("]", ""))
        assert "  " not in data[name]
    for key in claim.numbers:
        assert key in reference()
    assert bool(claim.pending) == ("Evidence pending:" in data["condition"])
    assert not (claim.pending and data["numbers"])


def test_a_placeholder_becomes_the_shown_value_with_its_interval():
    claim = next(claim for claim in load() if claim.id == "C13")
    key = "chain.relu.henormal.width100.depth100.norm.median"
    value = shown(reference()[key], "text")
    assert "[" in value
    assert f"{value} with He weights" in as_data(claim, reference())["say_instead"]


def test_json_is_a_list_in_the_order_of_the_ids_and_plain_ascii():
    text = to_json(load(), reference())
    assert text.isascii()
    found = json.loads(text)
    assert [claim["id"] for claim in found] == [claim.id for claim in load()]
    assert found == [as_data(claim, reference()) for claim in load()]


@pytest.mark.parametrize("claim", load(), ids=lambda claim: claim.id)
def test_every_form_says_plainly_when_evidence_is_pending(claim):
    for text in (
        line(claim),
        paragraph(claim, reference()),
        page([claim], reference(), introduction=False),
        as_data(claim, reference())["condition"].lower(),
    ):
        assert ("evidence pending" in text) == bool(claim.pending)


def test_a_paragraph_names_all_that_stands_behind_a_claim():
    for claim in load():
        text = paragraph(claim, reference())
        for part in (claim.sentence, claim.verdict, *claim.numbers, *claim.theorems, *claim.tests):
            assert part in text
        for support in claim.supports:
            assert (support.text in text) != bool(claim.pending)


def test_the_page_counts_verdicts_and_has_one_heading_a_topic():
    text = page(load(), reference())
    for claim in load():
        assert text.count(f"\n### {claim.id}: ") == 1
    assert text.count("\n## ") == len({claim.topic for claim in load()})
    assert f"{len(load())} claims: " in text
    assert text.endswith("\n")
    assert "# Claims" not in page(load()[:3], reference(), introduction=False)
