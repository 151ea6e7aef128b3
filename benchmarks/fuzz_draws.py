"""What `fuzz.py` draws: mutated registry files, records, texts, notes, command lines, arguments."""

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

import jax
import jax.numpy as jnp
import numpy as np

import gradchain as gch
from gradchain import _text, scaled
from gradchain.cli import run
from gradchain.predicted import bounds
from gradchain.registry import Number, load
from gradchain.registry.display import shown
from gradchain.registry.expression import evaluate, plain_formula
from gradchain.registry.marks import scan
from gradchain.registry.reading import from_json, parse_registry
from gradchain.registry.record import to_json

Call = Callable[[], object]
F32 = np.float32


class Offence(Exception):
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
    "\u09e7\u0967\uff11\u00b2\u2153\u2460", "\u202e\u2066\u200b\ufeff\u2028\ufffe", "\ud800\udfff", "\u00e9\u4e2d\U0001f600\u0130\u1e9e",
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
        raise Offence(f"{value!r} does not come back")
    for form in _text.FORMS:
        text = _text.form_of(_text.significant(number, 3), form)
        if not text or "nan" in text.lower():
            raise Offence(f"{value!r} reads {text!r}")


def text(chance: random.Random) -> Call:
    """Draw something to be read as a number or an expression."""
    drawn = word(chance)
    if chance.random() < 0.3:
        drawn = f"{chance.choice(['', '-'])}{chance.randint(0, 999)}.{chance.randint(0, 10**9)}e{chance.randint(-9999, 9999)}"
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
    None, True, False, 0, -1, 10**30, 0.25, float("nan"), float("inf"), "", "x", [], {}, ["a"], [1], {"a": 1},
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


def _damage(tree: object, chance: random.Random) -> object:
    """Change one place of JSON data: drop, replace, add, or swap."""
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        key = chance.choice(list(tree))
        kind = chance.random()
        if kind < 0.15:
            del tree[key]
        elif kind < 0.25:
            tree[word(chance)] = copy.deepcopy(chance.choice(VALUES))
        else:
            tree[key] = _damage(tree[key], chance)
        return tree
    if isinstance(tree, list) and tree and chance.random() < 0.7:
        place = chance.randrange(len(tree))
        tree[place] = _damage(tree[place], chance)
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
            raise Offence(f"{number.key} reads {shown(number, form)}")


def registry_file(chance: random.Random) -> Call:
    """Draw a damaged registry file."""
    chosen = copy.deepcopy(chance.sample(_records(), 2))
    tree: object = {"schema": 1, "writer": "w", "numbers": chosen}
    for _ in range(chance.randint(0, 2)):
        tree = _damage(tree, chance)
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
            fields[name] = copy.deepcopy(chance.choice(VALUES)) if chance.random() < 0.6 else word(chance)
        return functools.partial(_build, **fields)
    for _ in range(chance.randint(1, 2)):
        data = _damage(data, chance)
    return functools.partial(_make, chance.random() < 0.3, data)


# --- command line --------------------------------------------------------------------------------

COMMANDS = (
    ["cite", "ln2"], ["cite", "0.25^5", "--format", "latex"], ["why", "gelu.derivative.sup"], ["list", "bound", "n5"],
    ["export", "--to", "csv", "-o", "out.csv"], ["check", "ln2"], ["check", "underflow.quarter.float16", "--level", "quick"],
    ["fill", "note.md", "--dry-run"], ["fill", "note.md"], ["diff", "mine.json", "broken.json"], ["--version"],
    ["list", "--registry", "mine.json"], ["cite", "ln2", "--registry", "broken.json"], ["diff", "mine.json", "mine.json"],
)  # fmt: skip
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
    for _ in range(chance.randint(1, 3)):
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
        raise Offence(f"exit {code}: {err[-300:]}")
    if code not in {0, 1, 2, 3, 4}:
        raise Offence(f"exit {code}")
    if code in {1, 2, 3} and not err.startswith("gradchain: "):
        raise Offence(f"exit {code} without a sentence: {err[:200]!r}")
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
        timeout=50,
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
        {}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONWARNINGS": "error"}, {"HOME": "/none"},
        {"PYTHONOPTIMIZE": "2"}, {"COLUMNS": "20", "TERM": "dumb"}, {"JAX_PLATFORMS": "tpu"},
    ])  # fmt: skip
    return functools.partial(_whole_process, line, more)


# --- arrays --------------------------------------------------------------------------------------

NUMBERS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.3,
    1e-45,
    1.2e-38,
    3.4e38,
    -3.4e38,
    1e19,
    1e-19,
    88.8,
    float("nan"),
    float("inf"),
    -float("inf"),
)
STRANGE = (
    None, "x", "", b"x", 0, -1, 2, 1.5, True, float("nan"), 10**30, [], {}, (), [1.0, 2.0], [[1.0], [2.0, 3.0]], {"a": 1},
    object(), len, int, np.ones((2, 2), int), np.ones(2, complex), np.array([None, 1]), np.ones(2, np.longdouble),
    np.ones((2, 2)), np.ones(0, F32), np.ones((0, 2), F32), np.ones((2, 2, 2), F32), np.ones(3, F32), np.float32(1),
    np.array("x"), np.ones(2, bool), np.ones((1, 2), F32)[:, ::-1], np.datetime64("2020"), "sigmoid", "spectral", "auto",
)  # fmt: skip


