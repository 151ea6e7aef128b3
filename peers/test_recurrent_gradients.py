"""How far back the gradient reaches in real Keras models, and in ours with the same weights.

A Keras model, Embedding(4, 8) -> SimpleRNN, LSTM or GRU (32) -> Dense(4, softmax), is asked for the first
of T tokens. `Pushed` lets a vector be added to h after every step; the derivative of a sequence's loss in
it is dL_i/dh_t, additive changes of the state being what `gradients_by_distance` speaks of.

Rounding: both sides compute in float32, so logarithms may differ by 8 T n eps, as `TimeChain.tolerance`
says. Seeds: 32 networks drawn by Keras and 32 drawn by us, Kolmogorov's two-sample distance with its
exact law; 12 comparisons at 8e-6 each, so the family fails for equal laws with probability below 1e-4.
"""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from scipy import stats

from gradchain import cells
from gradchain.experiments import recall
from gradchain.tasks import sequences
from gradchain.training import recurrent

VOCABULARY, EMBEDDING, UNITS, BATCH = 4, 8, 32, 64
CELLS = {
    "simple": (cells.simple_rnn(UNITS), keras.layers.SimpleRNN, keras.layers.SimpleRNNCell),
    "lstm": (cells.lstm(UNITS), keras.layers.LSTM, keras.layers.LSTMCell),
    "gru": (cells.gru(UNITS), keras.layers.GRU, keras.layers.GRUCell),
}
EPS = float(np.finfo(np.float32).eps)
# Below this Keras' float32 entries may have been flushed to zero.
LOST = 1e-30
ALARM, DRAWN = 8e-6, 32


@keras.saving.register_keras_serializable()
class Pushed(keras.layers.Layer):
    """A Keras cell whose next h is moved by what comes in beside its input."""

    def __init__(self, cell, **settings):
        super().__init__(**settings)
        self.cell, self.state_size, self.output_size = cell, cell.state_size, cell.output_size

    def build(self, shape):
        self.cell.build((*shape[:-1], shape[-1] - UNITS))
        self.built = True

    def call(self, inputs, states, training=False):
        x, push = inputs[..., :EMBEDDING], inputs[..., EMBEDDING:]
        after = self.cell(x, states)[1]
        moved = after[0] + push
        return moved, [moved, *after[1:]]


def built(name, seed):
    """Draw the layers of a Keras model."""
    keras.utils.set_random_seed(seed)
    _, layer, _ = CELLS[name]
    own = (
        keras.layers.Embedding(VOCABULARY, EMBEDDING, dtype="float32"),
        layer(UNITS, dtype="float32"),
        keras.layers.Dense(VOCABULARY, activation="softmax", dtype="float32"),
    )
    for each, shape in zip(own, ((1, 2), (1, 2, EMBEDDING), (1, UNITS)), strict=True):
        each.build(shape)
    return own


def weights_of(name, layers):
    """Hand a Keras model's weights to us: the transposes."""
    embedding, layer, head = layers
    kernel, matrix, bias = (np.asarray(w) for w in layer.get_weights())
    own = {"kernel": kernel.T, "recurrent": matrix.T, "bias": bias}
    if name == "gru":
        own |= {"bias": bias[0], "recurrent_bias": bias[1]}
    weight, shift = (np.asarray(w) for w in head.get_weights())
    return {
        "cell": own,
        "head": {"weight": weight.T, "bias": shift},
        "embedding": np.asarray(embedding.get_weights()[0]).T,
    }


