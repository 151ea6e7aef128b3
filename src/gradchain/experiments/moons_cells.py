"""What does the moons study keep of its networks, and what boundary did one of them learn?

Everything is taken from an `Outcome` of `lab.run`; cost: that of one pass of the network for each
boundary, else sorting.
"""

import numpy as np

from gradchain import activations
from gradchain._errors import UsageError
from gradchain._result import Result, Uncertainty, recomputable
from gradchain.experiments.lab import Outcome, Setting, points_of
from gradchain.experiments.lab_numbers import kept
from gradchain.experiments.statistics import plain

# What the study's numbers and figures read; the rest would be 100 MB of disk.
_USED = (
    "final_loss final_accuracy loss_bands accuracy_bands epochs_to_95 percent_median percent_over_1 "
    "moved_median same_share log_gradient_norms test_accuracy nan_step dead"
)
_LOOKS = ("log_gradient_norms", "dead")


def ends(outcome: Outcome) -> dict[str, np.ndarray]:
    """Reduce an outcome to the arrays that the study reads, looks at the start and the end only.

    Args:
        outcome: what `run` gave.

    Returns:
        Some of the arrays of `kept`, with two looks instead of R; measures give the same values.
    """
    found = kept(outcome)
    arrays = {name: found[name] for name in _USED.split()}
    return arrays | {name: arrays[name][:, [0, -1]] for name in _LOOKS}


def followed(outcome: Outcome, network: int = 0) -> dict[str, np.ndarray]:
    """Return every weight of one network's first and last kernel, epoch by epoch, from the start.

    Args:
        outcome: what `run` gave.
        network: which of the followed networks.

    Returns:
        `first` and `last`, (E + 1, number of weights).
    """
    pairs = (
        ("first", outcome.start[0], outcome.first_kernel),
        ("last", outcome.start[-1], outcome.last_kernel),
    )
    return {
        name: np.concatenate([start.weight[network][None], rest[network]]).reshape(
            len(rest[network]) + 1, -1
        )
        for name, start, rest in pairs
    }


def typical(outcome: Outcome) -> int:
    """Return the number of the network whose final loss is the middle one.

    Args:
        outcome: what `run` gave.

    Returns:
        Its place among the seeds; of an even number the lower of the middle two.
    """
    order = np.argsort(outcome.loss[:, -1], kind="stable")
    return int(order[(len(order) - 1) // 2])


def surface(
    outcome: Outcome, activation: str, network: int, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Evaluate a trained network (no norm, no skip) on a grid of the plane.

    Args:
        outcome: what `run` gave.
        activation: name of its activation.
        network: which of the seeds.
        x: (n,) first coordinates.
        y: (m,) second coordinates.

    Returns:
        (m, n) logits; the learned boundary is where they are 0. In float32.

    Raises:
        UsageError: if the network does not take points of the plane.
    """
    if outcome.start[0].weight.shape[2] != 2:
        raise UsageError(
            f"got a network with {outcome.start[0].weight.shape[2]} inputs, expected 2"
        )
    phi = activations.get(activation)
    across, up = np.meshgrid(x, y)
    h = np.stack([across.ravel(), up.ravel()]).astype(np.float32)
    for place, layer in enumerate(outcome.final):
        h = layer.weight[network] @ h + layer.bias[network][:, None]
        if place < len(outcome.final) - 1:
            h = np.asarray(phi(h))
    return h.reshape(len(y), len(x))


@recomputable(points=int, noise=float, test_share=float, task_seed=int)
def majority(points: int, noise: float, test_share: float, task_seed: int) -> Result:
    """Return the share of the larger class among the training points of the moons.

    Args:
        points: number of points.
        noise: their noise.
        test_share: share of points kept for testing.
        task_seed: seed of their draw.

    Returns:
        The share: the accuracy of a network that always gives the same answer.
    """
    fields = {"points": points, "noise": noise, "test_share": test_share, "task_seed": task_seed}
    return majority_of(points_of(Setting().varied(**fields)).targets)


def majority_of(targets: np.ndarray) -> Result:
    """Return the share of the larger of two classes.

    Args:
        targets: any shape, 0 and 1.

    Returns:
        The share; counted, so exact but for its last digit.
    """
    ones = int(np.count_nonzero(np.asarray(targets) > 0.5))
    larger = max(ones, np.size(targets) - ones)
    doubt = Uncertainty("error bound", value="1e-6", method="counted; rounded to six digits")
    return Result(plain(larger / np.size(targets)), uncertainty=doubt)
