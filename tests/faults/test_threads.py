"""Two Python threads at once, each with its own float type: enable_x64 is local to a thread."""

import threading

import jax
import numpy as np

import gradchain as gch


def test_two_threads_with_their_own_float_types_do_not_disturb_each_other():
    start, found, failed = threading.Barrier(2), {}, []

    def work(kind):
        try:
            with jax.enable_x64(kind is np.float64):
                start.wait(timeout=60)
                for seed in range(5):
                    weights = np.random.default_rng(seed).normal(size=(3, 2, 2)).astype(kind)
                    network = gch.network_from_weights(list(weights), activation="tanh")
                    chain = gch.jacobian_chain(network, np.ones(2, kind))
                    assert chain.log_norms.dtype == kind
                    found[kind, seed] = np.asarray(chain.log_norms, np.float64)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(kind,)) for kind in (np.float32, np.float64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not failed
    for seed in range(5):
        # Three layers of two units in float32: 4 L n eps, as `tolerance` states, times a small chain.
        gap = np.abs(found[np.float32, seed] - found[np.float64, seed]).max()
        assert gap <= 100 * 4 * 3 * 2 * 2.0**-23
