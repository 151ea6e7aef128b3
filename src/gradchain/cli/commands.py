"""The commands: each reads registries, says one thing, and returns its exit code.

Which question it answers: what may a person type after `gradchain`? Imports that cost time stand
inside the command that needs them, so that `cite` answers in a tenth of a second.
"""

import os
from typing import Annotated, Literal

from cyclopts import App, Parameter

from gradchain._errors import OutputError, UsageError
from gradchain._version import VERSION
from gradchain.cli.output import cut, emit, line_width
from gradchain.registry.display import shown
from gradchain.registry.formats import clean
from gradchain.registry.search import Shelf, by_value, find, one
from gradchain.registry.wording import nature

OK, DRIFT, USAGE = 0, 4, 2

_HELP = "Numbers about vanishing and exploding gradients, with everything needed to cite them."
_EPILOGUE = """Examples:
gradchain list sigmoid bound
gradchain cite sigmoid.chain.bound.n5
gradchain cite "0.25^5" --format latex
gradchain why sigmoid.chain.bound.n5
gradchain fill notes.md --dry-run
gradchain claims dying relu
gradchain proof T06b
gradchain export --to latex --output numbers.tex
gradchain check --level full

Exit codes: 0 done, 1 could not write, 2 wrong usage or unknown key, 3 damaged data,
4 drift found or refused, 130 stopped (141: the reader of a pipe went away).
"""

# Plain help: no boxes, which a screen reader would read out and a narrow terminal would break.
app = App(
    name="gradchain",
    help=_HELP,
    help_format="plaintext",
    help_formatter="plain",
    help_epilogue=_EPILOGUE,
    version=VERSION,
    version_format="plaintext",
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)

Files = Annotated[tuple[str, ...], Parameter(name="--registry", negative="", show_default=False)]
Format = Literal["text", "ascii", "markdown", "html", "latex", "typst", "bibtex", "json"]


@app.command(help_epilogue="")
def cite(
    key: str,
    /,
    *,
    format: Annotated[Format, Parameter(name=["--format", "-f"])] = "text",
    registry: Files = (),
) -> int:
    """Show a number, its conditions, its origin, and a ready citation.

    Args:
        key: a key, or an expression such as "0.25^5", a closed form, or a value.
        format: what to print.
        registry: a registry file of your own; may be given several times.

    Returns:
        The exit code.
    """
    from gradchain.registry.cite import of

    shelf = Shelf.open(*registry)
    meant = one(shelf, key)
    emit(of(shelf, meant).form(format))
    if key not in shelf and format in {"text", "ascii"}:
        others = [other for other in by_value(shelf, key) if other != meant]
        if others:
            emit(f"  same value  {', '.join(others)}")
    return OK


@app.command(help_epilogue="")
def why(key: str, /, *, registry: Files = ()) -> int:
    """Show what a number rests on, and how to recompute it.

    Args:
        key: a key, or an expression such as "0.25^5", a closed form, or a value.
        registry: a registry file of your own; may be given several times.

    Returns:
        The exit code.
    """
    from gradchain.registry.cite import of
    from gradchain.registry.why import explain

    shelf = Shelf.open(*registry)
    emit(explain(of(shelf, one(shelf, key))))
    return OK


@app.command(name="list", help_epilogue="")
def list_(*words: str, registry: Files = ()) -> int:
    """List the numbers that match all the words.

    Args:
        words: parts of keys, statements, conditions, tags or values.
        registry: a registry file of your own; may be given several times.

    Returns:
        The exit code.

    Raises:
        UsageError: no number matches.
    """
    shelf = Shelf.open(*registry)
    keys = find(shelf, words)
    if not keys:
        asked = " ".join(clean(word) for word in words)[:200]
        hint = "fewer words find more" if len(asked.split()) > 1 else "all numbers: gradchain list"
        raise UsageError(f"no number matches {asked}; {hint}")
    _table(shelf, keys)
    return OK


def _table(shelf: Shelf, keys: list[str]) -> None:
    """Print keys, values and what they are, aligned; cut to the width of a terminal only."""
    rows = []
    for key in keys:
        number, origin = shelf[key], shelf.origin(key)
        unit = "" if number.unit == "1" else f" {number.unit}"
        about = f"{nature(number)}: {number.statement}"
        where = f"from {origin}: " if origin else ""
        rows.append((key, clean(shown(number, "ascii") + unit), clean(where + about)))
    first = max(len(row[0]) for row in rows)
    # One long value (an interval, say) must not push every statement off the screen.
    second = min(max(len(row[1]) for row in rows), 20)
    width = line_width()
    for key, value, about in rows:
        line = f"{key:<{first}}  {value:<{second}}"
        room = None if width is None else width - len(line) - 2
        if room is not None and room < 12:
            emit(f"{key}  {value}")
            continue
        emit(f"{line}  {cut(about, room)}")


