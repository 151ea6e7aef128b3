"""The index of the theorems, the claims in Coq, the pages and the tests name the same things."""

import functools
import importlib.util
import itertools
import json
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROOFS = ROOT / "proofs"
INDEX = json.loads((PROOFS / "index.json").read_text(encoding="utf-8"))
THEOREMS = {one["id"]: one for one in INDEX["theorems"]}
GROUPS = {one["id"]: one for one in INDEX["groups"]}
CHECKERS = {
    "rational": "test_rational.py",
    "symbolic": "test_symbolic.py",
    "enclosure": "test_enclosures.py",
}


@functools.cache
def tool(name):
    spec = importlib.util.spec_from_file_location(
        f"gradchain_tools_{name}", ROOT / "tools" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def page(one):
    return (PROOFS / one["page"]).read_text(encoding="utf-8")


def section(one):
    """What a page says about one theorem."""
    return page(one).split(f"\n## {one['id']}\n")[1].split("\n## ")[0]


def test_ids_are_in_order_and_belong_to_a_group():
    assert len(THEOREMS) == len(INDEX["theorems"])
    assert list(THEOREMS) == sorted(THEOREMS)
    assert {one["group"] for one in THEOREMS.values()} == set(GROUPS)
    for name, one in THEOREMS.items():
        assert re.fullmatch(r"T\d\d[a-z]", name)
        assert name.startswith(one["group"])
        assert one["page"] == GROUPS[one["group"]]["page"]
        assert one["checkers"]


def test_every_theorem_of_the_claims_is_in_the_index_and_back():
    formal = [name for name, one in THEOREMS.items() if one["coq"]]
    assert tool("proofs").claims() == formal
    assert [name for name, one in THEOREMS.items() if "coq" in one["checkers"]] == formal
    assert all(name.startswith("T11") for name in THEOREMS if name not in formal)


def test_every_formal_name_is_proved_in_the_file_that_it_names():
    for name, one in THEOREMS.items():
        for formal in one["coq"]:
            module, lemma = formal.split(".")
            text = (PROOFS / "coq" / f"{module}.v").read_text(encoding="utf-8")
            assert re.search(rf"^(Lemma|Theorem) {lemma}\b", text, re.M), (name, formal)
        if one["coq"]:
            assert one["coq"][0] == f"Claims.{name}"
            assert set(one["coq"][1:]) == named_in_the_proof(name)


def named_in_the_proof(name):
    text = (PROOFS / "coq" / "Claims.v").read_text(encoding="utf-8")
    proof = text.split(f"Theorem {name} :")[1].split("Proof.")[1].split("Qed.")[0]
    return set(re.findall(r"\b[A-Z]\w+\.\w+\b", proof))


def test_titles_of_index_and_claims_are_the_same():
    text = (PROOFS / "coq" / "Claims.v").read_text(encoding="utf-8")
    for name, title in re.findall(r"^\(\*\* (T\d\d[a-z]): (.*) \*\)$", text, re.M):
        assert THEOREMS[name]["title"] == title


@pytest.mark.parametrize("checker", CHECKERS)
def test_who_is_said_to_check_a_theorem_does_so(checker):
    text = (pathlib.Path(__file__).parent / CHECKERS[checker]).read_text(encoding="utf-8")
    tested = set()
    for name in re.findall(r"^def test_((?:T\d\d[a-z]_)+)", text, re.M):
        tested.update(name.strip("_").split("_"))
    assert tested == {name for name, one in THEOREMS.items() if checker in one["checkers"]}


def test_the_pages_hold_what_the_tool_copies_into_them():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "proof_pages.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_theorem_has_a_statement_a_proof_for_people_and_its_formal_twin():
    for name, one in THEOREMS.items():
        text = section(one)
        assert f"$$\n{one['statement']}\n$$" in text
        proof = text.split("**Proof.** ")[1].split("\n\n")[0]
        assert len(proof) > 10, name
        assert ("```coq\nTheorem " + name in text) == bool(one["coq"])
        assert "Checked by: " in text
    for group in GROUPS.values():
        assert page(group).startswith(f"# {group['id']}: {group['title']}\n")
        assert len(page(group).split("\n## What this does not claim\n")[1]) > 80


@pytest.mark.parametrize("name", THEOREMS)
def test_latex_is_balanced(name):
    text = THEOREMS[name]["statement"]
    depth = 0
    for sign in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if sign == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert text.count("\\left") == text.count("\\right") + text.count("\\leftarrow")
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)
    assert "$" not in text


