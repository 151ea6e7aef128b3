"""The bridge: where measured and predicted meet, and where a user's own network is judged.

`gradchain.bridge.bounds` sets a network's exact spectral norms beside the bounds that hold for it.
`gradchain.bridge.diagnosis` says, layer by layer, what the gradient of any loss does, and why that is
called vanishing or healthy. `gradchain.bridge.compare` sets the measured slope of the gradient over
depth beside the predicted one. Parts of the diagnosis: `grouping` (which parameters make a layer),
`backward` (the gradient, past underflow), `reading` (norms of single arrays), `trend` (slope and
interval), `presets` (the rules), `assemble`, `noun` and `table` (the report), `arrays` (gradients from
elsewhere).
"""
