"""Run studies: compute once, resume after any interruption, write numbers that can be cited.

A study is a script of one question. It says what to compute and what was found; this package does
the folders, locks, resuming, checking and writing. A whole study:

    @dataclass(frozen=True)
    class Config:
        depth: int = 50

    def cells(config):
        return [Cell(f"c{c}", {"c": c, "depth": config.depth}) for c in ("0.5", "0.9")]

    def compute(cell):                      # import JAX and gradchain's heavy parts here
        import numpy as np
        return {"log10": np.log10(float(cell["c"])) * np.arange(cell["depth"] + 1)}

    def summarize(config, results):         # results["c0.9"]["log10"], results.seed
        from gradchain.figures import Picture, new_figure
        ...
        return Summary(tables=[...], numbers=[...], seen=["It falls to {whisper.half.n50}."],
                       figures=[Picture(...)])

    STUDY = Study("my_study", "Title", "What falls how fast?", SCALES, cells, compute, summarize)

    if __name__ == "__main__":
        main(STUDY)

Files of a run: `results/<study>/` with `settings.json`, `cells/<hash>.npz`, a CSV for each table,
SVG, PDF, PNG and `.alt.txt` for each figure, `summary.json`, `provenance.json` and, last,
`numbers.json`.
"""

from gradchain._errors import UsageError
from gradchain.study.command import guarded, main
from gradchain.study.model import (
    SCALES,
    Cell,
    Drawable,
    Estimate,
    Results,
    Study,
    Summary,
    Table,
    check_seed,
)
from gradchain.study.outputs import NUMBERS, PROVENANCE, SUMMARY, state_of
from gradchain.study.runner import FigureFailed, Stopped, default_out, run, status
from gradchain.study.text import fill, keys_in

__all__ = [
    "NUMBERS",
    "PROVENANCE",
    "SCALES",
    "SUMMARY",
    "Cell",
    "Drawable",
    "Estimate",
    "FigureFailed",
    "Results",
    "Stopped",
    "Study",
    "Summary",
    "Table",
    "UsageError",
    "check_seed",
    "default_out",
    "fill",
    "guarded",
    "keys_in",
    "main",
    "run",
    "state_of",
    "status",
]
