"""A figure is the same bytes every time, says what it shows, and leaves no trace."""

import logging
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from gradchain._errors import UsageError
from gradchain.figures import (
    SERIES,
    Picture,
    band,
    bound,
    decades,
    floor,
    label_ends,
    line,
    new_figure,
    panel_title,
    series,
)

ALT = 'Line chart of <b>two</b> curves & a "bound"; they fall from 1 to 1e-30.'
SVG = "{http://www.w3.org/2000/svg}"


def draw():
    figure, axes = new_figure(1, 2, width=12, share_y=True)
    depth = np.arange(31)
    rng = np.random.default_rng(0)
    for index, name in enumerate(("sigmoid", "tanh")):
        line(axes[0, 0], depth, -depth * (index + 1) / 2, index, name)
        band(axes[0, 1], depth, -depth + rng.normal(size=(20, 31)), index, name)
    bound(axes[0, 0], depth, 0.0 * depth, "upper bound")
    floor(axes[0, 0], -7.2, "float16")
    label_ends(axes[0, 0], [(30, -15, "sigmoid", 0), (30, -15.1, "tanh", 1)], gap=2)
    for panel in axes[0]:
        decades(panel)
        panel.set_xlabel("depth")
    panel_title(axes[0, 0], "measured")
    return figure


@pytest.fixture(scope="module")
def rendered():
    return Picture("toy", "A <toy> & more", draw, ALT).render(ALT)


def test_all_three_formats_are_the_same_bytes_twice(rendered):
    assert Picture("toy", "A <toy> & more", draw, ALT).render(ALT) == rendered
    assert set(rendered) == {"svg", "pdf", "png"}


def test_the_bytes_do_not_depend_on_the_process_or_the_users_settings(rendered, tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 3\nlines.linewidth: 9\nsvg.hashsalt: x\n")
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "import hashlib, test_picture as t\n"
        "data = t.Picture('toy', 'A <toy> & more', t.draw, t.ALT).render(t.ALT)\n"
        "print({end: hashlib.sha256(b).hexdigest() for end, b in data.items()})"
    )
    env = {**os.environ, "MATPLOTLIBRC": str(tmp_path), "PYTHONHASHSEED": "7", "MPLBACKEND": "svg"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
    )
    import hashlib

    expected = {end: hashlib.sha256(data).hexdigest() for end, data in rendered.items()}
    assert ended.stdout.strip() == str(expected)


def test_an_unwritable_home_is_enough_and_nothing_is_said(tmp_path):
    code = "import gradchain.figures as f; f.Picture('a', 'A', lambda: f.new_figure()[0], '').render('x')"
    env = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "MPLCONFIGDIR": "/proc/nowhere"}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=env | {"TMPDIR": str(tmp_path)},
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_svg_has_a_role_a_title_and_the_alt_text(rendered):
    root = ET.fromstring(rendered["svg"])
    assert root.get("role") == "img"
    names = root.get("aria-labelledby").split()
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert [title.get("id"), description.get("id")] == names
    assert title.text == "A <toy> & more"
    assert description.text == ALT


def test_the_svg_loads_nothing_and_runs_nothing(rendered):
    root = ET.fromstring(rendered["svg"])
    for element in root.iter():
        assert not element.tag.endswith(("script", "image", "foreignObject"))
        for name, value in element.attrib.items():
            if name.endswith("href"):
                assert value.startswith("#")
            assert not name.lower().startswith("on")


def test_the_png_carries_its_alt_text(rendered):
    import io

    from PIL import Image

    with Image.open(io.BytesIO(rendered["png"])) as image:
        assert image.info["Description"] == ALT


def test_no_date_is_in_any_file(rendered):
    assert b"<dc:date>" not in rendered["svg"]
    assert b"CreationDate" not in rendered["pdf"]


def test_the_users_settings_and_backend_are_as_they_were():
    before = dict(matplotlib.rcParams)
    level = logging.getLogger("matplotlib").level
    Picture("toy", "A", draw, ALT).render(ALT)
    assert dict(matplotlib.rcParams) == before
    assert logging.getLogger("matplotlib").level == level


def test_pyplot_is_never_loaded():
    code = "import sys, gradchain.figures; print('matplotlib.pyplot' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["", "A", "a b", "../a", "a.b", "a\n"])
def test_names_are_file_safe(name):
    with pytest.raises(UsageError, match="figure name"):
        Picture(name, "A", draw, ALT)


def test_series_differ_without_colour():
    looks = {(look["marker"], str(look["linestyle"])) for look in SERIES}
    assert len(looks) == len(SERIES)
    assert len({(str(series(k)["color"]), series(k)["marker"]) for k in range(12)}) == 12
