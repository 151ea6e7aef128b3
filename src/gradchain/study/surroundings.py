"""Telling a fault of the user's surroundings from a fault of the program.

Which question it answers: a computation failed inside JAX; can JAX start here at all? Variables such
as JAX_PLATFORMS, JAX_ENABLE_X64 or a missing driver make every computation fail. (Nonsense in
XLA_FLAGS ends the process inside XLA, with XLA's own sentence; Python never gets to see it.)
"""

import os
import traceback


def jax_problem(error: BaseException) -> str | None:
    """Say why JAX cannot start, if that is what an error comes from.

    Args:
        error: an exception that was caught.

    Returns:
        One sentence with what to do, or None if JAX starts (or the error never touched it). Cost:
        nothing unless something failed.
    """
    frames = traceback.walk_tb(error.__traceback__)
    names = {str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame, _ in frames}
    if not names & {"jax", "jaxlib"}:
        return None
    try:
        import jax

        jax.devices()
    except Exception as cause:
        given = [
            f"{n}={v}" for n, v in sorted(os.environ.items()) if n.startswith(("JAX_", "XLA_"))
        ]
        advice = f"look at {', '.join(given)}" if given else "look at its installation"
        said = " ".join(str(cause).split())[:300]
        return f"JAX does not start here: {said}; {advice}"
    return None
