import itertools

import pytest

from paribus_sweeps.figures.look import DARK, DASHES, LIGHT, SYMBOLS, Look


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
class TestContrast:
    def test_text_is_readable(self, colours):
        """4.5:1 (WCAG 2.2, 1.4.3)."""
        assert contrast(colours.ink, colours.ground) >= 4.5
        assert contrast(colours.soft, colours.ground) >= 4.5

    def test_levels_are_readable_on_every_shade(self, colours):
        assert min(contrast(colours.ink, shade) for shade in colours.shades) >= 4.5

    def test_lines_and_marks_stand_out(self, colours):
        """3:1 (WCAG 2.2, 1.4.11)."""
        drawn = [*colours.series, *colours.steps, colours.warn, colours.line]

        assert [c for c in drawn if contrast(c, colours.ground) < 3] == []

    def test_black_on_white_is_21(self, colours):
        """The largest contrast there is."""
        assert contrast("#000000", "#ffffff") == pytest.approx(21)


class TestSeries:
    def test_the_first_36_differ_in_more_than_colour(self):
        """6 colours by 6 dashes: after one round of colours, dashes move on by one."""
        look = Look()

        styles = [(look.line(k)["color"], look.line(k)["dash"]) for k in range(36)]

        assert len(set(styles)) == 36
        assert [look.line(k)["dash"] for k in range(6)] == list(DASHES)
        assert look.line(6)["dash"] == DASHES[1]

    def test_symbols_move_on_as_dashes_do(self):
        look = Look()

        assert [look.marker(k)["symbol"] for k in range(6)] == list(SYMBOLS)
        assert look.marker(6)["symbol"] == SYMBOLS[1]
        assert look.marker(0, is_open=True)["symbol"] == "circle-open"

    def test_light_and_dark_share_no_colour_of_a_series(self):
        assert not set(LIGHT.series) & set(DARK.series)
        assert all(a != b for a, b in itertools.combinations(LIGHT.series, 2))
