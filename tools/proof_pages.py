"""Fill the pages of proofs/ with what other files say, so that nobody copies it by hand.

Between `<!-- statement T01a -->` and `<!-- end -->` goes the statement in LaTeX, from index.json;
between `<!-- coq T01a -->` and `<!-- end -->` the theorem as Claims.v states it; between
`<!-- checked T01a -->` and `<!-- end -->` who checks it; and between `<!-- table -->` and
`<!-- end -->` in the README all theorems. The index itself is copied into the package, where
`gradchain proof` reads it. Standard library only. Cost: milliseconds.

    python tools/proof_pages.py --check     say which pages differ; exit status 1 if any does
    python tools/proof_pages.py --write     make them agree
"""

import argparse
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROOFS = ROOT / "proofs"
PACKAGED = ROOT / "src" / "gradchain" / "theorems" / "data" / "index.json"
MARK = re.compile(
    r"(<!-- (statement|coq|checked|table)(?: (T\d\d[a-z]))? -->\n).*?(<!-- end -->)", re.S
)
THEOREM = re.compile(r"^Theorem (T\d\d[a-z]) :(.*?)\.\nProof\.", re.M | re.S)
CHECKERS = {
    "coq": "Coq (`{names}`)",
    "rational": "exact rational arithmetic (`tests/proofs/test_rational.py`)",
    "symbolic": "symbolic identities (`tests/proofs/test_symbolic.py`)",
    "enclosure": "ball arithmetic (`tests/proofs/test_enclosures.py`)",
}
SHORT = {
    "coq": "Coq",
    "rational": "rationals",
    "symbolic": "symbols",
    "enclosure": "balls",
}


def index() -> dict:
    """Read index.json."""
    return json.loads((PROOFS / "index.json").read_text(encoding="utf-8"))


def claims() -> dict[str, str]:
    """Return the text of every theorem of Claims.v, by id."""
    text = (PROOFS / "coq" / "Claims.v").read_text(encoding="utf-8")
    return {name: f"Theorem {name} :{body}." for name, body in THEOREM.findall(text)}


def checked_by(theorem: dict) -> str:
    """Say who checks a theorem, in one line."""
    names = "`, `".join(theorem["coq"])
    listed = [CHECKERS[name].format(names=names) for name in theorem["checkers"]]
    return "Checked by: " + "; ".join(listed) + "."


def table(theorems: list[dict]) -> str:
    """Return all theorems as a Markdown table."""
    rows = []
    for one in theorems:
        link = f"[{one['id']}]({one['page']}#{one['id'].lower()})"
        title = one["title"].replace("|", "\\|")
        rows.append(f"| {link} | {title} | {', '.join(SHORT[name] for name in one['checkers'])} |")
    return "\n".join(["| id | statement | checked by |", "|---|---|---|", *rows])


def filled(text: str) -> str:
    """Return a page with every marked place filled anew.

    Args:
        text: the page.

    Returns:
        The page as it should be.
    """
    theorems = {one["id"]: one for one in index()["theorems"]}
    stated = claims()

    def fill(match: re.Match) -> str:
        opening, kind, name, closing = match.groups()
        if kind == "table":
            content = table(list(theorems.values()))
        elif kind == "statement":
            one = theorems[name]
            content = (
                f"**{one['title'][0].upper()}{one['title'][1:]}.**\n\n$$\n{one['statement']}\n$$"
            )
        elif kind == "coq":
            content = f"```coq\n{stated[name]}\n```"
        else:
            content = checked_by(theorems[name])
        return f"{opening}{content}\n{closing}"

    return MARK.sub(fill, text)


def main() -> int:
    """Check or write the pages; 0 if they agree, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--check", action="store_true", help="only say which pages differ")
    which.add_argument("--write", action="store_true", help="make them agree")
    options = parser.parse_args()
    stale = []
    for path in sorted(PROOFS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        fresh = filled(text)
        if fresh != text:
            stale.append(path.name)
            if options.write:
                path.write_text(fresh, encoding="utf-8")
    data = (PROOFS / "index.json").read_bytes()
    if PACKAGED.read_bytes() != data:
        stale.append("the packaged index")
        if options.write:
            PACKAGED.write_bytes(data)
    if stale:
        print(("written: " if options.write else "differ: ") + ", ".join(stale))
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
