"""`gradchain check`: recompute, say what drifted, count the rest.

Which question it answers: are the recorded numbers still what gradchain computes? One line for each
number that drifted or was refused, a summary, and exit code 4 if there was any.
"""

from collections import Counter

from gradchain._errors import UsageError
from gradchain.cli.output import emit
from gradchain.recompute import check as recheck
from gradchain.registry.formats import clean
from gradchain.registry.recheck import Finding
from gradchain.registry.search import Shelf

_ORDER = ("agree", "drifted", "refused", "skipped", "reported")


def check_all(shelf: Shelf, keys: tuple[str, ...], level: str, files_named: bool) -> int:
    """Recompute numbers and print what became of them.

    Args:
        shelf: the registries in use.
        keys: which numbers; if none, those of the named files, else all.
        level: `quick` or `full`.
        files_named: the user named registry files.

    Returns:
        The exit code.

    Raises:
        UsageError: every number asked for by name was skipped at level quick.
        KeyboardInterrupt: the user stopped it; what was checked is said first.
    """
    chosen = list(dict.fromkeys(keys))
    for key in chosen:
        shelf[key]
    if not chosen:
        chosen = [key for key in shelf if not files_named or shelf.origin(key)]
    findings: list[Finding] = []
    try:
        for key in chosen:
            findings += recheck({key: shelf[key]}, level)
            if keys or findings[-1].bad:
                emit(_line(findings[-1]))
    except KeyboardInterrupt:
        emit(f"stopped; {len(findings)} of {len(chosen)} numbers checked")
        raise
    except Exception as error:
        from gradchain.study.surroundings import jax_problem

        problem = jax_problem(error)
        if problem:
            raise UsageError(problem) from error
        raise
    emit(_summary(findings))
    verdicts = {finding.verdict for finding in findings}
    if any(finding.bad for finding in findings):
        return 4
    if "skipped" not in verdicts:
        return 0
    if level == "full":
        emit(_first(findings, "skipped"))
        return 4
    if keys and verdicts == {"skipped"}:
        raise UsageError("nothing was recomputed: these numbers need JAX; add --level full")
    emit("skipped numbers need JAX and minutes: add --level full")
    return 0


def _line(finding: Finding) -> str:
    """Return the verdict with its sentence and, where they differ, both values."""
    line = f"{finding.verdict:<8}  {finding.sentence}"
    if finding.verdict == "drifted":
        line += f"; recorded {finding.recorded[:60]}, recomputed {finding.recomputed[:60]}"
    return clean(line)


def _first(findings: list[Finding], verdict: str) -> str:
    """Return the sentence of the first finding with this verdict."""
    return clean(next(item.sentence for item in findings if item.verdict == verdict))


def _summary(findings: list[Finding]) -> str:
    """Return the counts of all verdicts."""
    counts = Counter("agree" if item.verdict == "agrees" else item.verdict for item in findings)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _ORDER if counts[verdict])
    return f"numbers checked: {len(findings)} ({said or 'none'})"
