"""The reference: the numbers that came with gradchain.

Which question it answers: what does the packaged file say? Every record was checked before the
file was sealed with its checksum; here the checksum is checked, and a record is built, and checks
itself again, when it is asked for. So reading one number costs the same however many there are,
but for the text: some 10 microseconds a record.
"""

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from gradchain._errors import RegistryError
from gradchain.registry.collection import Registry
from gradchain.registry.reading import from_json
from gradchain.registry.record import Number

PACKAGED = "packaged reference"


class _OnDemand(Mapping[str, Number]):
    """Records by key, each built when it is first asked for."""

    def __init__(self, records: list[dict[str, object]]) -> None:
        """Keep the records as they were read, in the order of the file."""
        self._raw = {str(record["key"]): record for record in records}
        self._built: dict[str, Number] = {}

    def __getitem__(self, key: str) -> Number:
        """Return the record of a key; a KeyError if there is none."""
        if key not in self._built:
            self._built[key] = from_json(self._raw[key])
        return self._built[key]

    def __contains__(self, key: object) -> bool:
        """Say whether there is such a key, without building its record."""
        return key in self._raw

    def __iter__(self) -> Iterator[str]:
        """Return an iterator over the keys."""
        return iter(self._raw)

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._raw)


def packaged(name: str) -> bytes:
    """Return a file of the folder `data`, also when gradchain runs from a zip file.

    Args:
        name: the file's name.

    Returns:
        Its bytes.

    Raises:
        RegistryError: the file is not there.
    """
    where = str(Path(__file__).parent / "data" / name)
    try:
        return __loader__.get_data(where)  # type: ignore[name-defined]
    except OSError as error:
        raise RegistryError(f"the reference file {name} is missing; reinstall gradchain") from error


@functools.cache
def load() -> Registry:
    """Return the numbers that came with gradchain, without JAX and without running anything.

    Returns:
        The packaged reference, read once.

    Raises:
        RegistryError: the file's bytes are not those that were packaged; reinstall gradchain.

    Example:
        >>> load()["sigmoid.chain.bound.n5"].value
        '0.0009765625'
    """
    data = packaged("numbers.json")
    wanted = packaged("checksum.txt").decode("ascii", "replace").split()
    if not wanted or hashlib.sha256(data).hexdigest() != wanted[0]:
        raise RegistryError(
            "the reference file numbers.json is damaged (its checksum differs); reinstall gradchain"
        )
    tree = json.loads(data)
    return Registry.of_proven(
        _OnDemand(tree["numbers"]), schema=tree["schema"], writer=tree["writer"], origin=PACKAGED
    )
