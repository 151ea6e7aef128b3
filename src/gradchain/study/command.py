"""The command line of a study: `--scale smoke|lecture|paper`, `--out`, `--seed`, `--fresh`.

Every field of the study's settings is an option too: a knob is turned without editing the script.
Exit codes: 0 done, 1 could not write, 2 wrong usage, 3 damaged data, 130 stopped.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import fields
from inspect import Parameter as SignatureParameter
from inspect import Signature
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

from gradchain._errors import GradchainError
from gradchain.study.distributed import parse
from gradchain.study.model import SCALES, Study
from gradchain.study.runner import run

_Scale = Literal["smoke", "lecture", "paper"]


def main(study: Study, arguments: Sequence[str] | None = None) -> None:
    """Run a study from the command line, and end the process with its exit code.

    Args:
        study: the study.
        arguments: the words of the command line; those of the process if None.

    Raises:
        SystemExit: always, with the exit code.
    """
    from cyclopts import App

    app = App(name=f"python studies/{study.name}.py", help=study.question, version_flags=[])
    app.default(_command(study))
    words = list(arguments) if arguments is not None else None
    code = app(words, result_action="return_value")
    _leave(code if isinstance(code, int) else 0)


def _command(study: Study) -> Callable[..., int]:
    # A function whose signature is the command line: the common options, then the knobs.

    def command(**given: Any) -> int:
        changes = {name: given[name] for name in knobs if given.get(name) is not None}
        return guarded(
            lambda say: run(
                study,
                scale=given.get("scale") or "lecture",
                out=given.get("out"),
                seed=given.get("seed") or 0,
                fresh=bool(given.get("fresh")),
                changes=changes,
                processes=parse(given["processes"]) if given.get("processes") else None,
                say=say,
            )
        )

    knobs = [item.name for item in fields(study.scales["lecture"])]
    options = [
        _option("scale", _Scale, "How much is computed; a setting given below wins.", "lecture"),
        _option("out", Path | None, "Folder for results (results, or results/SCALE).", None),
        _option("seed", int, "Seed of every random draw.", 0),
        _option("fresh", bool, "Move older results aside and start anew.", False),
        _option(
            "processes", str | None, "Compute together with others: HOST:PORT,COUNT,NUMBER.", None
        ),
    ]
    for item in fields(study.scales["lecture"]):
        words = (
            f"{item.metadata.get('help', 'A setting of the study.')} ({_usual(study, item.name)})"
        )
        options.append(_option(item.name, item.type | None, words, None))  # type: ignore[operator]
    command.__signature__ = Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in options}
    return command


def _usual(study: Study, name: str) -> str:
    values = {scale: _words(getattr(study.scales[scale], name)) for scale in SCALES}
    if len(set(values.values())) == 1:
        return values["lecture"]
    return ", ".join(f"{scale}: {value}" for scale, value in values.items())


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _option(name: str, kind: Any, words: str, default: object) -> SignatureParameter:
    from cyclopts import Parameter

    shown = Parameter(help=words, negative=(), consume_multiple=True, show_default=False)
    return SignatureParameter(
        name, SignatureParameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, shown]
    )


def guarded(work: Callable[[Callable[[str], None]], object]) -> int:
    """Do some work as a command does: signals stop it cleanly, errors become one sentence.

    Args:
        work: called with a function that prints one sentence.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with _signals():
            work(_say)
    except GradchainError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("stopped; what was computed is kept; the same command continues", 130)
    except OSError as error:
        return _complain(f"{error.strerror or error}: {error.filename or 'a file'}", 1)
    return 0


def _say(text: str) -> None:
    # A reader who left (a closed pipe) or a full disk behind stdout must not stop the study.
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _complain(text: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
    return code


def _leave(code: int) -> None:
    # Flushing a closed pipe at exit would print a traceback; it goes nowhere instead.
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


@contextlib.contextmanager
def _signals() -> Generator[None, None, None]:
    # A closed laptop lid and a polite kill are treated like Ctrl-C.

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = ("SIGTERM", "SIGHUP")
    old: dict[int, Any] = {}
    for name in names:
        number = getattr(signal, name, None)
        if number is not None:
            with contextlib.suppress(ValueError):  # not in the main thread
                old[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
