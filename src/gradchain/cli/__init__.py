"""The command line: `gradchain cite|why|list|claims|export|check|fill|diff`.

Which question it answers: what happens, in one sentence and one exit code, whatever goes wrong? No
traceback reaches a user unless GRADCHAIN_DEBUG=1 asks for it. Nothing here imports JAX.
"""

import os
import sys
from collections.abc import Sequence

STOPPED, PIPE_CLOSED = 130, 141


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `gradchain`; those of the process if left out.

    Returns:
        The exit code: 0 done, 1 could not write, 2 wrong usage or unknown key, 3 damaged data,
        4 drift found or refused, 130 stopped, 141 if the reader of a pipe went away.

    Raises:
        Exception: only with GRADCHAIN_DEBUG=1, whatever was not expected.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:
        _say("stopped")
        return STOPPED
    except Exception as error:
        if _interrupted(error):
            _say("stopped")
            return STOPPED
        if os.environ.get("GRADCHAIN_DEBUG") == "1":
            raise
        _say(
            f"unexpected {type(error).__name__}: {error}. This is a fault of gradchain: please "
            "report it with the command you typed and the output of the same with GRADCHAIN_DEBUG=1"
        )
        return 1


def _interrupted(error: BaseException | None) -> bool:
    """Say whether Ctrl-C is behind an error: compiled code turns it into a SystemError on its way."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _run(arguments: list[str]) -> int:
    """Return the exit code of the command, with every expected error said in one sentence."""
    from cyclopts import CycloptsError

    from gradchain._errors import GradchainError
    from gradchain.cli.commands import app
    from gradchain.cli.output import complain, forget_output

    try:
        code = app(arguments or ["--help"])
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except CycloptsError as error:
        complain(f"{_plain(error)}\nsee: gradchain --help")
        return 2
    except GradchainError as error:
        complain(str(error))
        return error.exit_code
    except (BrokenPipeError, SystemExit):
        # SystemExit is how rich, which prints the help, says that the pipe was closed.
        forget_output()
        return PIPE_CLOSED
    except OSError as error:
        forget_output()
        reason = (error.strerror or str(error)).lower()
        complain(f"{error.filename}: {reason}" if error.filename else f"cannot write: {reason}")
        return 1
    except ImportError as error:
        complain(
            f"cannot import {error.name or 'a module'}: {error}; install gradchain again with its "
            "dependencies"
        )
        return 1


def _plain(error: Exception) -> str:
    """Return the parser's own sentence, on one line; its words for a word too many are not a user's."""
    from cyclopts import UnusedCliTokensError

    if isinstance(error, UnusedCliTokensError):
        return f"got more words than the command takes: {' '.join(error.unused_tokens or [])}"
    return " ".join(str(error).split())


def _say(text: str) -> None:
    """Print on standard error even if nothing else could be imported."""
    try:
        from gradchain.cli.output import complain

        complain(text)
    except Exception:
        sys.stderr.write(f"gradchain: {text}\n")