def array(chance: random.Random, shape: tuple[int, ...], wild: float = 0.3) -> np.ndarray:
    """Draw a float32 array; now and then with entries at the ends of the range, or not finite."""
    values = [
        chance.choice(NUMBERS) if chance.random() < wild else chance.gauss(0, 1)
        for _ in range(int(np.prod(shape)))
    ]
    return np.array(values, F32).reshape(shape)


def _clean(*inputs: object) -> bool:
    """Say whether no input holds NaN or infinity."""
    leaves = [
        np.asarray(x)
        for x in jax.tree.leaves(inputs)
        if isinstance(x, (jax.Array, np.ndarray, float))
    ]
    return all(np.isfinite(x.astype(np.float64)).all() for x in leaves if x.dtype.kind == "f")


def _checked(function: Callable, *args: object, **more: object) -> str:
    """Call, and refuse a NaN in the result where none was put in."""
    result = function(*args, **more)
    if not _clean(args, more):
        return "accepted"
    for leaf in jax.tree.leaves(result):
        values = np.asarray(leaf)
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise Offence(f"a silent NaN from {getattr(function, '__name__', function)}")
    if isinstance(result, gch.ChainBounds) and (
        np.isnan(result.slack).any() or np.isnan(result.log_lower).any()
    ):
        raise Offence("a silent NaN among the bounds")
    return "accepted"


def scaled_call(chance: random.Random) -> Call:
    """Draw a call of a function on scaled values."""

    def value() -> object:
        kind = chance.random()
        if kind < 0.2:
            return chance.choice(STRANGE)
        own = scaled.from_array(array(chance, chance.choice([(2, 2), (2,)]), 0.2))
        if kind < 0.4:
            return scaled.Scaled(own.mantissa, jnp.int32(chance.choice([0, -5000, 5000, 10**8])))
        return own

    plain = array(chance, (2, 2)) if chance.random() < 0.5 else chance.choice(STRANGE)
    odd = chance.choice(STRANGE)
    whole = jnp.asarray(chance.choice([0, 1, -200, 300, -(2**31), 2**31 - 1]), jnp.int32)
    return chance.choice([
        lambda: functools.partial(_checked, scaled.from_array, plain),
        lambda: functools.partial(_checked, scaled.split, plain),
        lambda: functools.partial(_checked, scaled.binary_exponent, plain),
        lambda: functools.partial(_checked, scaled.scale, plain, whole if chance.random() < 0.7 else odd),
        lambda: functools.partial(_checked, scaled.power_of_two, whole if chance.random() < 0.5 else odd, jnp.float32),
        lambda: functools.partial(_checked, scaled.join, array(chance, (2, 2), 0.1), whole, chance.choice([jnp.float16, jnp.float32, odd])),
        lambda: functools.partial(_checked, scaled.to_fraction, plain),
        lambda: functools.partial(_checked, scaled.to_decimal, plain, chance.choice([None, 1, 5, odd])),
        lambda: functools.partial(_checked, scaled.identity, chance.choice([2, odd]), chance.choice([jnp.float32, odd])),
        lambda: functools.partial(_checked, scaled.rescale, value()),
        lambda: functools.partial(_checked, scaled.log_abs, value()),
        lambda: functools.partial(_checked, scaled.total, value()),
        lambda: functools.partial(_checked, scaled.norm, value(), chance.choice([*scaled.NORMS, odd])),
        lambda: functools.partial(_checked, scaled.multiply, value(), value()),
        lambda: functools.partial(_checked, scaled.add, value(), value()),
        lambda: functools.partial(_checked, scaled.matmul, value(), value() if chance.random() < 0.5 else plain),
    ])()  # fmt: skip


def _network(chance: random.Random) -> object:
    """Draw one of two kinds of network, so that all share their compiled programs."""
    if chance.random() < 0.1:
        return chance.choice(STRANGE)
    if chance.random() < 0.5:
        weights = [array(chance, (2, 2), 0.15) for _ in range(3)]
        weights = [np.where(np.isfinite(w), w, F32(1)) for w in weights]
        return gch.network_from_weights(weights, activation="identity")
    weights = [
        np.where(np.isfinite(w), w, F32(1))
        for w in (array(chance, (2, 2), 0.1), array(chance, (3, 2), 0.1))
    ]
    return gch.network_from_weights(weights, [np.zeros(2, F32), np.zeros(3, F32)], "relu")


