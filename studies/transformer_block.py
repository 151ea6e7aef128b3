"""What do transformer blocks do at initialization: to the gradient by depth, to the rank of tokens?

Pre-norm, post-norm, scaled branches, and no skips at all; softmax attention, and uniform attention,
for which theory is exact at infinite width.

    python studies/transformer_block.py [--scale smoke|lecture|paper] [--blocks 24] [--seeds 40]
"""

import os
from dataclasses import dataclass, field

from gradchain.study import Cell, Results, Study, Summary, Table, UsageError, main

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LABELS = {
    "noskip": "no skip",
    "post": "post-norm",
    "pre": "pre-norm",
    "scaled": "scaled",
}


@dataclass(frozen=True)
class Config:
    """How many tokens, how wide, how deep, how many networks."""

    tokens: int = field(default=16, metadata={"help": "Tokens."})
    width: int = field(default=128, metadata={"help": "Entries of a token."})
    heads: int = field(default=4, metadata={"help": "Heads; a divisor of the width."})
    blocks: int = field(default=24, metadata={"help": "Blocks."})
    seeds: int = field(default=60, metadata={"help": "Networks; their designs share weights."})

    def __post_init__(self) -> None:
        """Refuse sizes that say nothing, or take days."""
        limits = (("tokens", 2, 128), ("width", 8, 1024), ("heads", 1, 64), ("blocks", 2, 36))
        for name, low, high in limits:
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} {getattr(self, name)}: expected {low} to {high}")
        if self.width % self.heads:
            raise UsageError(
                f"heads {self.heads}: expected a divisor of the width, which is {self.width}"
            )
        if not 6 <= self.seeds <= 2000:
            raise UsageError(f"seeds {self.seeds}: expected 6 to 2000")


SCALES = {
    "smoke": Config(tokens=8, width=32, heads=4, blocks=8, seeds=24),
    "lecture": Config(),
    "paper": Config(tokens=32, width=256, heads=8, blocks=36, seeds=200),
}


def cells(config: Config) -> list[Cell]:
    """One cell: all designs share their weights."""
    names = ("tokens", "width", "heads", "blocks", "seeds")
    return [Cell("blocks", {name: getattr(config, name) for name in names})]


def compute(cell: Cell) -> dict[str, object]:
    """Draw the networks and send gradients back."""
    from gradchain.experiments.transformer_numbers import followed

    names = ("tokens", "width", "heads", "blocks", "seeds")
    return followed(*(cell[name] for name in names), cell.seed)._asdict()


def summarize(config: Config, results: Results) -> Summary:
    """Put the law of uniform attention beside what was measured, and softmax beside both."""
    from gradchain.experiments import transformer_numbers as numbers
    from gradchain.experiments.transformer import ATTENTIONS

    found = _found(results)
    size = {name: getattr(config, name) for name in ("tokens", "width", "heads", "blocks")}
    pairs, rows = numbers.start_pairs(), []
    words = {
        "gradient": "gradient, first block per last",
        "difference": "1 - similarity of two tokens, after the last block",
    }
    for quantity, what in words.items():
        for design, label in LABELS.items():
            if design == "noskip" and quantity == "difference":
                continue  # uniform attention makes all tokens equal at once
            stems = [
                numbers.add(pairs, design, name, quantity, size, found, results.seed)
                for name in ATTENTIONS
            ]
            sides = (f"{{{stems[0]}.predicted}}", f"{{{stems[0]}.measured}}", pairs.z[stems[0]])
            rows.append((what, label, *sides, f"{{{stems[1]}.measured}}"))
    key = "transformer.{}.{}.{}.{}"
    seen = [
        f"Pre-norm: the gradient grows {{{key.format('pre', 'softmax', 'gradient', 'measured')}}} times "
        f"from the last of {config.blocks} blocks back to the first, like a root of the depth; with "
        f"branches divided by sqrt(2L) only "
        f"{{{key.format('scaled', 'softmax', 'gradient', 'measured')}}} times.",
        "Post-norm: once the tokens are alike, only the mean over the tokens is left of a gradient that "
        "differs from token to token; the first block gets "
        f"{{{key.format('post', 'softmax', 'gradient', 'measured')}}} of it.",
        "Post-norm blocks make all tokens nearly equal: after the last block 1 - similarity is "
        f"{{{key.format('post', 'softmax', 'difference', 'measured')}}}; after pre-norm blocks "
        f"{{{key.format('pre', 'softmax', 'difference', 'measured')}}}, after scaled ones "
        f"{{{key.format('scaled', 'softmax', 'difference', 'measured')}}}.",
        "For uniform attention theory needs no simulation: in pre-norm blocks the gradient grows "
        f"{{{key.format('pre', 'uniform', 'gradient', 'predicted')}}} times (measured "
        f"{{{key.format('pre', 'uniform', 'gradient', 'measured')}}}), and tokens end at a difference "
        f"of {{{key.format('pre', 'uniform', 'difference', 'predicted')}}} (measured "
        f"{{{key.format('pre', 'uniform', 'difference', 'measured')}}}).",
    ]
    return Summary(
        numbers=pairs.numbers,
        tables=[
            Table(
                "blocks",
                f"{config.blocks} blocks of width {config.width} with {config.tokens} tokens: predicted "
                "and measured with uniform attention, measured with softmax; z: difference in standard "
                "errors, the prediction being that of infinite width",
                ("quantity", "design", "predicted", "uniform", "z", "softmax"),
                rows,
            ),
            _curves(config, found),
        ],
        seen=seen,
        figures=[_gradients(config, found), _ranks(config, found)],
    )


