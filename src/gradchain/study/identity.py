"""What a run is: its settings, the versions it ran on, and the source code behind it.

Two runs with the same identity give the same bytes. The identity is found without importing JAX:
versions come from the installed packages' metadata, and the source is followed by reading import
statements, not by running them. Identity is by content, never by time. Cost: some 0.1 s, read once.
"""

import ast
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache

# Only the metadata reader: nothing is imported by name at run time.
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from gradchain._errors import UsageError
from gradchain.registry.grammar import canonical
from gradchain.study.files import digest
from gradchain.study.model import Cell, Study

SCHEMA = 1
_ROOT = Path(__file__).resolve().parents[1]
# These draw, write and report; they cannot change what a cell computes.
_NOT_COMPUTING = ("figures", "report", "study", "registry", "recompute", "cli")
# What may never differ inside one folder, and how it is called in a sentence.
_COMPARED = {
    "study": "study",
    "scale": "scale",
    "seed": "seed",
    "dtype": "number type",
    "x64": "JAX_ENABLE_X64",
    "platforms": "JAX_PLATFORMS",
    "gradchain": "gradchain version",
    "jax": "jax version",
}


@dataclass(frozen=True)
class Identity:
    """Everything that decides the bytes of a run.

    `settings` must never differ inside one folder; `source` is the hash of the code that computes
    (cells are computed again when it changes); `program` also covers the code and libraries that
    draw and write (the outputs are written again when it changes).
    """

    settings: Mapping[str, Any]
    source: str
    program: str

    def cell(self, cell: Cell) -> str:
        """Return the canonical text that names a cell: settings, source, and the cell itself."""
        return canonical({
            "settings": {**self.settings, "scale": None},
            "source": self.source,
            "cell": cell.name,
            "cell settings": cell.settings,
            "cell seed": cell.seed,
        })

    def as_json(self) -> dict[str, Any]:
        """Return the identity as JSON data."""
        return {
            "schema": SCHEMA,
            "settings": dict(self.settings),
            "source": self.source,
            "program": self.program,
        }


def identify(study: Study, config: Any, scale: str, seed: int) -> Identity:
    """Find the identity of a run, without importing JAX.

    Args:
        study: the study.
        config: its settings.
        scale: the name of the scale that the settings started from.
        seed: the seed.

    Returns:
        The identity.

    Raises:
        UsageError: if the settings are not made of numbers, strings, lists and the like.
    """
    try:
        plain = _plain(asdict(config))
        canonical(plain)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{study.name}: settings that are not plain JSON: {error}") from error
    settings = {
        "study": study.name,
        "scale": scale,
        "seed": seed,
        "config": plain,
        "dtype": plain.get("dtype"),
        "x64": os.environ.get("JAX_ENABLE_X64", "").lower() in {"1", "true", "t", "yes", "on"},
        "platforms": os.environ.get("JAX_PLATFORMS", ""),
        "gradchain": installed("gradchain"),
        "jax": installed("jax"),
    }
    script = study.script
    source = source_hash(script, skip=_NOT_COMPUTING)
    program = digest(
        canonical([
            source_hash(script),
            installed("numpy"),
            installed("matplotlib"),
            _file_hash(_ROOT / "registry" / "data" / "numbers.json"),
        ]).encode()
    )
    return Identity(settings, source, program)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name what differs between the settings of two runs.

    Args:
        old: the settings found in a folder.
        new: the settings asked for.

    Returns:
        One short text a difference, such as `seed 0 there, 1 here`; empty if they agree.

    Example:
        >>> differences({"seed": 0, "config": {}}, {"seed": 1, "config": {}})
        ['seed 0 there, 1 here']
    """
    found = []
    for name, words in _COMPARED.items():
        if old.get(name) != new.get(name):
            found.append(f"{words} {old.get(name)} there, {new.get(name)} here")
    before, after = old.get("config"), new.get("config")
    before = before if isinstance(before, Mapping) else {}
    after = after if isinstance(after, Mapping) else {}
    for name in sorted(set(before) | set(after)):
        if name != "dtype" and before.get(name) != after.get(name):
            found.append(f"{name} {before.get(name)} there, {after.get(name)} here")
    return found


@cache
def installed(package: str) -> str:
    """Return the version of an installed package, or `none`.

    Args:
        package: its name.

    Returns:
        The version.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def source_hash(script: Path, skip: tuple[str, ...] = ()) -> str:
    """Hash a script together with every gradchain module that it can reach by its imports.

    Args:
        script: the study's file.
        skip: parts of gradchain that are left out, such as `figures`.

    Returns:
        64 hexadecimal digits; equal for equal sources, wherever they lie.
    """
    found: dict[str, str] = {}
    waiting = list(_imports(script))
    while waiting:
        path = waiting.pop()
        name = path.relative_to(_ROOT).as_posix()
        if name in found or path.relative_to(_ROOT).parts[0].removesuffix(".py") in skip:
            continue
        found[name] = _file_hash(path)
        waiting.extend(_imports(path))
    return digest(canonical({"script": _file_hash(script), "modules": found}).encode())


@cache
def _file_hash(path: Path) -> str:
    return digest(path.read_bytes()) if path.is_file() else "none"


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return ()
    found: list[Path] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found += _resolve(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found += _resolve(node.module, alias.name)
    return tuple(dict.fromkeys(found))


def _resolve(module: str, attribute: str = "") -> Iterator[Path]:
    """Yield the files behind `import module` or `from module import attribute`."""
    parts = module.split(".")
    if parts[0] != "gradchain":
        return
    if attribute:
        inside = _ROOT.joinpath(*parts[1:], attribute)
        if inside.is_dir() or inside.with_suffix(".py").is_file():
            parts.append(attribute)
    if len(parts) == 1:
        # The lazy root reaches everything, and so does whoever imports it whole.
        yield from sorted(_ROOT.rglob("*.py"))
        return
    for depth in range(2, len(parts) + 1):
        folder = _ROOT.joinpath(*parts[1:depth])
        if folder.is_dir():
            # A package may load its modules lazily, so all of them count.
            yield from sorted(folder.glob("*.py"))
        elif folder.with_suffix(".py").is_file():
            yield folder.with_suffix(".py")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is not one of str, int, float, bool, None, list, dict")
