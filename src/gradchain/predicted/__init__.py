"""The predicted tower: what follows from numbers and laws alone, before any network exists.

Nothing here looks at a network; `gradchain.measured` never asks a law. They meet in
`gradchain.bridge`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, ["library_defaults"])
