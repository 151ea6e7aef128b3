"""The report as Markdown: the same words and numbers, pictures beside it as files."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gradchain.registry.display import shown
from gradchain.registry.formats import markdown_code, markdown_text
from gradchain.registry.record import Number
from gradchain.registry.wording import holds_if, nature
from gradchain.report.html import GENERATOR, conflicts, merged
from gradchain.report.reading import StudyPage
from gradchain.study.text import fill, keys_in


def text_page(studies: Sequence[StudyPage]) -> str:
    """Write the whole report.

    Args:
        studies: the studies, in order.

    Returns:
        The Markdown text.
    """
    out = [
        f"<!-- {GENERATOR} -->\n\n# gradchain: what the studies found\n\n"
        "Every number has a key; `gradchain cite KEY` gives it ready for your notes.\n\n"
    ]
    for study in studies:
        out += _study(study)
    out.append("## All numbers\n\n| key | value | what it is | what it says, and when it holds |\n")
    out.append("|---|---|---|---|\n")
    for key, number in merged(studies).items():
        words = f"{number.statement} {holds_if(number)}"
        out.append(
            f"| {markdown_code(key)} | {_shown(number)} | {markdown_text(nature(number))} "
            f"| {markdown_text(words)} |\n"
        )
    differing = conflicts(studies)
    if differing:
        out.append(f"\n**Two studies hold different values of: {', '.join(differing)}.**\n")
    return "".join(out)


def _study(study: StudyPage) -> list[str]:
    out = [f"## {markdown_text(study.title)}\n\n*{markdown_text(study.question)}*\n\n"]
    if study.note:
        out.append(f"**{markdown_text(study.note)}**\n\n")
    if not study.summary:
        return out
    for figure in study.summary["figures"]:
        name = f"{figure['name']}.svg"
        if name in figure["files"]:
            place = f"{quote(study.folder.name)}/{quote(name)}"
            out.append(f"![{markdown_text(figure['alt'])}]({place})\n\n")
        out.append(f"{_cited(study, figure['title'])}. {_cited(study, figure['caption'])}\n\n")
    out.append("### What was seen\n\n")
    for sentence in study.summary["seen"]:
        keys = ", ".join(markdown_code(key) for key in dict.fromkeys(keys_in(sentence)))
        out.append(f"- {_cited(study, sentence)}{f' ({keys})' if keys else ''}\n")
    out.append("\n")
    for table in study.summary["tables"]:
        if table.get("shown"):
            out += _table(study, table)
    return out


def _table(study: StudyPage, table: Mapping[str, Any]) -> list[str]:
    head = " | ".join(markdown_text(str(name)) for name in table["columns"])
    out = [f"{_cited(study, table['title'])}\n\n| {head} |\n|{'---|' * len(table['columns'])}\n"]
    for row in table["rows"]:
        cells = (_cited(study, "" if cell is None else str(cell)) for cell in row)
        out.append(f"| {' | '.join(cells)} |\n")
    return [*out, "\n"]


def _cited(study: StudyPage, text: str) -> str:
    numbers = study.numbers
    return fill(
        text,
        lambda key: _shown(numbers[key]) if key in numbers else f"**no number {key}**",
        _escaped,
    )


def _escaped(part: str) -> str:
    # The letter in front says that this is the middle of a line: spaces survive, and signs that
    # mean something at the start of one are left alone.
    return markdown_text(f"x{part}x")[1:-1]


def _shown(number: Number) -> str:
    return markdown_text(shown(number, "text"))
