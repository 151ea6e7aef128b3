"""The computations behind the studies: many networks at once, and the numbers taken from them.

A study's script chooses settings, writes and draws; what it computes lies here, so that
`gradchain check --level full` can compute it again. Importing this package loads no JAX.
"""
