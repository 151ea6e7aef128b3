"""What `fuzz.py` draws for everything that is text: registry files, records, notes, command lines."""

import contextlib
import copy
import functools
import io
import json
import os
import pathlib
import random
import subprocess
import sys
from collections.abc import Callable

from gradchain import _text
from gradchain.cli import run
from gradchain.registry import Number, load
from gradchain.registry.display import shown
from gradchain.registry.expression import evaluate, plain_formula
from gradchain.registry.marks import scan
from gradchain.registry.reading import from_json, parse_registry
from gradchain.registry.record import to_json

Call = Callable[[], object]


class OffenceError(Exception):
    """A result that must not be."""


def describe(call: Call) -> str:
    """Say what a draw was."""
    if isinstance(call, functools.partial):
        words = [*map(repr, call.args), *(f"{k}={v!r}" for k, v in call.keywords.items())]
        name = getattr(call.func, "__name__", str(call.func))
        return f"{name}({', '.join(words)})"[:600].replace("\n", " ")
    return repr(call)[:600]


# --- texts ---------------------------------------------------------------------------------------

SIGNS = (
    "abcxyz", "ABC", "0123456789", ".eE+-/", "^*()%", " \t\r\n", "\x00\x07\x1b\x7f\x9b",
    "\u09e7\u0967\uff11\u00b2\u2153\u2460", "\u202e\u2066\u200b\ufeff\u2028\ufffe", "\ud800\udfff",
    "\u00e9\u4e2d\U0001f600\u0130\u1e9e",
    "{}[]\"'\\:,", "<>&=@#$_~`|;!?", "\u2212\u00d7\u2264\u03c3\u2074",
)  # fmt: skip
WORDS = (
    "", "NaN", "Infinity", "-inf", "1e999", "1e-30000000", "1e999999999", "1/0", "0/1", "--1", "1_000",
    "0x10", "1.", ".5", "+1", "9^9^9", "2^-99999", "(" * 60, "-" * 90, "1" * 400, "0." + "0" * 300 + "1",
    "sigmoid", "ln2", "sigmoid.chain.bound.n5", "0.25^5", "log(2)", "50%", "<script>", "\\input{x}",
    "{{x}}", "=1+1", "[red]x[/red]", "-->", "<!--gch:ln2-->", "../..", "None", "true", "a" * 3000,
)  # fmt: skip


def word(chance: random.Random) -> str:
    """Draw a text: a known nuisance, signs of all kinds, or a key with some letters changed."""
    kind = chance.random()
    if kind < 0.35:
        return chance.choice(WORDS)
    if kind < 0.6:
        text = list(chance.choice(list(load())))
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(text) + 1)
            text[place : place + chance.randint(0, 1)] = chance.choice(chance.choice(SIGNS))
        return "".join(text)
    return "".join(chance.choice(chance.choice(SIGNS)) for _ in range(chance.randint(0, 12)))


def _numeral(value: str) -> None:
    """Read, round and write a number in every form."""
    number = _text.parse(value)
    if _text.parse(_text.exact_text(number)) != number and len(value) < 1000:
        raise OffenceError(f"{value!r} does not come back")
    for form in _text.FORMS:
        text = _text.form_of(_text.significant(number, 3), form)
        if not text or "nan" in text.lower():
            raise OffenceError(f"{value!r} reads {text!r}")


def text(chance: random.Random) -> Call:
    """Draw something to be read as a number or an expression."""
    drawn = word(chance)
    if chance.random() < 0.3:
        whole, part = chance.randint(-999, 999), chance.randint(0, 10**9)
        drawn = f"{whole}.{part}e{chance.randint(-9999, 9999)}"
    if chance.random() < 0.2:
        drawn = "".join(
            chance.choice("0123456789.^*/+-()% e") for _ in range(chance.randint(1, 20))
        )
    return functools.partial(chance.choice([_numeral, evaluate, plain_formula]), drawn)


