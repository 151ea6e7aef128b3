"""The colours, and the first import of matplotlib, made in silence.

Where HOME cannot be written matplotlib says so, makes do with a temporary folder, and all is well:
nobody needs to know. This module is imported before any other that needs matplotlib.
"""

import logging

_log = logging.getLogger("matplotlib")
_level = _log.level
_log.setLevel(logging.CRITICAL)
try:
    import matplotlib

    # It builds the font cache, and would say so.
    import matplotlib.font_manager  # ruff: ignore[unused-import]
finally:
    _log.setLevel(_level)

# Made for all kinds of colour vision: Petroff, "Accessible color sequences", arXiv:2107.02270.
COLOURS = tuple(matplotlib.color_sequences["petroff6"])

__all__ = ["COLOURS"]
