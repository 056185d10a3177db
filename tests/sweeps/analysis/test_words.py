"""Numbers as sentences show them."""

from paribus_sweeps.analysis.words import counted, number, signed


class TestNumbers:
    def test_have_four_digits_and_a_real_minus(self) -> None:
        assert number(0.0213449) == "0.02134"
        assert number(-12.5) == "−12.5"
        assert signed(0.25) == "+0.25"
        assert signed(-1e-7) == "−1e−07"

    def test_that_are_not_there_are_a_dash(self) -> None:
        assert (number(None), signed(None)) == ("–", "–")

    def test_nouns_follow_the_count(self) -> None:
        assert counted(1, "run") == "1 run"
        assert counted(1_200, "run") == "1,200 runs"
        assert counted(2, "setting of it", "settings of it") == "2 settings of it"
