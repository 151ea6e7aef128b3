"""Several processes, perhaps on several machines, compute one study together by `jax.distributed`.

    python studies/moons.py --processes HOST:PORT,2,0     on the machine that writes the results
    python studies/moons.py --processes HOST:PORT,2,1     on the other

All processes compute the same cells in the same order, each on its own devices; process 0 alone reads
and writes files, and tells the others at the start which cells are missing. Results are the same to the
bit for any number of processes, since a chunk of networks lies whole on one device.

A process that waits in vain for another is ended by JAX itself after its time-out, with JAX's own
message; the cells that process 0 has kept are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gradchain._errors import UsageError

WAIT_SECONDS = 120


@dataclass(frozen=True)
class Processes:
    """Who takes part: the coordinator's address, how many processes, and which one this is."""

    address: str
    count: int
    number: int

    @property
    def writes(self) -> bool:
        """Whether this process reads and writes files."""
        return self.number == 0


def parse(text: str) -> Processes:
    """Read `HOST:PORT,COUNT,NUMBER`.

    Args:
        text: what `--processes` was given.

    Returns:
        The processes.

    Raises:
        UsageError: if it is something else.

    Example:
        >>> parse("127.0.0.1:8476,2,0").writes
        True
    """
    parts = text.split(",")
    port = parts[0].rpartition(":")[2]
    if len(parts) == 3 and ":" in parts[0] and port.isdecimal() and int(port) < 65536:
        count, number = parts[1].strip(), parts[2].strip()
        if count.isdecimal() and number.isdecimal() and int(number) < int(count) <= 4096:
            return Processes(parts[0].strip(), int(count), int(number))
    raise UsageError(
        f"got --processes {text[:60]!r}, expected HOST:PORT,COUNT,NUMBER, NUMBER from 0 to COUNT - 1, "
        "such as 127.0.0.1:8476,2,0"
    )


def join(processes: Processes) -> None:
    """Meet the other processes; must come before JAX's first computation.

    Args:
        processes: who takes part.

    Raises:
        UsageError: if JAX cannot set up the meeting.
    """
    import jax

    try:
        jax.distributed.initialize(
            coordinator_address=processes.address,
            num_processes=processes.count,
            process_id=processes.number,
            initialization_timeout=WAIT_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UsageError(
            f"--processes {processes.address}: the processes did not meet ({reason}); start all "
            f"{processes.count} within {WAIT_SECONDS} s of each other, NUMBER 0 at that address"
        ) from error


def agree(mask: Sequence[bool]) -> list[bool]:
    """Take over process 0's list of what is missing.

    Args:
        mask: one entry a cell; only process 0's counts.

    Returns:
        Process 0's mask, in every process.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    grid = jax.make_mesh((jax.device_count(),), ("all",), axis_types=(AxisType.Auto,))
    own = np.zeros((jax.device_count(), len(mask)), np.int32)
    if jax.process_index() == 0:
        # Once, in the row of this process' first device.
        own[[d.id for d in grid.devices.flat].index(jax.local_devices()[0].id)] = mask
    rows = NamedSharding(grid, PartitionSpec("all"))
    spread = jax.make_array_from_callback(own.shape, rows, lambda place: own[place])
    whole = jax.jit(
        lambda a: jnp.sum(a, axis=0), out_shardings=NamedSharding(grid, PartitionSpec())
    )(spread)
    return [bool(value) for value in np.asarray(whole.addressable_data(0))]
