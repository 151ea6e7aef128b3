"""The predicted tower: what follows from numbers and laws alone, before any network exists.

Nothing here looks at a network; `gradchain.measured` never asks a law. They meet in
`gradchain.bridge`.
"""