def core_call(chance: random.Random) -> Call:
    """Draw a call that builds a network or follows a chain."""
    odd, key = chance.choice(STRANGE), jax.random.key(0)
    network = _network(chance)
    x = array(chance, (2,), 0.2) if chance.random() < 0.7 else odd
    width = 3 if isinstance(network, gch.Network) and len(network.runs) == 2 else 2
    cotangent = array(chance, (width,), 0.2) if chance.random() < 0.7 else odd
    weights = [
        array(chance, (2, 2), 0.05) if chance.random() < 0.8 else chance.choice(STRANGE)
        for _ in range(2)
    ]
    some = chance.random
    return chance.choice([
        lambda: functools.partial(_checked, gch.forward, network, x),
        lambda: functools.partial(_checked, gch.layer_jacobians, network, x, chance.choice(["autodiff", "analytic", odd])),
        lambda: functools.partial(_checked, gch.jacobian_chain, network, x, chance.choice([*scaled.NORMS, odd]), how=chance.choice(["auto", "autodiff", odd])),
        lambda: functools.partial(_checked, gch.jacobian_chain, network, x, chunk=chance.choice([1, odd]) if some() < 0.5 else None),
        lambda: functools.partial(_checked, gch.jacobian_chain, network, x, probes=chance.choice([3, odd]), key=chance.choice([key, odd])) if not isinstance(odd, int) else functools.partial(_checked, gch.jacobian_chain, network, x, probes=3, key=odd),
        lambda: functools.partial(_checked, gch.gradient_chain, network, x, cotangent, how=chance.choice(["auto", "autodiff", odd])),
        lambda: functools.partial(_checked, gch.gradient_factors, network, x, cotangent),
        lambda: functools.partial(_checked, gch.chain_bounds, network, x),
        lambda: functools.partial(_checked, gch.network_from_weights, weights if some() < 0.8 else odd, chance.choice([None, odd, [odd, odd]]), chance.choice(["tanh", odd, [odd, "relu"]])),
        lambda: functools.partial(_checked, gch.concatenate, network, chance.choice([network, odd])),
        lambda: functools.partial(_checked, gch.residual, network),
        lambda: functools.partial(_checked, gch.single, chance.choice([gch.LayerNorm(), gch.Dense(gch.activations.relu)]), chance.choice([{"weight": weights[0]}, {"gain": odd}, odd])),
        lambda: functools.partial(_checked, gch.diagnose_arrays, {"a": weights[0], "b": weights[1], "c": odd} if some() < 0.8 else odd),
        lambda: functools.partial(_checked, bounds.chain_upper, [0.0, chance.choice(NUMBERS)] if some() < 0.7 else odd, chance.choice([0.0, [0.0, 1.0], odd])),
        lambda: functools.partial(_checked, bounds.chain_lower, [0.0, chance.choice(NUMBERS)], [0.0, 0.0] if some() < 0.7 else odd, [0.0, chance.choice(NUMBERS)]),
        lambda: functools.partial(_checked, bounds.rms_chain_upper, [2, 3, chance.choice([2, odd])] if some() < 0.7 else odd, chance.choice([1.0, odd]), chance.choice([0.25, odd])),
        lambda: functools.partial(_checked, bounds.power_upper, chance.choice([0.25, odd]), chance.choice([2, None, "x", 1.5, -1]), chance.choice([None, [0.0, 0.0], odd])),
    ])()  # fmt: skip


def noun_call(chance: random.Random) -> Call:
    """Draw a call with a name of an activation or initializer, a number, or a strange argument."""
    odd, key = chance.choice(STRANGE), jax.random.key(0)
    name = chance.choice([
        word(chance),
        f"leaky_relu({word(chance)})",
        f"orthogonal({word(chance)})",
        odd,
    ])
    activation = gch.activations.get(chance.choice(gch.activations.NAMES))
    x = array(chance, (2,)) if chance.random() < 0.5 else odd
    small = lambda value: value if not isinstance(value, int) or value < 100 else 3
    return chance.choice([
        lambda: functools.partial(gch.activations.get, name),
        lambda: functools.partial(gch.initializers.get, name),
        lambda: functools.partial(_checked, activation, x),
        lambda: functools.partial(_checked, activation.derivative, x),
        lambda: functools.partial(gch.activations.from_function, name, chance.choice([odd, nothing, mixing]), chance.choice([None, odd]), chance.choice([1.0, odd]), chance.choice([(), odd])),
        lambda: functools.partial(gch.initializers.get("he_normal").sample, chance.choice([key, odd]), chance.choice([(2, 2), small(odd)]), chance.choice([None, odd])),
        lambda: functools.partial(gch.mlp, chance.choice([key, odd]), chance.choice([1, small(odd)]), chance.choice([2, small(odd)]), chance.choice(["relu", name]), chance.choice(["he_normal", name])),
        lambda: functools.partial(gch.cite, name),
        lambda: functools.partial(gch.cite, "ln2", odd),
    ])()  # fmt: skip


def nothing(x: object) -> None:
    """Return nothing, which no activation does."""


def mixing(x: jax.Array) -> jax.Array:
    """Mix the entries, which no activation does."""
    return x - jnp.mean(x)
