"""`check`: drift is loud, a refused function never runs, what was not checked is said."""

import pytest

from gradchain import recompute
from gradchain.cli import run
from gradchain.registry import How, load, write
from gradchain.registry.recheck import Entry

KEY = "sigmoid.chain.bound.n5"


def _changed(**more):
    number = load()[KEY]
    return type(number)(**{**vars(number), **more})


@pytest.fixture
def said(capsys):
    """Run a command and return (exit code, standard output, standard error)."""

    def call(*words):
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_packaged_number_still_comes_out(said):
    code, out, _ = said("check", KEY, "ln2")
    assert code == 0
    assert out.splitlines()[-1] == "numbers checked: 2 (2 agree)"


def test_drift_is_said_with_both_values_and_exits_4(said, tmp_path):
    path = write(tmp_path / "n.json", [_changed(value="0.001"), _changed(key="a.good")])
    code, out, _ = said("check", "--registry", path)
    assert code == 4
    assert out.splitlines()[0].startswith("drifted")
    assert "recorded 0.001, recomputed 0.0009765625" in out
    assert "numbers checked: 2 (1 agree, 1 drifted)" in out


def test_a_function_that_is_not_ours_is_never_run(said, tmp_path):
    flag = tmp_path / "flag"
    path = write(tmp_path / "n.json", [_changed(how=How.of("os.system", command=f"touch {flag}"))])
    code, out, _ = said("check", "--registry", path)
    assert code == 4
    assert "not run" in out
    assert not flag.exists()


def test_numbers_that_need_jax_are_skipped_at_level_quick_and_said(said, monkeypatch):
    monkeypatch.setitem(
        recompute.TABLE, load()[KEY].how.function, Entry(lambda: 1 / 0, needs_jax=True)
    )
    code, out, err = said("check", KEY)
    assert code == 2
    assert "--level full" in err
    code, out, _ = said("check", KEY, "ln2")
    assert code == 0
    assert "1 agree, 1 skipped" in out


def test_without_jax_level_full_says_what_to_install_and_exits_4(said, monkeypatch):
    def load_without_jax():
        raise ModuleNotFoundError("No module named 'jax'", name="jax")

    monkeypatch.setitem(recompute.TABLE, load()[KEY].how.function, Entry(load_without_jax, True))
    code, out, _ = said("check", KEY, "--level", "full")
    assert code == 4
    assert "install" in out


def test_stopped_by_the_user_it_says_how_far_it_came(said, monkeypatch):
    from gradchain.cli import checking

    seen = []

    def interrupted(*arguments):
        if seen:
            raise KeyboardInterrupt
        seen.append(1)
        return recompute.check(*arguments)

    monkeypatch.setattr(checking, "recheck", interrupted)
    code, out, err = said("check", KEY, "ln2", "ln10")
    assert code == 130
    assert "stopped; 1 of 3 numbers checked" in out
    assert "stopped" in err
