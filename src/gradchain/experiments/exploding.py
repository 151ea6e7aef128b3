"""What does clipping do to the direction of a gradient, and whom does it save?

Three kinds, each with a limit c:

    value    g_i <- max(-c, min(c, g_i))                    every entry by itself
    norm     g_k <- g_k min(1, c/|g_k|)                     every kernel and bias by itself
    global   g   <- g min(1, c/|g|)                         all of them together

Only the last keeps the direction. As c falls, clipping by value turns every gradient into its signs
times c, with the cosine |g|_1/(sqrt(N) |g|_2) to it; clipping by norm gives all K arrays the same norm,
with the cosine sum_k |g_k| / (sqrt(K) |g|) (arrays without any gradient left out of N and K).
"""

from functools import lru_cache

import numpy as np

from gradchain._errors import UsageError
from gradchain._result import Result, recomputable
from gradchain.experiments import statistics
from gradchain.experiments.initial import Passes, start_of
from gradchain.experiments.lab import run
from gradchain.experiments.setting import Setting, setting_of

CLIPS = ("value", "norm", "global")
# As Keras does for its layers, one array a kernel and one a bias.
Arrays = list[np.ndarray]


def arrays_of(passes: Passes) -> Arrays:
    """List the gradients of all kernels and biases, (S, entries) each.

    Args:
        passes: what `initial.passes` gave.

    Returns:
        2 K arrays.
    """
    pairs = passes.gradients
    return [part.reshape(len(part), -1) for pair in pairs for part in pair]


def clipped(gradients: Arrays, clip: str, limit: float | np.ndarray) -> Arrays:
    """Clip gradients.

    Args:
        gradients: (S, entries) each.
        clip: one of `CLIPS`.
        limit: the limit, or one a network (S,).

    Returns:
        The clipped ones.

    Raises:
        UsageError: for an unknown kind.
    """
    own = np.broadcast_to(np.asarray(limit, np.float64), len(gradients[0]))[:, None]
    if clip == "value":
        return [np.clip(g, -own, own) for g in gradients]
    if clip == "norm":
        return [g * _factor(g, own) for g in gradients]
    if clip == "global":
        factor = _factor(np.concatenate(gradients, axis=1), own)
        return [g * factor for g in gradients]
    raise UsageError(f"got clip {clip!r}, expected one of {', '.join(CLIPS)}")


def _factor(g: np.ndarray, limit: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(g, axis=1, keepdims=True)
    return np.minimum(1.0, limit / np.where(norm > 0, norm, 1.0))


def cosines(gradients: Arrays, clip: str, limit: float | np.ndarray) -> np.ndarray:
    """Return the cosine between a gradient and what clipping makes of it.

    Args:
        gradients: (S, entries) each.
        clip: one of `CLIPS`.
        limit: the limit, or one a network (S,).

    Returns:
        (S,) values; NaN for a gradient of 0.
    """
    raw = np.concatenate(gradients, axis=1)
    new = np.concatenate(clipped(gradients, clip, limit), axis=1)
    with np.errstate(invalid="ignore"):
        # Each divided by its norm first: products of huge gradients would overflow.
        raw = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        new = new / np.linalg.norm(new, axis=1, keepdims=True)
    return np.minimum(np.sum(raw * new, axis=1), 1.0)


def direction(setting: Setting, seeds: int, seed: int, limit: float, relative: np.ndarray) -> dict:
    """Measure what each kind of clipping does to the gradients at the start.

    Args:
        setting: the setting.
        seeds: number of networks.
        seed: seed of the draws.
        limit: the limit at which cosines are taken.
        relative: limits relative to the norm of all of a network's gradient.

    Returns:
        `log10_norm` (S,); `cosine_<clip>` (S,) at the limit; `curve_<clip>` (S, R).
    """
    gradients = arrays_of(start_of(setting, seeds, seed))
    norm = np.linalg.norm(np.concatenate(gradients, axis=1), axis=1)
    with np.errstate(divide="ignore"):
        found = {"log10_norm": np.log10(norm)}
    for clip in CLIPS:
        found[f"cosine_{clip}"] = cosines(gradients, clip, limit)
        curves = [cosines(gradients, clip, norm * share) for share in relative]
        found[f"curve_{clip}"] = np.stack(curves, axis=1)
    return found


def median_cosine(values: np.ndarray) -> Result:
    """Take the median of cosines.

    Args:
        values: (S,); networks without a gradient (NaN) are left out.

    Returns:
        The estimate.
    """
    known = values[np.isfinite(values)]
    # The last bits differ from one library of linear algebra to the next.
    return statistics.median(np.log10(np.round(known, 9)).tolist())


@recomputable(setting=str, clip=CLIPS, limit=float, seeds=int, seed=int)
def clipped_cosine(setting: str, clip: str, limit: float, seeds: int, seed: int) -> Result:
    """Return the median cosine between raw and clipped gradient at the start.

    Args:
        setting: JSON of the fields that differ from `Setting()`.
        clip: one of `CLIPS`.
        limit: its limit.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate.
    """
    gradients = arrays_of(start_of(setting_of(setting), seeds, seed))
    return median_cosine(cosines(gradients, clip, limit))


def rescued(bare: np.ndarray, nan_step: np.ndarray, final_loss: np.ndarray, below: float) -> Result:
    """Return the share of diverging networks that clipping saves.

    Args:
        bare: (S,) step of the first NaN without clipping, -1 if none.
        nan_step: (S,) likewise with it.
        final_loss: (S,) with it.
        below: a loss that counts as learned; 0 if staying finite is enough.

    Returns:
        The share among the networks that diverge without clipping.

    Raises:
        UsageError: if none diverges.
    """
    lost = bare >= 0
    if not lost.any():
        raise UsageError("no network diverges without clipping")
    with np.errstate(invalid="ignore"):
        good = (nan_step < 0) & ((final_loss < below) | (below == 0))
    return statistics.share(int(np.count_nonzero(good & lost)), int(np.count_nonzero(lost)))


@lru_cache(maxsize=8)
def _ended(setting: Setting, seeds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    outcome = run(setting, seeds, seed)
    return outcome.nan_step, outcome.loss[:, -1]


@recomputable(setting=str, clip=CLIPS, limit=float, below=float, seeds=int, seed=int)
def saved(setting: str, clip: str, limit: float, below: float, seeds: int, seed: int) -> Result:
    """Train networks with and without clipping; return the share of lost ones that it saves.

    Args:
        setting: JSON of the fields that differ from `Setting()`, without clipping.
        clip: one of `CLIPS`.
        limit: its limit.
        below: a loss that counts as learned; 0 if staying finite is enough.
        seeds: number of networks.
        seed: seed of the draws.

    Returns:
        The estimate.
    """
    plain = setting_of(setting)
    bare, _ = _ended(plain, seeds, seed)
    ended = _ended(plain.varied(clip=clip, limit=limit), seeds, seed)
    return rescued(bare, *ended, below)