def notes(chance: random.Random) -> Call:
    """Draw a note with marks of all kinds."""
    parts = (
        "<!--gch:",
        "-->",
        "<!--/gch-->",
        "ln2",
        " form=",
        "`",
        "```\n",
        "\n",
        "<a b='",
        ">",
        *_text.FORMS,
    )
    drawn = "".join(
        chance.choice(parts) if chance.random() < 0.7 else word(chance)
        for _ in range(chance.randint(0, 20))
    )
    return functools.partial(scan, drawn, chance.choice([True, False]))


# --- registry ------------------------------------------------------------------------------------

VALUES: tuple[object, ...] = (
    None, True, False, 0, -1, 10**30, 0.25, float("nan"), float("inf"), "", "x", [], {}, ["a"], [1],
    {"a": 1},
    {"rule": "equality"}, {"type": "error bound", "value": "1"}, [["x"]], "\ud800", "\x1b[31m",
)  # fmt: skip


def _some_records() -> list[dict]:
    found = {}
    for number in load().values():
        found.setdefault((number.kind, number.uncertainty is None), to_json(number))
    return list(found.values())


@functools.cache
def _records() -> list[dict]:
    return _some_records()


def damage(tree: object, chance: random.Random) -> object:
    """Change one place of JSON data: drop, replace, add, or swap."""
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        key = chance.choice(list(tree))
        kind = chance.random()
        if kind < 0.15:
            del tree[key]
        elif kind < 0.25:
            tree[word(chance)] = copy.deepcopy(chance.choice(VALUES))
        else:
            tree[key] = damage(tree[key], chance)
        return tree
    if isinstance(tree, list) and tree and chance.random() < 0.7:
        place = chance.randrange(len(tree))
        tree[place] = damage(tree[place], chance)
        return tree
    return copy.deepcopy(chance.choice(VALUES)) if chance.random() < 0.5 else word(chance)


def _read(data: bytes) -> None:
    for number in parse_registry(data, "drawn.json").values():
        _show(number)


def _show(number: Number) -> None:
    """Write an accepted record in every form; its text must hold no NaN."""
    if len(number.value) > 300:
        return
    for form in _text.FORMS:
        if "nan" in shown(number, form).lower():
            raise OffenceError(f"{number.key} reads {shown(number, form)}")


def registry_file(chance: random.Random) -> Call:
    """Draw a damaged registry file."""
    chosen = copy.deepcopy(chance.sample(_records(), 2))
    tree: object = {"schema": 1, "writer": "w", "numbers": chosen}
    for _ in range(chance.randint(0, 2)):
        tree = damage(tree, chance)
    data = json.dumps(tree, indent=chance.choice([None, 1])).encode()
    for _ in range(chance.choice([0, 0, 1, 3])):
        place = chance.randrange(len(data) + 1)
        new = chance.choice([
            b"",
            b"\x00",
            b"\xff",
            b"{",
            b"]",
            b'"',
            b"NaN",
            b"9" * 40,
            os.urandom(0),
            b"\\ud800",
        ])
        data = data[:place] + new + data[place + chance.randint(0, 5) :]
    if chance.random() < 0.05:
        data = chance.choice([b"", b"\xef\xbb\xbf", b"[" * 5000, b'{"a":' * 3000]) + data
    return functools.partial(_read, data)


def _make(lenient: bool, data: object) -> None:
    _show(from_json(data, lenient))


def _build(**fields: object) -> None:
    _show(Number(**fields))  # type: ignore[arg-type]


def record(chance: random.Random) -> Call:
    """Draw a damaged record, as JSON data or as arguments of `Number`."""
    data: object = copy.deepcopy(chance.choice(_records()))
    if chance.random() < 0.4:
        fields = dict(vars(load()[data["key"]]))  # type: ignore[index]
        for name in chance.sample(list(fields), chance.randint(1, 2)):
            fields[name] = (
                copy.deepcopy(chance.choice(VALUES)) if chance.random() < 0.6 else word(chance)
            )
        return functools.partial(_build, **fields)
    for _ in range(chance.randint(1, 2)):
        data = damage(data, chance)
    return functools.partial(_make, chance.random() < 0.3, data)


