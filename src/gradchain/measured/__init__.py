"""The measured tower: one concrete network, its layers, its exact Jacobians and gradients.

Nothing here knows a law or a bound; `gradchain.predicted` never looks at a network. They meet in
`gradchain.bridge`.
"""
