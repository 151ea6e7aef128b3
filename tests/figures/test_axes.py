"""What a figure draws is what the data say."""

import numpy as np

from gradchain.figures import band, decades, floor, label_ends, line, new_figure


def test_the_band_holds_its_share_of_the_seeds_and_the_median_is_drawn():
    _, axes = new_figure()
    rows = np.sort(np.random.default_rng(1).normal(size=(101, 4)), axis=0)
    band(axes, np.arange(4), rows, 0, "x", share=0.9)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), rows[50])
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == rows[5].min()
    assert heights.max() == rows[95].max()


def test_a_dead_chain_leaves_a_gap_and_not_a_wrong_line():
    _, axes = new_figure()
    line(axes, [0, 1, 2], [0.0, -np.inf, -2.0], 0, "x")
    drawn = axes.lines[0].get_ydata()
    assert np.isnan(drawn[1])
    assert list(drawn[[0, 2]]) == [0, -2]
    rows = np.array([[0.0, -1.0, -np.inf], [0.0, -2.0, -np.inf], [0.0, -3.0, -4.0]])
    band(axes, [0, 1, 2], rows, 1, "y")
    assert np.isnan(axes.lines[1].get_ydata()[2])


def test_decades_are_written_as_powers_of_ten_at_whole_exponents():
    figure, axes = new_figure()
    axes.set_ylim(-320, 10)
    decades(axes)
    figure.canvas.draw()
    ticks = axes.yaxis.get_majorticklocs()
    assert all(float(tick).is_integer() for tick in ticks)
    words = {label.get_text() for label in axes.get_yticklabels()}
    assert "1" in words
    assert "$10^{-100}$" in words


def test_the_floor_of_a_type_is_drawn_at_its_height_and_named():
    _, axes = new_figure()
    floor(axes, -44.85, "float32")
    assert set(axes.lines[0].get_ydata()) == {-44.85}
    assert [text.get_text() for text in axes.texts] == ["float32"]


def test_names_at_the_ends_keep_their_order_and_their_distance():
    _, axes = new_figure()
    ends = [(9, y, f"curve {k}", k) for k, y in enumerate((0.0, -0.1, -5.0, -0.2))]
    label_ends(axes, ends, gap=1.0)
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    order = sorted(heights, key=heights.__getitem__, reverse=True)
    assert order == ["curve 0", "curve 1", "curve 3", "curve 2"]
    values = sorted(heights.values())
    assert min(np.diff(values)) >= 1.0 - 8 * np.finfo(float).eps * 6
    # A name far from the others stands exactly at the end of its curve.
    assert heights["curve 2"] == min(end[1] for end in ends)
