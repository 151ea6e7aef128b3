"""Build the packaged reference: the catalogue, and the numbers of studies run at lecture scale.

For maintainers. `python studies/publish_reference.py [results folder]` writes numbers.json,
provenance.json and checksum.txt into src/gradchain/registry/data, NUMBERS.md and CLAIMS.md beside
the README, and the README's picture with its alt text into docs/. It says which claims the numbers
no longer support.
"""

import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from gradchain import claims, recompute
from gradchain.certify.facts import FACTS
from gradchain.registry import catalogue, draft, publish

ROOT = Path(__file__).resolve().parent.parent
PICTURE = "jacobian_chain/bounds"
PACKAGES = ("gradchain", "jax", "numpy", "python-flint", "sciform")


def main(results: Path = ROOT / "results") -> None:
    """Write the reference and the page, and say how many numbers they hold.

    Args:
        results: the folder whose `*/numbers.json` are merged with the catalogue.
    """
    numbers = draft.build(catalogue.drafts(FACTS), recompute.run)
    registry = publish.build_reference(
        numbers,
        sorted(results.glob("*/numbers.json")),
        ROOT / "src" / "gradchain" / "registry" / "data",
        {name: version(name) for name in PACKAGES},
        datetime.now(UTC).date().isoformat(),
    )
    page = publish.numbers_markdown(registry)
    publish.write_bytes(ROOT / "NUMBERS.md", page.encode("utf-8"))
    wrong = claims.failures(claims.load(), registry)
    for sentence in wrong:
        print(f"claim {sentence}")
    if not wrong:
        ledger = claims.page(claims.load(), registry)
        publish.write_bytes(ROOT / "CLAIMS.md", ledger.encode("utf-8"))
    for ending in (".png", ".alt.txt"):
        drawn = results / f"{PICTURE}{ending}"
        if drawn.is_file():
            publish.write_bytes(ROOT / "docs" / f"jacobian_chain{ending}", drawn.read_bytes())
    print(f"{len(registry)} numbers written; review the difference before committing")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
