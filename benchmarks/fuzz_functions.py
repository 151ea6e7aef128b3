"""What `fuzz.py` draws for functions of text and files: registries, searches, checks, study folders.

Functions of the registry take texts, records and paths, so that is what is drawn for them, wild as
they are; arguments of recomputable functions come from strangers' files, so there anything JSON goes.
"""

import functools
import json
import pathlib
import random
import shutil

import fuzz_texts as texts

from gradchain import _text, recompute, report
from gradchain.figures import alt_text, power_of_ten, trend
from gradchain.registry import (
    How,
    Registry,
    display,
    export,
    formats,
    grammar,
    load,
    read,
    search,
    shown,
    validate_all,
    why,
    write,
)
from gradchain.registry.cite import as_data, cite, of
from gradchain.registry.diff import compare, lines, open_numbers
from gradchain.study import Cell, Table, check_seed, fill, keys_in, state_of

LIGHT = tuple(name for name, entry in recompute.TABLE.items() if not entry.needs_jax)


# --- recomputable functions ----------------------------------------------------------------------


@functools.cache
def _known() -> list[tuple[str, dict]]:
    found = {(number.how.function, str(number.how.arguments)): number for number in load().values()}
    return [(n.how.function, json.loads(n.how.arguments)) for n in found.values()]


def _recomputed(function: str, arguments: object) -> None:
    result = recompute.run(How(function, json.dumps(arguments)), "drawn")
    for part in (result.value, *(result.enclosure or ())):
        _text.parse(part)


def recomputation(chance: random.Random) -> texts.Call:
    """Draw a function of the table, sometimes by a wrong name, and damaged arguments."""
    function, arguments = chance.choice([x for x in _known() if x[0] in LIGHT])
    arguments = json.loads(json.dumps(arguments))
    for _ in range(chance.randint(0, 2)):
        if isinstance(arguments, dict) and arguments and chance.random() < 0.8:
            name = chance.choice(list(arguments))
            arguments[name] = chance.choice([
                texts.word(chance),
                chance.choice(texts.VALUES),
                f"{chance.randint(-9, 999)}/{chance.randint(-1, 999)}",
                f"{chance.uniform(-2, 2):.6g}",
                f"0.{chance.randint(0, 9)}e{chance.randint(-9999, 9999)}",
                chance.randint(-10, 2000),
                chance.choice(["float16", "bfloat16", "float32", "float64", "lambda"]),
            ])
        else:
            arguments = texts.damage(arguments, chance)
    if chance.random() < 0.1:
        function = chance.choice(["os.system", "gradchain._text.parse", texts.word(chance)])
    return functools.partial(_recomputed, function, arguments)


# --- registry functions --------------------------------------------------------------------------


@functools.cache
def _shelf() -> search.Shelf:
    return search.Shelf.open()


def _value(key: str) -> None:
    shown(load().get(key))


def _nearest(key: str) -> None:
    load().nearest(key)


def _cited(key: str) -> None:
    as_data(cite(key))


def _explained(query: str) -> None:
    why.explain(of(_shelf(), search.one(_shelf(), query)))


def _found(*words: str) -> None:
    search.find(_shelf(), words)


def _shown(key: str, form: object, digits: object) -> None:
    texts_of = shown(load()[key], form, digits)  # type: ignore[arg-type]
    if "nan" in texts_of.lower():
        raise texts.OffenceError(f"{key} reads {texts_of}")


def _escaped(text: str) -> None:
    for escape in (
        formats.clean, formats.ascii_text, formats.latex_text, formats.bibtex_text, formats.typst_text,
        formats.markdown_text, formats.markdown_code, formats.html_text, formats.csv_cell,
        grammar.printable, search.fold,
    ):  # fmt: skip
        escape(text)


def _files(call: object, path: object) -> None:
    call(path)  # type: ignore[operator]


def _compared(first: list, second: list) -> None:
    lines(compare(Registry(first), Registry(second)))


def _written(path: object, numbers: object) -> None:
    write(path, numbers)  # type: ignore[arg-type]


def _exported(target: str) -> None:
    export.export(_shelf(), target)


