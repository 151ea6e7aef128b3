"""The report as one HTML file: no script, no network, figures inside, readable without colour.

Everything that comes from a file is escaped; a policy in the head forbids loading anything. Figures
are SVG inside `<img>`, where nothing in them can run.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradchain.registry.display import shown
from gradchain.registry.formats import html_text
from gradchain.registry.record import Number
from gradchain.registry.wording import holds_if, nature
from gradchain.report.reading import StudyPage
from gradchain.report.theorems import TheoremPage, theorem_sections
from gradchain.study.text import fill

GENERATOR = "gradchain report"
SIZE_LIMIT = 25 * 2**20
_SVG_LIMIT = 2**20
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light; }
body { font: 1.05rem/1.55 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 3.5rem; border-top: 3px solid #1a1a1a; padding-top: 1rem; }
a { color: #0b3d91; }
a.num { text-decoration-style: dotted; color: inherit; }
.question { font-size: 1.25rem; font-style: italic; }
.note { border: 3px solid #1a1a1a; padding: 0.6rem 1rem; font-weight: bold; }
.small { font-size: 0.9rem; color: #333; }
figure { margin: 2rem 0; }
figure img { width: 100%; height: auto; border: 1px solid #bbb; }
figcaption { margin-top: 0.4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; font-weight: bold; padding-bottom: 0.4rem; }
th, td { border: 1px solid #999; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
thead th { background: #eee; }
tbody tr:target { outline: 4px solid #1a1a1a; }
code { font-size: 0.95em; overflow-wrap: anywhere; }
@media print { a { color: inherit; text-decoration: none; } h2 { break-before: page; } }
"""


def page(studies: Sequence[StudyPage], theorems: Sequence[TheoremPage] = ()) -> str:
    """Write the whole report.

    Args:
        studies: the studies, in order.
        theorems: the pages of the theorems.

    Returns:
        The HTML text.
    """
    entry, proved = theorem_sections(theorems)
    room = SIZE_LIMIT - 2**20 - len(proved) - sum(_text_size(study) for study in studies)
    parts = []
    for study in studies:
        text, used = _study(study, room)
        room -= used
        parts.append(text)
    contents = "".join(
        f'<li><a href="#{html_text(study.name)}">{html_text(study.title)}</a>: '
        f"{html_text(study.question)}{'' if study.state == 'current' else _flag(study)}</li>\n"
        for study in studies
    )
    numbers = merged(studies)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="generator" content="{GENERATOR}">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>gradchain: what the studies found</title>\n<style>{_STYLE}</style>\n"
        "</head>\n<body>\n<main>\n<h1>gradchain: what the studies found</h1>\n"
        "<p>Every number in these sentences and tables has a key. Follow it to the list at the end "
        "for what it says and when it holds; <code>gradchain cite KEY</code> gives it ready for "
        "your notes, <code>gradchain why KEY</code> says where it comes from.</p>\n"
        f'<ul>\n{contents}{entry}<li><a href="#all-numbers">All numbers</a></li>\n</ul>\n'
        + "\n".join(parts)
        + proved
        + _all_numbers(numbers, conflicts(studies))
        + "</main>\n</body>\n</html>\n"
    )


def merged(studies: Sequence[StudyPage]) -> dict[str, Number]:
    """Collect the numbers of all studies; the first study that holds a key gives its number.

    Args:
        studies: the studies.

    Returns:
        Numbers by key.
    """
    found: dict[str, Number] = {}
    for study in studies:
        for key in study.numbers:
            found.setdefault(key, study.numbers[key])
    return dict(sorted(found.items()))


def conflicts(studies: Sequence[StudyPage]) -> list[str]:
    """List keys for which two studies hold different values.

    Args:
        studies: the studies.

    Returns:
        The keys.
    """
    values: dict[str, set[str]] = {}
    for study in studies:
        for key in study.numbers:
            values.setdefault(key, set()).add(study.numbers[key].value)
    return sorted(key for key, found in values.items() if len(found) > 1)


def _study(study: StudyPage, room: int) -> tuple[str, int]:
    """Return one study's section, and how many bytes its figures take."""
    name = html_text(study.name)
    out = [f'<section id="{name}" aria-labelledby="{name}-title">\n']
    out.append(f'<h2 id="{name}-title">{html_text(study.title)}</h2>\n')
    out.append(f'<p class="question">{html_text(study.question)}</p>\n')
    if study.note:
        out.append(f'<p class="note">{html_text(study.note)}</p>\n')
    used = 0
    if study.summary:
        for figure in study.summary["figures"]:
            text, size = _figure(study, figure, room - used)
            out.append(text)
            used += size
        out.append("<h3>What was seen</h3>\n<ul>\n")
        out += [f"<li>{_cited(study, text)}</li>\n" for text in study.summary["seen"]]
        out.append("</ul>\n")
        out += [_table(study, item) for item in study.summary["tables"] if item.get("shown")]
        out.append(_footer(study))
    out.append("</section>\n")
    return "".join(out), used


