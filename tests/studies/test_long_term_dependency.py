"""The long-term dependency study: what it draws, says and records belongs together.

Training is replaced by runs that succeed as a rule says, so that open and closed intervals both occur;
the trainings themselves are tested beside `gradchain.experiments`.
"""

import math

import numpy as np
import pytest

from gradchain.experiments import long_term_dependency as experiment
from gradchain.registry import read
from gradchain.study import UsageError
from gradchain.study.files import read_json

# Of 16 runs how many succeed at distances 2, 6, 18; starts fall by so many decades a step.
RULES = {"tanh": ((16, 8, 0), 0.2), "orthogonal": ((16, 16, 15), 0.05), "forget0": ((0, 0, 0), 0.5)}
DISTANCES = (2, 6, 18)


def _train(kind, task, distance, plan, seeds, seed):
    hits = RULES[kind][0][DISTANCES.index(distance)] if task == "first_token" else 4
    accuracy = np.where(np.arange(seeds) < hits, 0.99, 0.2)
    return {"accuracy": accuracy, "loss": 1 - accuracy, "nan_step": np.full(seeds, -1)}


def _start(kind, distance, units, batch, seeds, seed):
    slope = RULES[kind][1] * (1 + 0.1 * np.linspace(1, -1, seeds))
    return -slope[:, None] * np.arange(distance + 1.0)


@pytest.fixture(scope="module")
def module(load_study):
    return load_study("long_term_dependency")


@pytest.fixture(scope="module")
def folder(run_small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "train", _train)
        patch.setattr(experiment, "start", _start)
        return run_small(
            "long_term_dependency", kinds=tuple(RULES), distances=DISTANCES, shown=6,
            other_kinds=("tanh", "forget0"), other_distances=(6,), seeds=16,
        )  # fmt: skip


def test_sentences_tables_and_numbers_belong_together(folder, assert_belongs_together):
    said, numbers = assert_belongs_together(folder, figures=6)
    assert {key.split(".")[0] for key in numbers} == {"rnn", "lstm"}
    assert "rnn.recall.start.settings" in said
    for task in ("token", "adding", "copy", "sentence"):
        assert f"lstm.recall.forget0.{task}6" in said


def test_a_half_failure_distance_is_a_number_only_if_both_ends_are_told(folder):
    numbers = read(folder / "numbers.json")
    assert {key for key in numbers if key.endswith(".half")} == {"rnn.recall.tanh.half"}
    half = numbers["rnn.recall.tanh.half"]
    assert float(half.value) == 6
    assert (half.uncertainty.low, half.uncertainty.high) == ("2", "18")
    halves = next(line for line in read_json(folder / "summary.json")["seen"] if "Half" in line)
    assert "orthogonal above 18" in halves
    assert "forget bias 0 below 2" in halves


def test_ranks_are_those_of_the_rule(folder):
    numbers = read(folder / "numbers.json")
    # Of two runs of the tanh cell at 6 steps the first numbers succeed, and have the smaller gradients.
    assert float(numbers["rnn.recall.start.seeds"].value) == 0
    assert float(numbers["rnn.recall.start.distance"].value) > 0.8


def test_starts_stand_beside_their_predictions_with_a_z_score(folder):
    rows = (folder / "start.csv").read_text().splitlines()
    heads = rows[0].split(",")
    own = dict(zip(heads, rows[1].split(","), strict=True))
    expected = (float(own["log10 mean"]) - float(own["log10 predicted"])) / float(
        own["standard error"]
    )
    assert math.isclose(float(own["z"]), expected, rel_tol=1e-9)
    assert len(rows) == 1 + len(RULES) * DISTANCES[-1]


def test_all_four_tasks_appear_in_a_lecture(module):
    for scale in ("lecture", "paper"):
        names = {cell.settings.get("task") for cell in module.cells(module.SCALES[scale])}
        assert {"first_token", "adding", "copy_memory", "sentence"} <= names


@pytest.mark.parametrize(
    "changes",
    [
        {"kinds": ()},
        {"kinds": ("elman",)},
        {"other_kinds": ("tanh", "tanh")},
        {"kinds": ("tanh",), "other_kinds": ("irnn",)},
        {"distances": (20,)},
        {"distances": (40, 20)},
        {"distances": (20, 10**5)},
        {"other_distances": (2,)},
        {"other_distances": (300,)},
        {"shown": 21},
        {"units": 1},
        {"steps": 0},
        {"seeds": 4},
        {"rate": 0.0},
        {"way": 1.0},
    ],
)
def test_impossible_settings_are_refused_before_anything_is_computed(module, changes):
    with pytest.raises(UsageError, match="expected"):
        module.STUDY.config("lecture", changes)
