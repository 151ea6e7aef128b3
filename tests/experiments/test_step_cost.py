"""Operations of a training step: counted as by hand, affine in the depth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.experiments import remedies, step_cost
from gradchain.experiments.setting import Setting


def test_products_sums_and_elementwise_functions_count_as_stated():
    def program(a, b):
        return jnp.sum(jnp.exp(a @ b))

    a, b = np.ones((4, 3), np.float32), np.ones((3, 5), np.float32)
    # 4 * 5 products of 3 pairs, 20 exponentials, a sum over 20.
    assert step_cost.count(jax.make_jaxpr(program)(a, b)) == 2 * 4 * 5 * 3 + 20 + 20


def test_a_scan_counts_once_a_turn_and_an_open_loop_is_refused():
    def turns(x):
        return jax.lax.scan(lambda c, _: (c * 2.0, None), x, None, length=7)[0]

    assert step_cost.count(jax.make_jaxpr(turns)(jnp.ones(3))) == 21
    with pytest.raises(UsageError, match="unknown length"):
        step_cost.count(
            jax.make_jaxpr(lambda x: jax.lax.while_loop(lambda c: c < 9.0, lambda c: c * 2.0, x))(
                1.0
            )
        )


def test_the_matrix_products_of_a_layer_are_there_by_hand():
    # A further hidden layer of 10 units: three products 10 x 10 x 32 at 2 operations each, and at
    # most a hundred operations for each of its 10 x 32 numbers and 110 weights.
    two, three = (step_cost.operations(Setting(depth=d)) for d in (2, 3))
    products = 3 * 2 * 10 * 10 * 32
    assert products < three - two < products + 100 * (10 * 32 + 110)


@pytest.mark.parametrize(
    "slug", ["prelu", "batchafter.sigmoid", "residual.relu", "clipping.sigmoid"]
)
def test_the_count_is_affine_in_the_depth(slug):
    plain = Setting(**remedies.get(slug).setting(5, 10))
    assert step_cost.operations(plain) == step_cost._counted(plain, 5)


def test_norms_and_skips_cost_more_and_other_weights_cost_nothing():
    base = step_cost.operations(Setting(**remedies.BASELINE.setting(20, 10)))
    for slug in (
        "batchbefore.sigmoid",
        "layernorm.sigmoid",
        "residual.sigmoid",
        "clipping.sigmoid",
    ):
        assert step_cost.operations(Setting(**remedies.get(slug).setting(20, 10))) > base
    for slug in ("he.sigmoid", "orthogonal.sigmoid", "lsuv.sigmoid"):
        assert step_cost.operations(Setting(**remedies.get(slug).setting(20, 10))) == base
