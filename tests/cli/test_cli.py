"""The whole process: fast, without JAX, and one sentence instead of a traceback whatever happens."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import gradchain.cli
from gradchain.cli import run

KEY = "sigmoid.chain.bound.n5"
SOURCE = Path(gradchain.cli.__file__).parents[2]
FOREIGN = ("jax", "jaxlib", "numpy", "matplotlib", "optax", "jaxtyping", "flint", "sympy", "scipy")


def _process(*words, code=None, env=None, flags=(), **options):
    command = [sys.executable, *flags, *(["-c", code] if code else ["-m", "gradchain"]), *words]
    environment = {**os.environ, **(env or {})}
    options = {"capture_output": True, "check": False, "timeout": 60, **options}
    return subprocess.run(command, env=environment, **options)


IMPORTS = """
import sys
from gradchain.cli import run
codes = [run(line.split()) for line in sys.argv[1].split(";")]
print("LOADED", *[name for name in sys.argv[2].split() if name in sys.modules])
sys.exit(max(codes))
"""


def test_reading_numbers_imports_no_jax_no_numpy_no_matplotlib():
    commands = (
        f"cite {KEY};cite {KEY} -f json;why ln2;list;claims;claims C13;"
        "export --to latex;export --to csv;--help"
    )
    done = _process(commands, " ".join(FOREIGN), code=IMPORTS, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_check_quick_imports_no_jax():
    done = _process(
        f"check {KEY} gelu.derivative.sup", "jax jaxlib matplotlib", code=IMPORTS, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED"


BLOCKED = """
import sys
for name in ("jax", "jaxlib", "numpy", "matplotlib", "optax"):
    sys.modules[name] = None
from gradchain.cli import run
sys.exit(max(run(line.split()) for line in sys.argv[1].split(";")))
"""


def test_without_jax_installed_numbers_are_read_filled_and_checked(tmp_path):
    note = tmp_path / "n.md"
    note.write_text("<!--gch:ln2--><!--/gch-->")
    commands = f"cite {KEY};why ln2;list;export --to json;fill {note};check ln2"
    done = _process(commands, code=BLOCKED, text=True)
    assert done.returncode == 0, done.stderr
    assert "0.6931" in note.read_text()


@pytest.mark.parametrize("words", [("list",), ("export", "--to", "json"), ("--help",)])
def test_the_reader_of_a_pipe_may_leave_early(words):
    # A reader that has left before the first byte: no pipe buffer can hide the error.
    reader, writer = os.pipe()
    os.close(reader)
    done = _process(*words, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", [("cite", KEY), ("export", "--to", "json"), ("--help",)])
def test_a_full_disk_is_one_sentence_and_exit_1(words):
    with open("/dev/full", "wb") as full:
        done = _process(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"gradchain: cannot write: no space left on device\n"


def test_closed_streams_do_not_make_a_traceback():
    command = f"{sys.executable} -m gradchain cite {KEY} >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "gradchain: cannot write: standard output is closed\n",
    )
    command = f"{sys.executable} -m gradchain cite no.such 2>&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    "env",
    [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"},
     {"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
)  # fmt: skip
def test_an_ascii_terminal_gets_ascii(env):
    done = _process("cite", KEY, env=env)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert done.stdout.startswith(f"{KEY} = 9.77 x 10^-4".encode())
    assert _process("--help", env=env).returncode == 0


@pytest.mark.parametrize(
    "env",
    [{"HOME": "/nonexistent", "MPLCONFIGDIR": "/nonexistent"}, {"PYTHONWARNINGS": "error"},
     {"COLUMNS": "20", "NO_COLOR": "1"}, {"TERM": "dumb"}, {"JAX_PLATFORMS": "tpu"},
     {"XLA_FLAGS": "--nonsense", "JAX_ENABLE_X64": "1", "JAX_DEBUG_NANS": "1"}],
)  # fmt: skip
def test_the_surroundings_do_not_matter(env, tmp_path):
    note = tmp_path / "n.md"
    note.write_text("<!--gch:ln2--><!--/gch-->")
    commands = f"cite {KEY};list sigmoid;why ln2;fill {note};check ln2;--help;export --to markdown"
    done = _process(commands, "", code=IMPORTS, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert b"\x1b" not in done.stdout


def test_optimized_python_checks_as_much(tmp_path):
    damaged = tmp_path / "n.json"
    damaged.write_text('{"schema": 1, "writer": "x", "numbers": [{"key": "a", "value": "NaN"}]}')
    assert _process("cite", "no.such", flags=("-O",)).returncode == 2
    assert _process("list", "--registry", str(damaged), flags=("-O",)).returncode == 3
    assert _process("cite", "1/0", flags=("-OO",)).returncode == 2
    assert _process("cite", KEY, flags=("-OO",)).returncode == 0


INTERRUPTED = """
import os, signal, sys, time
from gradchain.registry import cite
def of(*words, **more):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
cite.of = of
from gradchain.cli import run
sys.exit(run(["cite", "ln2"]))
"""


def test_control_c_says_stopped_and_exits_130():
    done = _process(code=INTERRUPTED, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "gradchain: stopped\n")


CHECKING = """
import sys
from gradchain.cli import run
print("ready", flush=True)
sys.exit(run(["check"]))
"""


@pytest.mark.parametrize("pause", [0.05, 0.1, 0.3])
def test_control_c_at_any_moment_of_a_long_check_makes_no_traceback(pause):
    # Before `run` is reached the signal is Python's own affair, so wait until it is.
    with subprocess.Popen(
        [sys.executable, "-c", CHECKING], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode in {0, 130}, err
    assert b"Traceback" not in err


SWALLOWED = """
import sys
import gradchain.cli as cli
def swallow(arguments):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as stop:
        raise SystemError("returned a result with an exception set") from stop
