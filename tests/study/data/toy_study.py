"""A study without JAX for the tests of the runner; its figure is bytes, and may fail on request."""

import os
from dataclasses import dataclass

from gradchain.registry import Check, How, Number
from gradchain.study import Cell, Study, Summary, Table, UsageError, main


@dataclass(frozen=True)
class Config:
    """How far the powers of a half are taken."""

    depth: int = 3
    factors: tuple[str, ...] = ("0.25", "0.5")

    def __post_init__(self):
        """Refuse depths that cannot be."""
        if not 1 <= self.depth <= 1000:
            raise UsageError(f"depth {self.depth}: expected 1 to 1000")


@dataclass(frozen=True)
class Drawing:
    """A picture of three short files."""

    name: str = "fall"
    title: str = "A fall <b>in powers</b>"
    caption: str = "It ends at {toy.half.n3}."
    alt: str = "Line chart of nothing in particular & its <end>, which is {toy.half.n3}."

    def render(self, alt):
        """Return the files, or fail as a missing font would."""
        if os.environ.get("TOY_FIGURE") == "broken":
            raise RuntimeError("no such font")
        svg = '<svg xmlns="http://www.w3.org/2000/svg"/>'
        return {"svg": svg.encode(), "pdf": b"%PDF", "png": b"PNG" + alt.encode()}


def cells(config):
    """One cell a factor."""
    return [Cell(f"c{text}", {"c": text, "depth": config.depth}) for text in config.factors]


def compute(cell):
    """Take powers of the factor; say so in a log where one is asked for."""
    import numpy as np

    if os.environ.get("TOY_LOG"):
        with open(os.environ["TOY_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{cell.name}\n")
    if os.environ.get("TOY_STOP") == cell.name:
        raise KeyboardInterrupt
    if os.environ.get("TOY_FAIL") == cell.name:
        raise UsageError("this cell cannot be computed")
    return {"powers": float(cell["c"]) ** np.arange(cell["depth"] + 1), "seed": cell.seed}


def summarize(config, results):
    """One number, two tables, one sentence, one picture."""
    number = Number(
        key="toy.half.n3",
        kind="exact",
        role="upper bound",
        statement="Three halvings <script>alert(1)</script> leave this.",
        conditions="Exact & always.",
        value="0.125",
        exact="(1/2)^3",
        how=How.of("gradchain.certify.rational.power", base="1/2", exponent=3),
        check=Check("equality"),
    )
    data = [
        (cell["c"], n, float(value))
        for cell in results.cells
        for n, value in enumerate(results[cell.name]["powers"])
    ]
    return Summary(
        numbers=[number],
        tables=[
            Table("left", "What is left", ("c", "n", "left"), [("0.5", 3, "{toy.half.n3}")]),
            Table("data", "All powers", ("c", "n", "power"), data, show=False),
        ],
        seen=["With a factor 0.5 what is left after 3 is {toy.half.n3} <img src=x onerror=y>."],
        figures=[Drawing()],
    )


SCALES = {"smoke": Config(2), "lecture": Config(3), "paper": Config(4)}
STUDY = Study("toy", "A toy </title>", "Is it a toy?", SCALES, cells, compute, summarize)

if __name__ == "__main__":
    main(STUDY)
