"""Numbers that are proved: exact rationals, closed forms, and enclosures by ball arithmetic.

Which question it answers: how large is it, with a proof? Everything here runs without JAX and
without NumPy, on Python's integers and on Arb's balls (python-flint), so a number of kind *exact*
or *certified* can be recomputed in a fraction of a second on any machine.
"""
