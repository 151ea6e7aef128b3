"""The bridge: the one place where measured and predicted meet.

`gradchain.bridge.bounds` sets a network's exact spectral norms beside the bounds that hold for it.
"""
