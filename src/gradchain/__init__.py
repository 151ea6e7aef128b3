"""gradchain: exact Jacobian chains, the bounds and the theory beside them, numbers one can cite.

    import gradchain as gch            # not gc: that is the standard library's

Names are loaded on first use, so that reading numbers never imports JAX.
"""

import lazy_loader

from gradchain._version import VERSION as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