def keras_gradients(name, layers, tokens, labels):
    """Return dL_i/dh_t as Keras' own model has it, (batch, T, units)."""
    embedding, layer, head = layers
    length = tokens.shape[1]
    seen = keras.Input((length,), dtype="int32")
    pushes = keras.Input((length, UNITS), dtype="float32")
    cell = CELLS[name][2](UNITS, dtype="float32")
    pushed = keras.layers.RNN(Pushed(cell, dtype="float32"), dtype="float32")
    joined = keras.layers.Concatenate()([embedding(seen), pushes])
    model = keras.Model([seen, pushes], head(pushed(joined)))
    cell.set_weights(layer.get_weights())
    plain = keras.Sequential([keras.Input((length,), dtype="int32"), *layers])
    zero = np.zeros((*tokens.shape, UNITS), np.float32)
    trained = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    outputs, _ = model.stateless_call(trained, fixed, [tokens, zero])
    # The model with the push left at zero is the plain one.
    np.testing.assert_allclose(outputs, plain(tokens), atol=8 * EPS)

    @jax.jit
    def slopes(push):
        def loss(push):
            shown, _ = model.stateless_call(trained, fixed, [tokens, push])
            return jnp.sum(keras.losses.sparse_categorical_crossentropy(labels, shown))

        return jax.grad(loss)(push)

    return np.asarray(slopes(zero), np.float64)


def first_rows(params):
    return jax.tree.map(lambda leaf: leaf[None], params)


@pytest.mark.parametrize("length", [10, 50, 200])
@pytest.mark.parametrize("name", CELLS)
def test_gradients_by_distance_are_those_of_keras_with_the_same_weights(name, length):
    cell, task = CELLS[name][0], sequences.first_token(length - 1)
    layers, key = built(name, 7), jax.random.key(11)
    ours = recall.gradients_by_distance(
        cell, task, first_rows(weights_of(name, layers)), key[None], BATCH
    )[0]
    inputs, labels = task.draw(jax.random.fold_in(key, 2), BATCH, jnp.float32)
    tokens = np.asarray(jnp.argmax(inputs, axis=-1), np.int32)
    slopes = keras_gradients(name, layers, tokens, np.asarray(labels))
    theirs = np.linalg.norm(slopes, axis=2).mean(axis=0)
    assert ours.shape == (length + 1,)
    kept = theirs > LOST
    # Keras loses the gradient of a GRU over 200 steps; we keep it.
    assert kept.all() or (name, length) == ("gru", 200)
    room = 8 * length * UNITS * EPS
    assert np.abs(np.log(theirs[kept]) - ours[1:][kept]).max() <= room
    assert np.all(np.isfinite(ours))
    assert np.all(ours[1:][~kept] < np.log(LOST) + room)


def test_a_gru_of_keras_has_no_gradient_at_all_after_two_hundred_steps():
    # Where its float32 ends; the same weights give us a number.
    cell, task = CELLS["gru"][0], sequences.first_token(199)
    layers, key = built("gru", 7), jax.random.key(11)
    inputs, labels = task.draw(jax.random.fold_in(key, 2), BATCH, jnp.float32)
    tokens = np.asarray(jnp.argmax(inputs, axis=-1), np.int32)
    slopes = keras_gradients("gru", layers, tokens, np.asarray(labels))
    ours = recall.gradients_by_distance(
        cell, task, first_rows(weights_of("gru", layers)), key[None], BATCH
    )[0]
    assert np.linalg.norm(slopes[:, 0], axis=1).mean() < 1e-36
    assert -120 < ours[1] < np.log(1e-36)


@pytest.mark.parametrize("name", CELLS)
def test_networks_that_we_draw_have_the_gradients_of_networks_that_keras_draws(name):
    length, cell = 50, CELLS[name][0]
    task = sequences.first_token(length - 1)
    keys = jax.random.split(jax.random.key(2), 2 * DRAWN)
    start = jax.jit(jax.vmap(lambda key: recurrent.draw(cell, task, EMBEDDING, key)))
    own = start(jax.random.split(jax.random.key(3), DRAWN))
    drawn = [weights_of(name, built(name, 100 + seed)) for seed in range(DRAWN)]
    theirs = jax.tree.map(lambda *leaves: np.stack(leaves), *drawn)
    ours = recall.gradients_by_distance(cell, task, own, keys[:DRAWN], BATCH)
    other = recall.gradients_by_distance(cell, task, theirs, keys[DRAWN:], BATCH)
    for distance in (0, 1, 10, length - 1):
        pair = (side[:, length - distance] for side in (ours, other))
        assert stats.ks_2samp(*pair, method="exact").pvalue > ALARM, distance
