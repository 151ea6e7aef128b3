"""Tasks through time: their laws, their exact baselines, and that the clue lies as far back as said.

False alarms: draws are seeded, so a run repeats; over fresh seeds each chi-square test fails a right
program with probability 1e-8 and each z-test with 2e-8 (|z| < 5.6). There are some 25 of them: in all
less than 1e-6.
"""

import dataclasses
import math
from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gradchain import tasks
from gradchain._errors import DtypeError, ShapeError, UsageError
from gradchain.tasks import sentences

Z, RARE = 5.6, 1e-8
MANY = 20_000
TASKS = {
    "first_token": tasks.first_token(5, vocabulary=3),
    "first_token_distractors": tasks.first_token(5, vocabulary=3, distractors=2),
    "first_token_alone": tasks.first_token(5, vocabulary=3, distractors=0),
    "adding": tasks.adding(6),
    "copy_memory": tasks.copy_memory(4, symbols=3, items=2),
    "sentence": tasks.sentence(11),
}


def tokens(inputs):
    """Read one-hot rows; a step of zeros is -1."""
    inputs = np.asarray(inputs)
    assert np.isin(inputs, (0, 1)).all()
    size = inputs.sum(axis=-1)
    assert np.isin(size, (0, 1)).all()
    return np.where(size == 1, inputs.argmax(axis=-1), -1)


def assert_uniform(counts):
    """Chi-square test of equally likely cells."""
    counts = np.ravel(counts)
    expected = counts.sum() / counts.size
    statistic = ((counts - expected) ** 2).sum() / expected
    assert scipy.stats.chi2.sf(statistic, counts.size - 1) > RARE


def pairs(left, right):
    """Count the pairs of two columns of small whole numbers."""
    left, right = left - left.min(), right - right.min()
    table = np.zeros((left.max() + 1, right.max() + 1))
    np.add.at(table, (left, right), 1)
    return table


@pytest.fixture(scope="module")
def drawn():
    """Draw each task many times."""
    key = jax.random.key(2)
    return {
        name: tuple(map(np.asarray, jax.jit(partial(task.draw, n=MANY))(key)))
        for name, task in TASKS.items()
    }


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith("first")])
def test_the_answer_is_the_first_token_and_tokens_are_uniform_and_independent(drawn, name):
    inputs, targets = drawn[name]
    said = tokens(inputs)
    np.testing.assert_array_equal(said[:, 0], targets)
    assert set(targets) == {0, 1, 2}
    if name.endswith("alone"):
        assert not inputs[:, 1:].any()
        assert_uniform(np.bincount(targets))
        return
    later = {0, 1, 2} if name == "first_token" else {3, 4}
    assert set(said[:, 1:].flat) == later
    # Every later token beside the first: uniform pairs, so uniform and independent both.
    for step in range(1, 6):
        assert_uniform(pairs(said[:, 0], said[:, step]))
    assert_uniform(pairs(said[:, 1], said[:, 2]))


def test_the_marked_numbers_stand_in_two_halves_and_never_at_the_last_step(drawn):
    inputs, targets = drawn["adding"]
    values, marks = inputs[..., 0], inputs[..., 1]
    first, second = marks[:, :3].argmax(axis=1), marks[:, 3:6].argmax(axis=1)
    assert (marks[:, :3].sum(axis=1) == 1).all()
    assert (marks[:, 3:6].sum(axis=1) == 1).all()
    assert not marks[:, 6].any()
    assert_uniform(pairs(first, second))
    # Two float32 and zeros: the sum is rounded once.
    rows = np.arange(MANY)
    np.testing.assert_array_equal(targets, values[rows, first] + values[rows, second + 3])
    assert ((values >= 0) & (values < 1)).all()
    assert_uniform(np.bincount((values * 50).astype(int).ravel()))
    assert_uniform(pairs((values[:, 0] * 7).astype(int), (values[:, 6] * 7).astype(int)))


def test_symbols_are_asked_for_in_order_after_the_sign(drawn):
    inputs, targets = drawn["copy_memory"]
    said = tokens(inputs)
    np.testing.assert_array_equal(said[:, :2], targets)
    # Three blanks (3), the sign (4), and as many blanks as symbols are asked for.
    assert (said[:, 2:] == [3, 3, 3, 4, 3, 3]).all()
    assert set(targets.flat) == {0, 1, 2}
    assert_uniform(pairs(targets[:, 0], targets[:, 1]))


def test_a_sentence_says_a_country_fillers_in_order_and_fluent(drawn):
    inputs, targets = drawn["sentence"]
    task, said = TASKS["sentence"], tokens(inputs)
    np.testing.assert_array_equal(said[:, 0], targets)
    for row, target in zip(inputs[:300], targets[:300], strict=True):
        words = task.words(row)
        assert len(words) == 12
        assert sentences.LANGUAGES[words[0]] == task.languages[target]
        assert words[-3:] == ["I", "speak", "fluent"]
        kinds = [next(k for k, g in enumerate(sentences.FILLERS) if w in g) for w in words[1:-3]]
        assert kinds == [1, 0, 5, 4, 3, 2, 1, 0]
    assert_uniform(pairs(said[:, 0], said[:, 1]))
    assert_uniform(pairs(said[:, 4], said[:, 5]))
    assert len(set(sentences.WORDS)) == task.inputs


