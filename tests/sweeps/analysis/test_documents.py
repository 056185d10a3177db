"""A document is the same in Markdown and in HTML, and text stays text in both."""

import pytest

from paribus_sweeps.analysis.documents import Document


def document() -> Document:
    made = Document("Did `batch` matter?")
    made.say("`batch`: yes.", "", "It did.")
    made.heading("What was seen")
    made.points(["8 ran first", "64 ran second"])
    made.table(["level", "n"], [["8", "6"], ["64", "5"]])
    return made


class TestMarkdown:
    def test_it_is_headings_sentences_lists_and_tables(self) -> None:
        assert document().markdown() == (
            "# Did `batch` matter?\n\n"
            "`batch`: yes. It did.\n\n"
            "## What was seen\n\n"
            "- 8 ran first\n- 64 ran second\n\n"
            "| level | n |\n| --- | --- |\n| 8 | 6 |\n| 64 | 5 |\n"
        )

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("a_b*c*", r"a\_b\*c\*"),
            ("<img src=x>", r"\<img src=x\>"),
            ("[a](b)", r"\[a\](b)"),
            ("&lt;", r"\&lt;"),
            ("two\nlines", "two lines"),
            ("# no heading", r"\# no heading"),
            (r"back\slash", r"back\\slash"),
            ("a lone ` tick", r"a lone \` tick"),
            ("`a_b` and c_d", r"`a_b` and c\_d"),
        ],
    )
    def test_what_a_name_holds_is_no_markup(self, text: str, written: str) -> None:
        made = Document("t")

        made.say(text)

        assert made.markdown() == f"# t\n\n{written}\n"

    @pytest.mark.parametrize(
        ("cell", "written"),
        [
            ("a|b", r"a\|b"),
            ("`a|b`", r"`a\|b`"),
            ("` | `x", r"` \| `x"),
            ("one\ntwo", "one two"),
            ("---", "---"),
        ],
    )
    def test_no_cell_ends_early(self, cell: str, written: str) -> None:
        made = Document("t")

        made.table(["a"], [[cell]])

        assert made.markdown().splitlines()[-1] == f"| {written} |"

    def test_a_title_and_a_heading_are_escaped_as_sentences_are(self) -> None:
        made = Document("a_b of `a_b`")
        made.heading("c_d of `c_d`")

        assert made.markdown() == "# a\\_b of `a_b`\n\n## c\\_d of `c_d`\n"

    def test_what_is_empty_is_left_out(self) -> None:
        made = Document("t")

        made.say("", "")
        made.points([])
        made.table(["a"], [])

        assert made.markdown() == "# t\n"


class TestHtml:
    def test_it_is_one_page(self) -> None:
        page = document().html()

        assert page.startswith('<!doctype html>\n<html lang="en">')
        assert "<h1>Did <code>batch</code> matter?</h1>" in page
        assert "<p><code>batch</code>: yes. It did.</p>" in page
        assert "<h2>What was seen</h2>" in page
        assert "<ul><li>8 ran first</li><li>64 ran second</li></ul>" in page
        assert '<thead><tr><th scope="col">level</th><th scope="col">n</th></tr></thead>' in page
        assert "<tbody><tr><td>8</td><td>6</td></tr><tr><td>64</td><td>5</td></tr></tbody>" in page

    def test_it_asks_nobody_for_anything(self) -> None:
        page = document().html()

        assert "http" not in page
        assert "<script" not in page
        assert "src=" not in page

    def test_what_a_name_holds_is_no_markup(self) -> None:
        made = Document("<script>alert(1)</script>")
        made.say('`<b>` & "quotes"')

        page = made.html()

        assert "<script>" not in page
        assert "<p><code>&lt;b&gt;</code> &amp; &quot;quotes&quot;</p>" in page

    def test_the_title_of_the_window_has_no_back_ticks(self) -> None:
        assert "<title>Did batch matter?</title>" in document().html()