# --- command line --------------------------------------------------------------------------------

COMMANDS = tuple(
    line.split()
    for line in (
        "cite ln2",
        "cite 0.25^5 --format latex",
        "cite ln2 --registry broken.json",
        "why gelu.derivative.sup",
        "list bound n5",
        "list --registry mine.json",
        "export --to csv -o out.csv",
        "check ln2",
        "check underflow.quarter.float16 --level quick",
        "fill note.md",
        "fill note.md --dry-run",
        "diff mine.json broken.json",
        "diff mine.json mine.json",
        "--version",
    )
)
PATHS = (
    "note.md",
    "mine.json",
    "broken.json",
    "folder",
    "none",
    "*.md",
    "/",
    "/dev/null",
    "/dev/full",
    "no/such/file",
    "pipe",
)


def prepare(folder: pathlib.Path) -> None:
    """Make the few files that command lines name."""
    from gradchain.registry import write

    (folder / "note.md").write_text("<!--gch:ln2--><!--/gch-->\n")
    (folder / "broken.json").write_text('{"schema": 1, "numbers": [')
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    write(folder / "mine.json", [load()["ln2"]])


def _line(chance: random.Random) -> list[str]:
    line = list(chance.choice(COMMANDS))
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        place = chance.randrange(len(line) + 1)
        kind = chance.random()
        new = word(chance) if kind < 0.6 else chance.choice(PATHS)
        if kind > 0.85:
            new = chance.choice([
                "--help",
                "--format",
                "--registry",
                "--",
                "-f",
                "--dry-run",
                "--to",
                "--no-such",
                "-",
            ])
        line[place : place + chance.randint(0, 1)] = [new]
    if line and line[0] == "check" and not any(len(part) > 1 for part in line[1:]):
        line.append("ln2")
    # No drawn word may name a file outside the folder, except the few above.
    return [
        part if part in PATHS else part.replace("/", "|").replace("~", "|")
        for part in line
        if part is not None
    ]


def _judge(code: int, out: str, err: str) -> str:
    if "Traceback" in err or "fault of gradchain" in err or "Traceback" in out:
        raise OffenceError(f"exit {code}: {err[-300:]}")
    if code not in {0, 1, 2, 3, 4}:
        raise OffenceError(f"exit {code}")
    if code in {1, 2, 3} and not err.startswith("gradchain: "):
        raise OffenceError(f"exit {code} without a sentence: {err[:200]!r}")
    return "accepted" if code == 0 else "refused"


def _in_process(line: list[str]) -> str:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(line)
    return _judge(code, out.getvalue(), err.getvalue())


def command(chance: random.Random) -> Call:
    """Draw a command line."""
    return functools.partial(_in_process, _line(chance))


def _whole_process(line: list[str], more: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gradchain", *line],
        capture_output=True,
        env={**os.environ, **more},
        check=False,
        timeout=500,
    )
    return _judge(
        done.returncode,
        done.stdout.decode("utf-8", "replace"),
        done.stderr.decode("utf-8", "replace"),
    )


def process(chance: random.Random) -> Call:
    """Draw a command line and some surroundings for a process of its own."""
    line = [part.replace("\x00", "?").encode("utf-8", "replace").decode() for part in _line(chance)]
    more = chance.choice([
        {}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONWARNINGS": "error"},
        {"HOME": "/none"},
        {"PYTHONOPTIMIZE": "2"}, {"COLUMNS": "20", "TERM": "dumb"}, {"JAX_PLATFORMS": "tpu"},
    ])  # fmt: skip
    return functools.partial(_whole_process, line, more)