@app.command(help_epilogue="")
def export(
    *,
    to: Literal["latex", "json", "csv", "markdown"],
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    registry: Files = (),
) -> int:
    """Write all numbers for LaTeX, JSON, spreadsheets or Markdown.

    Args:
        to: the format.
        output: the file to write; printed if left out.
        registry: a registry file of your own; may be given several times.

    Returns:
        The exit code.

    Raises:
        OutputError: the file cannot be written.
    """
    from pathlib import Path

    from gradchain.registry.export import export as write_out
    from gradchain.registry.writing import write_bytes

    text = write_out(Shelf.open(*registry), to)
    if output is None:
        emit(text.removesuffix("\n"))
        return OK
    name = clean(output)
    try:
        if os.path.lexists(output) and not os.path.isfile(output):
            raise OutputError(f"cannot write {name}: it is not a regular file")
        changed = write_bytes(Path(output), text.encode("utf-8"))
    except ValueError as error:
        raise OutputError(f"cannot write {name}: {error}") from error
    emit(f"{name}: written" if changed else f"{name}: up to date")
    return OK


@app.command(help_epilogue="")
def check(*keys: str, level: Literal["quick", "full"] = "quick", registry: Files = ()) -> int:
    """Recompute numbers and say what drifted.

    Args:
        keys: which numbers; all if left out.
        level: quick runs only what needs no JAX; full runs everything.
        registry: a registry file of your own; may be given several times.

    Returns:
        The exit code: 4 if a number drifted, was refused, or could not be recomputed at level full.
    """
    from gradchain.cli.checking import check_all

    return check_all(Shelf.open(*registry), keys, level, bool(registry))


@app.command(help_epilogue="")
def fill(
    *files: str,
    dry_run: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    registry: Files = (),
) -> int:
    """Bring the numbers in your notes up to date.

    A number stands between marks: <!--gch:KEY-->9.77e-4<!--/gch-->
    (with a form, if wanted: <!--gch:KEY form=latex-->).

    Args:
        files: Markdown or HTML files, changed in place.
        dry_run: say what would change, write nothing.
        registry: a registry file of your own; may be given several times.

    Returns:
        The exit code.

    Raises:
        UsageError: no file was named.
    """
    from gradchain.registry.fill import fill as fill_files
    from gradchain.registry.fill import report_lines

    if not files:
        raise UsageError("fill needs at least one file, as in: gradchain fill notes.md")
    for report in fill_files(Shelf.open(*registry), files, dry_run):
        emit("\n".join(report_lines(report, dry_run)))
    return OK


@app.command(help_epilogue="")
def proof(
    *theorem: str,
    format: Annotated[Literal["text", "json"], Parameter(name=["--format", "-f"])] = "text",
) -> int:
    """Show theorems: what they say, where their proofs are, who checked them, what stands on them.

    Args:
        theorem: ids such as T06b, or groups such as T06; a list of the groups if left out.
        format: text, or json: a list of objects.

    Returns:
        The exit code.
    """
    from gradchain.cli.proving import as_json, as_text

    emit(as_json(theorem) if format == "json" else as_text(theorem, line_width() or 100))
    return OK


@app.command(help_epilogue="")
def claims(
    *words: str,
    format: Annotated[
        Literal["text", "json", "markdown"], Parameter(name=["--format", "-f"])
    ] = "text",
) -> int:
    """Show what notes on this subject say, how far it holds, and what to say instead.

    Args:
        words: ids such as C07, or words of the claim; all claims if left out.
        format: text is one line a claim without words, else all of each; json is a list of objects.

    Returns:
        The exit code.
    """
    from gradchain.claims import find, load, page, paragraph, to_json
    from gradchain.claims.wording import line
    from gradchain.registry.reference import load as reference

    found, numbers = find(load(), words), reference()
    if format == "json":
        emit(to_json(found, numbers))
    elif format == "markdown":
        emit(page(found, numbers, introduction=not words).removesuffix("\n"))
    elif words:
        emit("\n\n".join(paragraph(claim, numbers) for claim in found))
    else:
        width = line_width()
        emit("\n".join(cut(line(claim), width) for claim in found))
    return OK


@app.command(help_epilogue="")
def diff(old: str, new: str, /) -> int:
    """Compare two registry files or result folders.

    Args:
        old: a numbers.json, a study's result folder, or a folder of them.
        new: the same, later.

    Returns:
        The exit code: 4 if a number was removed, changed its value or its kind.
    """
    from gradchain.registry.diff import compare, lines, open_numbers

    difference = compare(open_numbers(old), open_numbers(new))
    emit("\n".join(lines(difference)))
    return DRIFT if difference.drift else OK