@pytest.mark.parametrize("distance", [2, 3, 4, 200])
def test_sentences_of_every_length_end_with_fluent(distance):
    task = tasks.sentence(distance)
    inputs, targets = task.draw(jax.random.key(0), 1)
    words = task.words(inputs[0])
    assert len(words) == distance + 1
    assert sentences.LANGUAGES[words[0]] == task.languages[targets[0]]
    assert words[-2:] == ["speak", "fluent"]
    assert words[1:-3].count("I") == 0


@pytest.mark.parametrize("name", TASKS)
def test_the_clue_lies_as_many_steps_before_its_answer_as_said(drawn, name):
    # Channel two: the largest step count from an input on which the answer depends to the answer,
    # found from the correlation of inputs and answers over draws, not from the maker's plan.
    task, (inputs, targets) = TASKS[name], drawn[name]
    answers = np.asarray(targets, np.float64).reshape(MANY, -1)
    assert answers.shape[1] == task.answers
    assert inputs.shape == (MANY, task.length, task.inputs)
    clue = inputs[..., 0] * inputs[..., 1] if name == "adding" else inputs[..., 0]
    clue = clue - clue.mean(axis=0)
    for k in range(task.answers):
        asked = answers[:, k] - answers[:, k].mean()
        asked = asked if name == "adding" else (answers[:, k] == 0) - (answers[:, k] == 0).mean()
        score = (clue * asked[:, None]).sum(axis=0)
        spread = np.sqrt((clue**2 * asked[:, None] ** 2).sum(axis=0))
        linked = np.flatnonzero(np.abs(score) > Z * np.maximum(spread, 1e-12))
        step_of_answer = task.length - task.answers + k
        assert step_of_answer - linked.min() == task.distance
        if name == "adding":
            # Marked numbers only: the first half and the second, never the last step.
            assert linked.tolist() == list(range(task.distance))
        else:
            assert linked.tolist() == [k]


def test_losses_without_memory_are_those_of_the_best_guess(drawn):
    for name, (inputs, targets) in drawn.items():
        task = TASKS[name]
        if name == "adding":
            error = (targets.astype(float) - 1.0) ** 2
            deviation = error.std() / math.sqrt(MANY)
            assert abs(error.mean() - task.baseline_loss) < Z * deviation
            assert task.baseline_loss == float(2 * Fraction(1, 12))
            share = (np.abs(targets - 1.0) <= task.tolerance).mean()
        else:
            # The present input says nothing of the answer: their pairs are uniform (independent),
            # so that the uniform guess is the best one and costs ln(outputs) whatever is asked.
            assert task.baseline_loss == math.log(task.outputs)
            asked = targets.reshape(MANY, -1)[:, -1]
            assert_uniform(pairs(tokens(inputs)[:, -1], asked).astype(float)[_seen(inputs)])
            share = (asked == 0).mean()
        deviation = math.sqrt(task.chance * (1 - task.chance) / MANY)
        assert abs(share - task.chance) < Z * deviation


def _seen(inputs):
    """Return the rows of a table of pairs that belong to a last token that occurs."""
    last = tokens(inputs)[:, -1]
    return np.unique(last) - last.min()


def test_accuracy_of_adding_by_guessing_is_the_area_of_a_strip():
    # P(|u + v - 1| <= t) over the unit square: 1 less two triangles of legs 1 - t.
    exact = 1 - Fraction(96, 100) ** 2
    assert math.isclose(TASKS["adding"].chance, float(exact), rel_tol=4e-16)
    assert exact == Fraction(784, 10_000)


@pytest.mark.parametrize("name", TASKS)
def test_draws_are_pure_functions_of_the_key_also_inside_programs(name):
    task, key = TASKS[name], jax.random.key(5)
    plain = task.draw(key, 16)
    compiled = jax.jit(lambda k: task.draw(k, 16))(key)
    keys = jax.random.split(jax.random.key(6), 3)
    mapped = jax.vmap(lambda k: task.draw(k, 16))(keys)
    third = task.draw(keys[2], 16)
    for one, two in ((plain, compiled), (third, jax.tree.map(lambda a: a[2], mapped))):
        jax.tree.map(np.testing.assert_array_equal, one, two)
    assert not np.array_equal(plain[0], third[0])
    assert plain[0].dtype == jnp.float32
    assert plain[1].dtype == (jnp.float32 if task.kind == "regression" else jnp.int32)
    assert plain[1].shape == ((16,) if task.answers == 1 else (16, task.answers))