def test_digits_stand_in_the_statement_and_in_the_formal_theorem():
    stated = tool("proof_pages").claims()
    for name, one in THEOREMS.items():
        for constant, text in one["constants"].items():
            assert re.fullmatch(r"-?\d+(\.\d+)?", text), (name, constant)
            if len(text) < 12:
                continue
            if one["coq"] and constant != "e":
                assert text in stated[name], (name, constant)
                assert text in one["statement"], (name, constant)


def test_every_id_named_elsewhere_exists():
    known = set(THEOREMS) | set(GROUPS)
    pattern = re.compile(r"\bT(?:0[1-9]|1[0-2])[a-z]?\b")
    places = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "src").rglob("*.toml"),
        *(ROOT / "studies").glob("*.py"),
        *PROOFS.rglob("*.md"),
        *PROOFS.rglob("*.v"),
        *ROOT.glob("*.md"),
        ROOT / "tools" / "proofs.py",
    ]
    for path in places:
        assert set(pattern.findall(path.read_text(encoding="utf-8"))) <= known, path


def test_no_source_holds_a_word_that_leaves_a_proof_out():
    proofs = tool("proofs")
    assert "none with a word" in proofs.refuse_words(proofs.modules())
    for text in ("Lemma a : False. Admitted.", "Axiom a : False.", "Parameter a : False."):
        assert re.search(rf"\b(?:{proofs.FORBIDDEN})\b", proofs.bare(text))
    assert not re.search(rf"\b(?:{proofs.FORBIDDEN})\b", proofs.bare("(* no (* Axiom *) here *)"))


def test_the_check_by_coq_tries_a_lie_in_every_group_and_knows_where():
    proofs = tool("proofs")
    assert len(proofs.LIES) >= 12
    reached = set()
    for lie in proofs.LIES:
        text, lines = proofs.copy_with(lie.module, {lie.lemma: (lie.true, lie.false)})
        assert lie.false in "\n".join(
            text.split("\n")[line - 1] for line in lines[lie.lemma] if line
        )
        reached |= {
            one["group"] for one in THEOREMS.values() if f"{lie.module}.{lie.lemma}" in one["coq"]
        }
    assert reached >= {f"T{number:02}" for number in range(1, 11)}
    with pytest.raises(proofs.Failed, match="out of date"):
        proofs.copy_with("Sigmoid", {"sigmoid_slope": ("1 / 5", "1 / 6")})


def test_coqchk_is_given_every_module_also_those_that_compute(monkeypatch):
    proofs = tool("proofs")
    given = []
    monkeypatch.setattr(proofs, "call", lambda command, folder: given.append(command) or (0, ""))
    said = proofs.check_again(pathlib.Path(), proofs.modules())
    (command,) = given
    checked = {name for flag, name in itertools.pairwise(command) if flag == "-norec"}
    assert checked == {f"Gradchain.{path.stem}" for path in (PROOFS / "coq").glob("*.v")}
    assert said == f"coqchk accepts {len(checked)} modules"
    monkeypatch.setattr(proofs, "call", lambda command, folder: (1, "Error: x"))
    with pytest.raises(proofs.Failed, match="coqchk objects: Error: x"):
        proofs.check_again(pathlib.Path(), proofs.modules())