def _found(results: Results):
    from gradchain.experiments.transformer import Tokens

    return Tokens(**{name: results["blocks"][name] for name in Tokens._fields})


def _places():
    from gradchain.experiments.transformer import ATTENTIONS, DESIGNS

    titles = {"uniform": "uniform attention", "softmax": "softmax attention"}
    return [
        (design, DESIGNS.index(design), titles[name], ATTENTIONS.index(name))
        for name in ATTENTIONS
        for design in LABELS
    ]


def _curves(config: Config, found) -> Table:
    import numpy as np

    from gradchain.experiments.transformer import effective_rank, predicted

    rows = []
    for design, place, title, kind in _places():
        law = predicted(design, config.tokens, config.blocks)
        ranks = effective_rank(found.difference[:, place, kind], config.tokens)
        for block in range(config.blocks + 1):
            logs = found.log_gradient[:, place, kind, block] / np.log(100)
            theory = (law.log_gradient[block] / np.log(100), law.difference[block])
            if kind:
                theory = (float("nan"), float("nan"))
            measured = (np.median(logs), found.difference[:, place, kind, block].mean())
            both = (theory[0], measured[0], theory[1], measured[1], ranks[:, block].mean())
            rows.append((design, title, block, *(float(value) for value in both)))
    names = (
        "design", "attention", "block", "log10 gradient predicted", "log10 gradient median",
        "difference predicted", "difference mean", "effective rank mean",
    )  # fmt: skip
    return Table("curves", "Gradient and tokens, block by block", names, rows, show=False)


def _gradients(config: Config, found):
    import numpy as np

    from gradchain.experiments.transformer import predicted
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.meeting import draw_growth

    panels: dict = {}
    for design, place, title, kind in _places():
        rows = found.log_gradient[:, place, kind] / np.log(100)
        law = predicted(design, config.tokens, config.blocks).log_gradient / np.log(100)
        panels.setdefault(title, {})[LABELS[design]] = (rows[:, ::-1], None if kind else law[::-1])
    key = "transformer.{}.softmax.gradient.measured"
    return Picture(
        "gradient",
        "Pre-norm gradients grow slowly, post-norm keeps their mean",
        lambda: draw_growth(panels, "blocks back from the last", "growth of the gradient's norm"),
        alt=alt_text(
            "Line chart, two panels,",
            "how many times the norm of a gradient grows, on a scale of powers of ten, against the "
            "number of blocks that it has come back through, with uniform and with softmax attention",
            f"{config.seeds} networks of width {config.width}; bands hold 90 % of them; dashed: the "
            "law of infinite width",
            f"Pre-norm bends upward to {{{key.format('pre')}}}, scaled branches to "
            f"{{{key.format('scaled')}}}; post-norm falls to {{{key.format('post')}}}; without skips "
            "networks scatter most. Bands lie on the predicted lines.",
        ),
        caption="Medians with bands that hold 90 % of the networks; dashed: the law of uniform "
        "attention at infinite width. The gradient starts with random entries, different in each token, "
        "after the last block.",
    )


def _ranks(config: Config, found):
    from gradchain.experiments.transformer import effective_rank, predicted
    from gradchain.figures import Picture, alt_text
    from gradchain.figures.transformer_block import draw_ranks

    panels: dict = {}
    for design, place, title, kind in _places():
        rows = effective_rank(found.difference[:, place, kind], config.tokens)
        law = predicted(design, config.tokens, config.blocks).difference
        theory = None if kind else effective_rank(law, config.tokens)
        panels.setdefault(title, {})[LABELS[design]] = (rows, theory)
    key = "transformer.{}.softmax.difference.measured"
    return Picture(
        "rank",
        "Tokens become alike: slowly with pre-norm, at once without skips",
        lambda: draw_ranks(panels, config.tokens),
        alt=alt_text(
            "Line chart, two panels,",
            f"in how many directions {config.tokens} tokens point against the number of blocks, with "
            "uniform and with softmax attention",
            f"{config.seeds} networks of width {config.width}; bands hold 90 % of them; dashed: the "
            "law of infinite width",
            "Without skips the rank is 1 after one or two blocks; post-norm falls to 1 (1 - similarity "
            f"{{{key.format('post')}}}), pre-norm more slowly ({{{key.format('pre')}}}), scaled "
            f"branches keep most of it ({{{key.format('scaled')}}}).",
        ),
        caption="Effective rank: T^2 / ((1 + (T-1)c)^2 + (T-1)(1-c)^2) of T tokens with mean "
        "similarity c. Dashed: the law of uniform attention at infinite width.",
    )


STUDY = Study(
    name="transformer_block",
    title="Transformer blocks",
    question="What do transformer blocks do at initialization to gradients and to the rank of tokens?",
    scales=SCALES,
    cells=cells,
    compute=compute,
    summarize=summarize,
    order=350,
)

if __name__ == "__main__":
    main(STUDY)