def registry_function(chance: random.Random) -> texts.Call:
    """Draw a function of the registry and what it is given."""
    keys, word = list(load()), texts.word(chance)
    key = chance.choice(keys)
    some = [load()[chance.choice(keys)] for _ in range(chance.randint(0, 3))]
    anything = chance.choice([*texts.VALUES, word])
    # As a file's name, it stays inside the folder.
    name = word.replace("/", "|")
    return chance.choice([
        functools.partial(_value, word),
        functools.partial(_nearest, word),
        functools.partial(_cited, chance.choice([word, anything])),
        functools.partial(_explained, chance.choice([word, key])),
        functools.partial(_found, word),
        functools.partial(_shown, key, chance.choice([*_text.FORMS, anything]), anything),
        functools.partial(display.shown, load()[key], "text", chance.randint(-3, 60)),
        functools.partial(_escaped, word),
        functools.partial(_files, read, chance.choice([*texts.PATHS[:6], anything, name, "pipe"])),
        functools.partial(_files, open_numbers, chance.choice([*texts.PATHS[:6], name, "pipe"])),
        functools.partial(_compared, some[:1], some[1:]),
        functools.partial(validate_all, chance.choice([some, anything, [anything]])),
        functools.partial(_written, chance.choice(["new.json", "folder", "no/such/x", name]), some),
        functools.partial(_written, "new.json", chance.choice([anything, [anything]])),
        functools.partial(_exported, chance.choice([word, "csv", "latex"])),
    ])


# --- study folders -------------------------------------------------------------------------------

FOLDER = pathlib.Path("study")


@functools.cache
def _whole() -> dict[str, bytes]:
    """Make the folder of a small study once, and keep its small files."""
    import kill_study

    from gradchain.study import run

    here = pathlib.Path(__file__).resolve().parent
    script = kill_study.load(here.parent / "studies/whisper_chain.py")
    run(script, scale="smoke", out=pathlib.Path("whole"), say=lambda text: None)  # type: ignore[arg-type]
    folder = pathlib.Path("whole") / "whisper_chain"
    small = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    shutil.rmtree("whole")
    return small


def _read_back(files: dict[str, bytes]) -> str:
    folder = FOLDER / "whisper_chain"
    shutil.rmtree(FOLDER, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    state = state_of(folder)
    built = report.build(FOLDER)
    page = built.html.read_text("utf-8")
    if "<script" in page or "onerror=" in page:
        raise texts.OffenceError("the report lets a script through")
    shown_as = [state for _, state in built.states]
    return "accepted" if (state, shown_as) == ("current", ["current"]) else "refused"


def study_folder(chance: random.Random) -> texts.Call:
    """Draw a finished study's folder with damaged files, of which the report is then made."""
    from gradchain.study.files import digest

    files = dict(_whole())
    name = chance.choice(["summary.json", "numbers.json", "provenance.json", "settings.json"])
    for _ in range(chance.randint(1, 2)):
        try:
            tree = texts.damage(json.loads(files[name]), chance)
        except ValueError:
            break
        data = json.dumps(tree).encode()
        if chance.random() < 0.2:
            place = chance.randrange(len(data) + 1)
            data = data[:place] + chance.choice([b"", b"\xff", b"]", b"\x00"])
        files[name] = data
        try:
            provenance = json.loads(files["provenance.json"])
            # Half of the strangers are clever enough to correct the checksum.
            if name in provenance["files"] and chance.random() < 0.8:
                provenance["files"][name] = digest(data)
                files["provenance.json"] = json.dumps(provenance).encode()
        except (ValueError, TypeError, KeyError):
            break
    if chance.random() < 0.1:
        del files[chance.choice(list(files))]
    return functools.partial(_read_back, files)


# --- words of studies and figures ----------------------------------------------------------------


def study_word(chance: random.Random) -> texts.Call:
    """Draw a function that checks or writes the words of a study or a figure."""
    word, other = texts.word(chance), texts.word(chance)
    braces = "".join(chance.choice(["{", "}", "a.b", word, " 1.5 "]) for _ in range(4))
    number = chance.choice([0.0, -1e300, 1e300, float("nan"), float("inf"), -400.25, 3, -0.04])
    anything = chance.choice(texts.VALUES)
    return chance.choice([
        functools.partial(keys_in, braces),
        functools.partial(fill, braces, str),
        functools.partial(check_seed, chance.choice([anything, -1, 2**32, 1.0])),
        functools.partial(Cell, word, {"a": anything}),
        functools.partial(Table, word, other, ("a", "b"), [(1, 2), (anything,) * 2, (1,)]),
        functools.partial(alt_text, word, other, word, other),
        functools.partial(power_of_ten, number),
        functools.partial(trend, word, [0, chance.choice([1, 0])], [number, -number]),
        functools.partial(trend, word, [], []),
    ])