cli._run = swallow
sys.exit(cli.run(["check"]))
"""


def test_control_c_that_compiled_code_turned_into_another_error_is_still_control_c():
    done = _process(code=SWALLOWED, text=True)
    assert done.returncode == 130
    assert "stopped" in done.stderr


DAMAGED = """
import sys
from gradchain.registry import reference
honest = reference.packaged
reference.packaged = lambda name: honest(name).replace(b"0.25", b"0.26")
from gradchain.cli import run
sys.exit(run(["cite", "ln2"]))
"""


def test_one_wrong_byte_in_the_packaged_reference_exits_3_and_says_reinstall():
    done = _process(code=DAMAGED, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert "reinstall" in done.stderr


def test_what_nobody_expected_is_a_sentence_unless_debugging(monkeypatch, capsys):
    monkeypatch.setattr("gradchain.cli.commands.find", lambda *words: 1 / 0)
    assert run(["list", "x"]) == 1
    err = capsys.readouterr().err
    assert "unexpected ZeroDivisionError" in err
    assert "report" in err
    assert err.count("\n") == 1
    monkeypatch.setenv("GRADCHAIN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["list", "x"])


def test_it_runs_from_a_zip_file_and_from_inside_the_sources(tmp_path):
    archive = tmp_path / "gradchain.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((SOURCE / "gradchain").rglob("*")):
            if path.suffix in {".py", ".pyi", ".json", ".txt"}:
                file.write(path, path.relative_to(SOURCE))
    env = {"PYTHONPATH": str(archive)}
    where = "import gradchain.cli as c; print(c.__file__)"
    assert _process(code=where, env=env, text=True, cwd=tmp_path).stdout.startswith(str(archive))
    for words in (("cite", KEY), ("--version",)):
        zipped = _process(*words, env=env, cwd=tmp_path)
        inside = _process(*words, cwd=SOURCE / "gradchain")
        assert zipped.returncode == inside.returncode == 0, zipped.stderr + inside.stderr
        assert zipped.stdout == inside.stdout == _process(*words).stdout


def test_the_installed_command_is_the_same_program():
    script = shutil.which("gradchain", path=str(Path(sys.executable).parent))
    assert script is not None
    done = subprocess.run([script, "cite", KEY], capture_output=True, check=False)
    assert done.stdout == _process("cite", KEY).stdout
