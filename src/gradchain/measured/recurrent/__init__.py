"""How do gradients travel through time in one concrete recurrent network?

`cells` are the networks' steps; `time_chain` is the exact chain of their Jacobians.
"""

from gradchain.measured.recurrent import cells
from gradchain.measured.recurrent.chain import TimeChain, time_chain
from gradchain.measured.recurrent.noun import Cell, LSTMState

__all__ = ["Cell", "LSTMState", "TimeChain", "cells", "time_chain"]
