"""The theorems' pages in the report: formulas as MathML, nothing to load, nothing that runs."""

import pytest

from gradchain._errors import OutputError
from gradchain.report import build
from gradchain.report.theorems import as_html, read_theorems, theorem_sections

PAGE = r"""# T01 The logistic <sigmoid>

For every $x$ we have $0 < s'(x) \le \frac{1}{4}$, and

$$ \prod_{k=1}^{n} s'(z_k) \le 4^{-n} . $$

<script>alert(1)</script> <img src="https://example.org/x.png">

| a | b |
|---|---|
| $x^2$ | 2 |

<!-- coq T01a -->
```coq
Theorem T01a : forall x, x < x + 1.
```
<!-- end -->
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "T01.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "README.md").write_text("# Proofs", encoding="utf-8")
    return tmp_path


def test_formulas_become_mathml_and_marks_disappear(folder):
    (page,) = read_theorems(folder)
    assert (page.id, page.title) == ("T01", "The logistic <sigmoid>")
    assert page.html.count("<math ") == 4
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in page.html
    assert "<mfrac>" in page.html
    assert "$" not in page.html
    assert "coq T01a" not in page.html
    assert "forall x, x &lt; x + 1." in page.html
    assert "<h3>T01 The logistic &lt;sigmoid&gt;</h3>" in page.html


def test_a_page_cannot_run_or_load_anything(folder):
    (page,) = read_theorems(folder)
    assert "<script" not in page.html
    assert "<img" not in page.html


def test_the_report_shows_the_pages_and_links_to_them(folder, tmp_path):
    report = build(tmp_path / "results", (), folder)
    text = report.html.read_text(encoding="utf-8")
    assert '<a href="#theorems">Theorems</a>' in text
    assert '<section id="theorem-T01">' in text
    assert '<a href="#theorem-T01">T01 The logistic &lt;sigmoid&gt;</a>' in text


def test_no_folder_no_section(tmp_path):
    assert read_theorems(None) == read_theorems(tmp_path / "nothing") == []
    assert theorem_sections([]) == ("", "")


@pytest.mark.parametrize("text", ["", "# T02 Another", "Sigmoid"])
def test_a_page_without_its_title_is_refused(tmp_path, text):
    (tmp_path / "T01.md").write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match=r"T01.md: expected a first line such as '# T01 Title'"):
        read_theorems(tmp_path)


def test_a_page_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "T01.md").write_bytes(b"\xff\xfe")
    with pytest.raises(OutputError, match="cannot read"):
        read_theorems(tmp_path)


def test_headings_never_go_past_the_sixth_level():
    assert as_html("##### deep") == "<h5>deep</h5>\n"
    assert as_html("#### deep") == "<h6>deep</h6>\n"
