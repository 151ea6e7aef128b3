"""Keys can hold every setting of a grid, and each setting is found again."""

import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.experiments import grids
from gradchain.registry.grammar import KEY


def test_different_values_get_different_tags_that_a_key_may_end_in():
    values = [-2.0, -0.5, 0.0, 1e-4, 3e-3, 0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 1.5, 10.0, 100.0, 1000.0]
    tags = [grids.tag(value) for value in values]
    assert len(set(tags)) == len(tags)
    assert all(KEY.fullmatch(f"a.rate{tag}") for tag in tags)


def test_the_arrays_of_one_setting_are_found_and_no_others():
    arrays = {f"{name}_{k}": np.array([k]) for name in ("loss", "nan_step") for k in (1, 11)}
    assert grids.one(arrays, 1) == {"loss": 1, "nan_step": 1}
    with pytest.raises(UsageError, match="number 2"):
        grids.one(arrays, 2)
