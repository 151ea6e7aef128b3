"""No sentence cites a number that does not exist, and none holds a result typed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradchain._errors import UnknownKeyError, UsageError
from gradchain.study import text

NUMBERS = {"sigmoid.derivative.sup": 1, "relu.derivative.sup": 2}


@pytest.mark.parametrize(
    "sentence",
    [
        "The slope is at most {sigmoid.derivative.sup}.",
        "In float32, at depth 100 and 1 % of 10 seeds, N(0,1).",
        "With a factor 0.9, {relu.derivative.sup}.",
        "Version v0.1.0 of x86 says nothing.",
    ],
)
def test_sentences_with_keys_counts_and_settings_are_taken(sentence):
    text.check_text(sentence, NUMBERS, "a sentence", {"0.9"})


@pytest.mark.parametrize("by_hand", ["0.25", "7.9e-31", "1e-7", "-0.5", "+3.5", "12.0"])
def test_a_result_typed_by_hand_is_refused(by_hand):
    with pytest.raises(UsageError, match="typed by hand"):
        text.check_text(f"It falls to {by_hand}, we saw.", NUMBERS, "a sentence")


def test_an_unknown_key_names_its_neighbours():
    with pytest.raises(UnknownKeyError, match=r"nearest: sigmoid\.derivative\.sup") as caught:
        text.check_text("{sigmoid.derivative.sub}", NUMBERS, "a sentence")
    assert caught.value.nearest[0] == "sigmoid.derivative.sup"


@pytest.mark.parametrize("braces", ["{}", "{x}", "{Sigmoid.sup}", "{a..b}", "{a.b!r}", "{a.b\n}"])
def test_braces_without_a_key_are_refused(braces):
    with pytest.raises(UsageError, match="is not a key"):
        text.keys_in(f"so {braces} it is")


@given(st.text(alphabet=st.characters(exclude_characters="{}")))
def test_text_without_keys_is_left_alone(plain):
    assert text.fill(plain, lambda key: "never") == plain


@given(st.lists(st.sampled_from(sorted(NUMBERS)), max_size=5), st.sampled_from(["", " ", "<&>"]))
def test_every_key_is_replaced_and_everything_else_passes_the_escaper(keys, between):
    sentence = between.join(f"{{{key}}}" for key in keys)
    filled = text.fill(sentence, lambda key: f"[{key}]", lambda part: part.replace("<", "!"))
    assert filled == between.replace("<", "!").join(f"[{key}]" for key in keys)
    assert text.keys_in(sentence) == keys


def test_what_is_no_key_is_quoted_on_one_short_line():
    with pytest.raises(UsageError, match="is not a key") as caught:
        text.keys_in("{a\n\x1b" + "b" * 9000 + "}")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
