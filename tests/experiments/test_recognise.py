"""Truth and signs of a vanishing gradient against independent channels, and how they are counted."""

import math

import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain._text import parse
from gradchain.bridge.arrays import diagnose_arrays
from gradchain.bridge.trend import student_quantile
from gradchain.experiments import lab, recognise
from gradchain.experiments import recognise_numbers as counted
from gradchain.experiments.recognise_population import POPULATION, POPULATIONS, names_of
from gradchain.measured.build import network_from_weights
from gradchain.measured.jacobian import jacobian_chain
from gradchain.registry.collection import validate_all

KINDS = ("tanh20smallsgd", "tanh10sgd", "tanh3sgd")


@pytest.fixture(scope="module")
def trained():
    """Eight networks of three kinds, ten epochs each: one compiled program."""
    found = {}
    for name in KINDS:
        setting = POPULATION[name][1].varied(epochs=20)
        data = lab.points_of(setting)
        found[name] = setting, lab.run(setting, 8, 0, data), data
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_chain_is_that_of_the_measured_jacobians(trained, kind, monkeypatch):
    monkeypatch.setattr(recognise, "_POINTS", 4)
    setting, outcome, data = trained[kind]
    ours = recognise.read(setting, outcome, data).log10_chain
    x = data.inputs[:, :: data.inputs.shape[1] // 4].T
    for seed in range(1):
        layers = [(f.weight[seed], f.bias[seed]) for f in outcome.final]
        network = network_from_weights(
            [w for w, _ in layers[1:-1]], [b for _, b in layers[1:-1]], activation="tanh"
        )
        logs = []
        for point in x:
            h = np.tanh(layers[0][0] @ point + layers[0][1])
            logs.append(float(_log_frobenius(jacobian_chain(network, h.astype(np.float32)))))
        mean = math.log10(np.mean(np.exp(2 * np.array(logs))) / setting.units) / 2
        assert abs(mean - ours[seed]) <= 1e-4


def _log_frobenius(chain):
    """log of the norm of the whole chain, from its singular values or its product."""
    return np.asarray(chain.log_norms)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_labs_telemetry(trained, kind):
    setting, outcome, data = trained[kind]
    _, gradients = recognise.chain_and_gradients(setting, outcome, data)
    logs = np.stack([np.log(np.linalg.norm(g, axis=(1, 2))) for g in gradients], 1)
    # Relative to rounding of float32 sums over 200 points that partly cancel.
    assert np.abs(logs - outcome.log_gradient_norms[:, -1]).max() <= 2e-3


@pytest.mark.parametrize("kind", KINDS)
def test_rules_are_those_of_the_bridge(trained, kind):
    setting, outcome, data = trained[kind]
    signs = recognise.read(setting, outcome, data)
    _, gradients = recognise.chain_and_gradients(setting, outcome, data)
    for preset in ("slope", "sagemaker", "autotrainer"):
        ours = recognise.alarms(signs, preset)
        for seed in range(8):
            arrays = {f"kernel{k}": g[seed] for k, g in enumerate(gradients)}
            assert ours[seed] == (diagnose_arrays(arrays, preset=preset).kind == "vanishing")


def test_student_quantiles_are_those_of_the_bridge():
    ours = recognise._STUDENT
    assert np.allclose(ours, [student_quantile(k) for k in range(1, len(ours) + 1)], rtol=1e-6)


def test_small_weights_lose_the_error_signal_although_kernels_look_alike(trained):
    signs = recognise.read(*trained["tanh20smallsgd"])
    assert recognise.vanishing(signs).all()
    assert not recognise.alarms(signs, "slope").any()
    healthy = recognise.read(*trained["tanh3sgd"])
    assert not recognise.vanishing(healthy).any()


def _signs(**given):
    count = len(next(iter(given.values())))
    empty = dict.fromkeys(recognise.Signs._fields, np.full(count, np.nan))
    return recognise.Signs(**(empty | {k: np.asarray(v, float) for k, v in given.items()}))


def test_dead_and_diverged_networks_have_not_vanished_and_raise_no_false_hits():
    signs = _signs(log10_chain=[-np.inf, np.nan, -3.5, -2.5], plateau=[0.0, np.nan, 0.0, 1.0])
    assert recognise.vanishing(signs).tolist() == [False, False, True, False]
    assert recognise.vanishing(signs, -2.0).tolist() == [False, False, True, True]
    assert recognise.alarms(signs, "plateau").tolist() == [True, False, True, False]


def test_shares_count_what_they_say():
    signs = _signs(log10_chain=[-9, -9, 0, 0, 0], plateau=[0, 1, 0, 1, 1])
    causes = np.array(["deep", "deep", "slow", "slow", "dead"])
    values = {
        "share": "0.4",
        "hits": "0.5",
        "falsealarms": "0.333333",
        "right": "0.5",
    }
    for quantity, value in values.items():
        assert counted.rate_of(signs, causes, quantity, "plateau").value == value
    assert counted.rate_of(signs, causes, "alarms", "plateau", "slow").value == "0.5"
    with pytest.raises(UsageError, match="no network"):
        counted.rate_of(signs, causes, "alarms", "plateau", "hopeless")


def test_a_running_threshold_passes_the_one_in_use():
    source = np.random.default_rng(0)
    scores, truth = source.normal(size=400), source.random(400) < 0.3
    false, hits = recognise.curve(scores, truth)
    alarm = scores < 0.2
    near = np.abs(false - alarm[~truth].mean()) + np.abs(hits - alarm[truth].mean())
    assert near.min() < 1e-12
    assert (np.diff(false) >= 0).all()
    assert (np.diff(hits) >= 0).all()


def test_the_population_holds_every_cause_and_no_setting_twice():
    causes = [cause for cause, _ in POPULATION.values()]
    assert set(causes) == {"deep", "shallow", "slow", "dead", "converged", "hopeless"}
    assert len({setting for _, setting in POPULATION.values()}) == len(POPULATION)
    assert all(setting.head == "keras_bce" for _, setting in POPULATION.values())
    assert set(POPULATIONS["small"]) < set(POPULATION)
    with pytest.raises(UsageError, match="all or small"):
        names_of("none")


def test_records_are_valid_and_name_what_recomputes_them(trained):
    parts = {name: recognise.read(*trained[name]) for name in KINDS}
    numbers = validate_all(counted.numbers_of(parts, "small", 8, 0))
    assert parse(numbers["recognise.population.share"].value) > 0
    for number in numbers.values():
        assert number.how.function == "gradchain.experiments.recognise_numbers.rate"
    with pytest.raises(UsageError, match="needs a sign"):
        counted.rate("small", 8, 0, "hits", "", "")
