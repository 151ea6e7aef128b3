"""gradchain: exact Jacobian chains, the bounds and the theory beside them, numbers one can cite.

    import gradchain as gch            # not gc: that is the standard library's

Names are loaded on first use, so that reading numbers never imports JAX.
"""

import ast
import pkgutil

import lazy_loader

from gradchain._version import VERSION as __version__


def _promised() -> tuple[set[str], dict[str, list[str]]]:
    """Read the stub: submodules, and the names of each module (from a zip file as well)."""
    modules: set[str] = set()
    names: dict[str, list[str]] = {}
    for node in ast.parse(pkgutil.get_data(__name__, "__init__.pyi") or b"").body:
        if isinstance(node, ast.ImportFrom):
            found = [alias.name for alias in node.names]
            if node.module is None:
                modules.update(found)
            else:
                names.setdefault(node.module, []).extend(found)
    return modules, names


__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, *_promised())
__all__ += ["__version__"]
