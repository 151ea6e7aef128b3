"""Keys keep their promises: unique, never inside another, replaced without circles, easy to find."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import RegistryError, UnknownKeyError, UsageError
from gradchain.registry import Check, How, Number, Registry
from gradchain.registry.collection import order, validate_all


def make(key: str, superseded_by: str | None = None) -> Number:
    return Number(
        key=key,
        kind="exact",
        statement="A statement.",
        value="0.25",
        exact="1/4",
        how=How.of("gradchain.certify.rational.power", base="1/4", exponent=1),
        check=Check("equality"),
        superseded_by=superseded_by,
    )


BAD = {
    "twice": (["a.b", "a.b"], "a.b: key: stands twice"),
    "inside": (["a.n1", "a.n1.x"], "a.n1.x: key: begins with the whole key a.n1"),
    "deep inside": (["a", "a.b.c.d"], "a.b.c.d: key: begins with the whole key a;"),
}


@pytest.mark.parametrize("bad", [None, 3, "a.b", ["a.b"], [None], {"a.b": 1}, [{"key": "a.b"}]])
def test_what_is_no_record_is_not_collected(as_a_user, bad: object):
    for collect in (Registry, validate_all):
        with pytest.raises(UsageError, match=r"expected .*gradchain.registry.Number"):
            collect(bad)


@pytest.mark.parametrize("name", BAD)
def test_keys_that_cannot_stand_together_are_refused(name: str):
    keys, sentence = BAD[name]
    with pytest.raises(RegistryError, match=sentence):
        Registry(make(key) for key in keys)


def test_a_key_may_be_the_beginning_of_another_as_long_as_no_segment_is_cut():
    assert list(Registry([make("a.n10"), make("a.n1"), make("a.n2")])) == ["a.n1", "a.n2", "a.n10"]


@given(count=st.integers(2, 12), start=st.integers(0, 11))
def test_circles_of_replacements_are_refused_wherever_they_begin(count: int, start: int):
    ring = [make(f"k{i}", f"k{(i + 1) % count}") for i in range(count)]
    turned = ring[start % count :] + ring[: start % count]
    with pytest.raises(RegistryError, match=r"superseded_by: runs in a circle"):
        Registry(turned)


def test_a_replacement_that_does_not_exist_is_refused():
    with pytest.raises(RegistryError, match=r"a.b: superseded_by: c.d is not a key"):
        Registry([make("a.b", "c.d")])


def test_an_old_key_leads_to_the_number_that_holds_today():
    registry = Registry([make("old", "newer"), make("newer", "newest"), make("newest")])
    assert registry.current("old").key == "newest"
    assert registry.current("newest").key == "newest"
    assert registry["old"].key == "old"


def test_an_unknown_key_names_the_nearest_ones():
    registry = Registry([make("sigmoid.chain.n5"), make("tanh.chain.n5"), make("ln2")])
    with pytest.raises(UnknownKeyError, match=r"unknown key 'sigmod.chain.n5'") as caught:
        registry.get("sigmod.chain.n5")
    assert caught.value.nearest[0] == "sigmoid.chain.n5"
    assert caught.value.exit_code == 2
    assert registry.nearest("Sigmoid_Chain.n5.")[0] == "sigmoid.chain.n5"
    assert registry.get("nothing", None) is None
    assert "nothing" not in registry


@pytest.mark.parametrize("key", ["", "x" * 10_000, "১২৩", "a b", "\x1b[31m", "../../etc"])
def test_whatever_is_typed_gets_an_answer_at_once(key: str):
    registry = Registry(make(f"key.n{i}") for i in range(400))
    start = time.perf_counter()
    with pytest.raises(UnknownKeyError) as caught:
        registry[key]
    assert time.perf_counter() - start < 20
    assert str(caught.value).isascii()
    assert "\x1b" not in str(caught.value)


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=9, unique=True))
def test_numbered_keys_stand_in_the_order_of_their_numbers(numbers: list[int]):
    keys = sorted((f"a.n{i}.x" for i in numbers), key=order)
    assert [int(key[3:-2]) for key in keys] == sorted(numbers)


def test_records_are_not_changed_by_being_collected():
    number = make("a.b")
    assert Registry([number])["a.b"] is number
    assert Registry([replace(number, digits=5)])["a.b"] != number


@pytest.mark.usefixtures("as_a_user")
def test_what_is_no_record_is_named_by_its_type():
    with pytest.raises(UsageError, match="got str as numbers, expected records"):
        Registry("a.b")
    with pytest.raises(UsageError, match="got int as numbers, expected records"):
        Registry(3)
    with pytest.raises(
        UsageError, match=r"got dict among the numbers, expected .*registry\.Number;"
    ):
        Registry([{"key": "a.b"}])


def test_an_unknown_key_with_nothing_near_says_how_to_search():
    registry = Registry([make("a.b")])
    with pytest.raises(UnknownKeyError, match="unknown key 'qqqq'; see: gradchain list"):
        registry["qqqq"]
    with pytest.raises(UnknownKeyError, match=r"unknown key 'a\.c'; nearest: a\.b"):
        registry["a.c"]


def test_a_registry_says_where_it_comes_from_and_how_many_it_holds():
    registry = Registry([make("a.b"), make("a.c")], writer="w", origin="o", schema=3)
    assert (registry.writer, registry.origin, registry.schema, len(registry)) == ("w", "o", 3, 2)
    empty = Registry()
    assert (empty.writer, empty.origin, len(empty)) == ("", "", 0)


def test_ten_replacements_are_followed():
    numbers = [make(f"k{i}", f"k{i + 1}") for i in range(10)] + [make("k10")]
    assert Registry(numbers).current("k0").key == "k10"


def test_the_beginning_of_keys_names_those_that_begin_so():
    keys = [*(f"a.b.n{i}" for i in range(7)), "a.bc.n1", "x.y", "x.z"]
    registry = Registry([make(key) for key in keys])
    listed = "a.b.n0, a.b.n1, a.b.n2, a.b.n3, a.b.n4, and 2 more; all: gradchain list a.b"
    for typed in ("a.b", "A.B", "a.b."):
        with pytest.raises(UnknownKeyError) as caught:
            registry[typed]
        assert str(caught.value) == f"unknown key '{typed}'; keys that begin so: {listed}"
        assert caught.value.nearest == tuple(keys[:5])
    with pytest.raises(UnknownKeyError, match=r"begin so: x\.y, x\.z; all: gradchain list x$"):
        registry["x"]
    with pytest.raises(UnknownKeyError, match=r"unknown key 'A\.B\.N6'; nearest: a\.b\.n6, "):
        registry["A.B.N6"]
