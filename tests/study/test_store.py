"""What a cell holds comes back bit for bit, or not at all."""

import zipfile

import numpy as np
import pytest

from gradchain._errors import DtypeError
from gradchain.study import store


@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_arrays_come_back_with_their_bits_types_and_shapes(tmp_path, dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    store.save_cell(tmp_path, "me", {"a": array, "b": array.T})
    found = store.load_cell(tmp_path, "me")
    assert found["a"].dtype == array.dtype
    assert found["a"].shape == shape
    assert found["a"].tobytes() == array.tobytes()
    np.testing.assert_array_equal(found["b"], array.T)


def test_nan_infinity_and_minus_zero_come_back(tmp_path):
    array = np.array([np.nan, -np.inf, -0.0, 5e-324])
    store.save_cell(tmp_path, "me", {"a": array})
    assert store.load_cell(tmp_path, "me")["a"].tobytes() == array.tobytes()


def test_equal_cells_have_equal_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        store.save_cell(tmp_path / name, "me", {"b": np.ones(3), "a": 1})
    one, two = (next((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


def test_a_cell_that_was_never_kept_is_none(tmp_path):
    assert store.load_cell(tmp_path, "me") is None


@pytest.mark.parametrize("bad", [np.array([{}]), "text", np.array(["a"]), np.datetime64(1, "s")])
def test_what_needs_pickle_or_is_not_portable_is_refused(tmp_path, bad):
    with pytest.raises(DtypeError, match="expected bool, integer or float"):
        store.save_cell(tmp_path, "me", {"a": bad})
    assert list(tmp_path.iterdir()) == []


def test_bfloat16_is_refused_with_the_cast(tmp_path):
    import jax.numpy as jnp

    with pytest.raises(DtypeError, match="bfloat16 to float32 loses nothing"):
        store.save_cell(tmp_path, "me", {"a": jnp.ones(2, dtype=jnp.bfloat16)})


def test_a_file_from_a_stranger_with_objects_in_it_is_not_run(tmp_path):
    path = store.cell_path(tmp_path, "me")
    np.savez(path, a=np.array([{"x": 1}], dtype=object), allow_pickle=True)
    assert "not readable" in store.load_cell(tmp_path, "me")


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    path = store.save_cell(tmp_path, "me", {"a": np.zeros(100)})
    monkeypatch.setattr(store, "_SIZE_LIMIT", 10)
    assert store.load_cell(tmp_path, "me") == "too large"
    assert zipfile.is_zipfile(path)


def test_arrays_changed_by_hand_are_seen(tmp_path):
    path = store.save_cell(tmp_path, "me", {"a": np.zeros(3)})
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["a"] = np.ones(3)
    np.savez(path, **arrays)
    assert store.load_cell(tmp_path, "me") == "wrong content hash"