@pytest.mark.parametrize("name", TASKS)
def test_float64_draws_are_of_the_same_law_and_tokens_the_same_tokens(name):
    task = TASKS[name]
    small = task.draw(jax.random.key(7), 64)
    with jax.enable_x64(True):
        wide = task.draw(jax.random.key(7), 64)
        named = task.draw(jax.random.key(7), 64, "float64")
        narrow = task.draw(jax.random.key(7), 64, jnp.float32)
        assert wide[0].dtype == jnp.float64
        assert narrow[0].dtype == jnp.float32
        jax.tree.map(np.testing.assert_array_equal, wide, named)
        jax.tree.map(np.testing.assert_array_equal, narrow, small)
        if task.kind == "classes":
            jax.tree.map(np.testing.assert_array_equal, wide, small)
        else:
            assert wide[1].dtype == jnp.float64
            exact = (wide[0][..., 0] * wide[0][..., 1]).sum(axis=1)
            np.testing.assert_array_equal(wide[1], exact)


def test_half_precision_holds_every_token():
    task = TASKS["sentence"]
    for dtype in ("float16", "bfloat16"):
        inputs, targets = task.draw(jax.random.key(1), 4, dtype)
        assert inputs.dtype == jnp.dtype(dtype)
        np.testing.assert_array_equal(tokens(inputs.astype(jnp.float32))[:, 0], targets)


def test_tasks_are_equal_by_their_settings_and_can_be_static_arguments():
    assert tasks.first_token(5, 3) == TASKS["first_token"]
    assert tasks.first_token(5, 3) != TASKS["first_token_distractors"]
    assert len(set(TASKS.values())) == len(TASKS)
    count = jax.jit(lambda key, task: task.draw(key, 2)[0].sum(), static_argnums=1)
    assert float(count(jax.random.key(0), tasks.first_token(5))) == 2 * 6


def test_a_task_of_your_own_says_how_it_is_drawn():
    @dataclasses.dataclass(frozen=True)
    class Parity(tasks.SequenceTask):
        def drawn(self, key, n, dtype):
            bits = jax.random.bernoulli(key, 0.5, (n, self.length))
            return bits[..., None].astype(dtype), jnp.sum(bits, axis=1, dtype=jnp.int32) % 2

    task = Parity("parity", 7, 1, 2)
    inputs, targets = task.draw(jax.random.key(0), 3)
    assert (inputs.shape, targets.shape, task.distance, task.chance) == ((3, 7, 1), (3,), 6, 0.5)
    with pytest.raises(UsageError, match="expected one of first_token"):
        tasks.SequenceTask("nothing", 3, 1, 2).draw(jax.random.key(0), 1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: tasks.first_token(0), UsageError, "got distance=0, expected a whole number of"),
        (lambda: tasks.first_token(2.5), UsageError, "got distance=2.5"),
        (lambda: tasks.first_token(True), UsageError, "got distance=True"),
        (lambda: tasks.first_token(3, 1), UsageError, "got vocabulary=1, expected a whole number"),
        (lambda: tasks.first_token(3, "4"), UsageError, "got vocabulary='4'"),
        (lambda: tasks.first_token(3, 4, -1), UsageError, "got distractors=-1"),
        (
            lambda: tasks.adding(1),
            UsageError,
            "got distance=1, expected a whole number of at least 2",
        ),
        (lambda: tasks.copy_memory(0), UsageError, "got delay=0"),
        (lambda: tasks.copy_memory(3, symbols=1), UsageError, "got symbols=1"),
        (lambda: tasks.copy_memory(3, items=0), UsageError, "got items=0"),
        (
            lambda: tasks.sentence(1),
            UsageError,
            "got distance=1, expected a whole number from 2 to",
        ),
        (lambda: tasks.sentence(201), UsageError, "got distance=201"),
        (lambda: tasks.sentence(20.0), UsageError, "got distance=20.0"),
        (lambda: tasks.sentence(True), UsageError, "got distance=True"),
        (lambda: tasks.sentence(9).draw(0, 1), UsageError, "use jax.random.key"),
        (lambda: tasks.sentence(9).draw(jax.random.key(0), 0), UsageError, "got n=0"),
        (
            lambda: tasks.sentence(9).draw(jax.random.key(0), 1, "int32"),
            DtypeError,
            "expected one of",
        ),
        (
            lambda: tasks.sentence(9).draw(jax.random.key(0), 1, "bits"),
            DtypeError,
            "got dtype='bits'",
        ),
        (lambda: tasks.sentence(9).draw(jax.random.key(0), 1, "float64"), DtypeError, "enable_x64"),
        (lambda: tasks.sentence(9).words(np.zeros((9, 35))), ShapeError, "expected (10, 35)"),
        (lambda: tasks.sentence(9).words(np.zeros((10, 35))), UsageError, "not one-hot"),
        (
            lambda: tasks.sentence(9).words("hello"),
            DtypeError,
            "got a row of type str, expected an",
        ),
        (lambda: tasks.sentence(9).words(None), DtypeError, "got a row of type NoneType"),
        (lambda: tasks.sentence(9).words([[1], [2, 3]]), DtypeError, "got a row of type list"),
        (
            lambda: tasks.sentence(9).words(jax.random.key(0)),
            DtypeError,
            "got a row of type key<fry>",
        ),
        (
            lambda: jax.jit(tasks.sentence(9).words)(jnp.zeros((10, 35))),
            UsageError,
            "outside of jit",
        ),
    ],
)
def test_what_cannot_be_a_task_is_refused_in_one_sentence(call, error, words, as_a_user):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