def _figure(study: StudyPage, figure: Mapping[str, Any], room: int) -> tuple[str, int]:
    """Return one figure, and how many bytes it takes."""
    source = _embedded(study.folder, figure, room)
    caption = (
        f"<strong>{_cited(study, figure['title'])}.</strong> {_cited(study, figure['caption'])}"
    )
    if not source:
        what = f"The picture is in {study.folder.name}/, not here: {figure['alt']}"
        return f"<figure><p>{html_text(what)}</p><figcaption>{caption}</figcaption></figure>\n", 0
    image = f'<img alt="{html_text(figure["alt"])}" src="{source}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>\n", len(source)


def _embedded(folder: Path, figure: Mapping[str, Any], room: int) -> str:
    """Return the picture as a data address: SVG, or PNG where the SVG is very large."""
    kinds = (("svg", "image/svg+xml", _SVG_LIMIT), ("png", "image/png", SIZE_LIMIT))
    for end, kind, limit in kinds:
        name = f"{figure['name']}.{end}"
        try:
            if name not in figure["files"] or (folder / name).is_symlink():
                continue
            data = (folder / name).read_bytes()
        except OSError:
            continue
        if len(data) <= limit and len(data) * 4 // 3 + 100 <= room:
            return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return ""


def _table(study: StudyPage, table: Mapping[str, Any]) -> str:
    head = "".join(f'<th scope="col">{html_text(str(name))}</th>' for name in table["columns"])
    rows = []
    for row in table["rows"]:
        first, *rest = [_cited(study, "" if cell is None else str(cell)) for cell in row] or [""]
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        rows.append(f'<tr><th scope="row">{first}</th>{cells}</tr>\n')
    return (
        f'<div class="wide"><table>\n<caption>{_cited(study, table["title"])}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(rows)}</tbody>\n</table></div>\n"
    )


def _cited(study: StudyPage, text: str) -> str:
    """Escape a text, and put each number in the place of its key."""
    return fill(text, lambda key: _number(study.numbers, key), html_text)


def _number(numbers: Mapping[str, Number], key: str) -> str:
    if key not in numbers:
        return f"<strong>[{html_text(key)}: no such number]</strong>"
    name = html_text(key)
    value = f'<span data-key="{name}">{shown(numbers[key], "html")}</span>'
    return f'<a class="num" href="#n.{name}">{value}</a>'


def _footer(study: StudyPage) -> str:
    """Return how the study was run, and where its files are."""
    facts = study.provenance
    packages = facts.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    used = ", ".join(
        f"{name} {versions[name]}" for name in ("gradchain", "jax") if name in versions
    )
    data = ", ".join(str(table["csv"]) for table in study.summary["tables"])
    devices = facts.get("device")
    where = ", ".join(map(str, devices)) if isinstance(devices, list) else ""
    words = (
        f"Run at {study.summary.get('scale')} scale with seed {study.summary.get('seed')} ({used}; "
        f"computed by {where}). Data: {data}. Again: python studies/{study.name}.py "
        f"--scale {study.summary.get('scale')}"
    )
    return f'<p class="small">{html_text(words)}</p>\n'


def _all_numbers(numbers: Mapping[str, Number], differing: Sequence[str]) -> str:
    rows = "".join(
        f'<tr id="n.{html_text(key)}"><th scope="row"><code>{html_text(key)}</code></th>'
        f'<td><span data-key="{html_text(key)}">{shown(number, "html")}</span></td>'
        f"<td>{html_text(nature(number))}</td><td>{html_text(number.statement)} "
        f"<em>{html_text(holds_if(number))}</em></td></tr>\n"
        for key, number in numbers.items()
    )
    warning = ""
    if differing:
        words = f"Two studies hold different values of: {', '.join(differing)}."
        warning = f'<p class="note">{html_text(words)}</p>\n'
    return (
        '<section id="all-numbers">\n<h2>All numbers</h2>\n'
        f'{warning}<div class="wide"><table>\n<caption>{len(numbers)} numbers, by key</caption>\n'
        '<thead><tr><th scope="col">key</th><th scope="col">value</th><th scope="col">what it is'
        '</th><th scope="col">what it says, and when it holds</th></tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )


def _flag(study: StudyPage) -> str:
    return f" <strong>({html_text(study.state)})</strong>"


def _text_size(study: StudyPage) -> int:
    # What a study takes beside its figures: its tables and numbers, generously.
    return 1500 * len(study.numbers) + 3 * len(str(study.summary))
