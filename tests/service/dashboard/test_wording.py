import math
from datetime import UTC, datetime, timedelta

import pytest

from paribus_service.dashboard import wording
from paribus_service.dashboard.addresses import local_path
from paribus_service.dashboard.console import console_line
from paribus_service.dashboard.progress import progress


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (0.123456789, "0.123457"),
            (12345, "12,345"),
            (-3, "−3"),
            (-0.5, "−0.5"),
            (2e-05, "2e-05"),
            (1e300, "1e+300"),
            (math.nan, "NaN"),
            (-math.inf, "−∞"),
            (None, "–"),
        ],
    )
    def test_a_number_is_written_for_people(self, value: float | None, shown: str) -> None:
        assert wording.number(value) == shown

    @pytest.mark.parametrize(
        ("label", "shown"),
        [
            ("0.00099238403389", "0.0009924"),
            ("8.43571761168e-05", "8.436e-05"),
            ("-0.123456789", "−0.1235"),
            ("64", "64"),
            ("0.0001", "0.0001"),
            ("4:1", "4:1"),
            ("reviews_v2", "reviews_v2"),
            ("infinity_and_more", "infinity_and_more"),
            ("1234567890123", "1234567890123"),
            ("1e999999999", "1e999999999"),
        ],
    )
    def test_a_level_that_was_drawn_is_short(self, label: str, shown: str) -> None:
        assert wording.level(label) == shown

    @pytest.mark.parametrize(
        ("value", "shown"),
        [(None, "–"), (1.0, "1"), (0.04937, "0.0494"), (0.0001, "0.0001"), (9e-40, "< 0.0001")],
    )
    def test_a_p_value_has_three_digits(self, value: float | None, shown: str) -> None:
        assert wording.probability(value) == shown

    @pytest.mark.parametrize(
        ("hours", "shown"),
        [(0.001, "1 min"), (0.1333, "8 min"), (2.5, "2.5 h"), (113, "4.71 d")],
    )
    def test_an_estimated_time_is_in_one_unit(self, hours: float, shown: str) -> None:
        assert wording.roughly(hours) == shown

    @pytest.mark.parametrize(
        ("message", "shown"),
        [("no metric", "No metric."), ("did you mean 'a'?", "Did you mean 'a'?"), ("", ".")],
    )
    def test_a_message_is_a_sentence(self, message: str, shown: str) -> None:
        assert wording.sentence(message) == shown

    def test_a_brief_number_need_not_be_finite(self) -> None:
        assert [wording.brief(math.inf), wording.brief(math.nan)] == ["∞", "NaN"]

    def test_a_long_value_is_cut_and_says_so(self) -> None:
        assert wording.plain("x" * 1000).endswith("… (1,000 characters)")

    def test_a_size_has_its_unit(self) -> None:
        assert [wording.size(n) for n in (0, 1023, 1536, 5 * 2**30)] == [
            "0 bytes",
            "1023 bytes",
            "1.5 KiB",
            "5.0 GiB",
        ]

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            (0, "0 s"),
            (59.6, "1 min 0 s"),
            (200, "3 min 20 s"),
            (7500, "2 h 5 min"),
            (200_000, "2 d 7 h"),
        ],
    )
    def test_a_duration_is_in_two_units(self, seconds: float, shown: str) -> None:
        assert wording.duration(seconds) == shown


class TestMarkup:
    def test_a_moment_is_a_time_element_in_utc(self) -> None:
        moment = datetime(2026, 11, 23, 8, 5, tzinfo=UTC) + timedelta(seconds=7)

        assert wording.when(moment) == (
            '<time datetime="2026-11-23T08:05:07Z">2026-11-23 08:05:07 UTC</time>'
        )

    def test_a_state_is_told_by_word_and_shape(self) -> None:
        chip = wording.chip("failed", 'exit "1"')

        assert "✕" in chip
        assert " failed" in chip
        assert "exit &#34;1&#34;" in chip

    def test_names_in_a_sentence_stand_as_code_and_are_escaped(self) -> None:
        assert wording.coded("`<a>` moved <b>") == "<code>&lt;a&gt;</code> moved &lt;b&gt;"
        assert wording.coded("a lone ` mark <b>") == "a lone ` mark &lt;b&gt;"


class TestProgress:
    def test_the_parts_fill_the_bar(self) -> None:
        bar = progress({"finished": 5, "running": 1, "leased": 1, "failed": 1, "queued": 4}, 12)

        assert bar.words == "5 of 12 trials done, 2 running, 1 failed, 4 waiting"
        assert sum(part.width for part in bar.parts) == pytest.approx(100)

    def test_a_search_without_end_counts_what_is_done(self) -> None:
        assert progress({"finished": 3}, None).words == "3 trials done"

    def test_an_empty_sweep_has_an_empty_bar(self) -> None:
        assert progress({}, None).parts == ()


class TestConsole:
    @pytest.mark.parametrize(
        ("stored", "text", "is_error"),
        [
            ('{"ts":"2026-11-23T08:43:08.341942","content":"hello"}', "hello", False),
            ('{"ts":"x","level":"error","content":"\\u001b[31mbad\\u001b[0m"}', "bad", True),
            ("ERROR 2026-11-23T08:43:08.341942 boom", "boom", True),
            ("2026-11-23T08:43:08.341942 fine", "fine", False),
            ('{"content": "10%\\r50%\\r100%\\r"}', "100%", False),
            ("{not json", "{not json", False),
        ],
    )
    def test_a_line_is_read_in_both_shapes(self, stored: str, text: str, is_error: bool) -> None:
        line = console_line(3, stored)

        assert (line.number, line.text, line.is_error) == (3, text, is_error)


class TestLocalPath:
    @pytest.mark.parametrize("path", ["/", "/lab/imdb", "/lab/imdb?before=x#runs"])
    def test_a_path_of_ours_is_kept(self, path: str) -> None:
        assert local_path(path, "") == path

    @pytest.mark.parametrize(
        "path",
        ["", None, "https://evil.example", "//evil.example", "/\\evil", "/a\nb", "/\t/evil", "x"],
    )
    def test_another_host_is_never_gone_to(self, path: str | None) -> None:
        assert local_path(path, "/paribus") == "/paribus/"


class TestNumbersOfFindings:
    def test_nested_numbers_are_names_and_values(self) -> None:
        told = wording.told({"noise_sd": 0.123456789, "since": None, "x": [4800.0, 0.5]})

        assert told == "noise sd 0.123457, since –, x 4,800, 0.5"

    def test_a_sentence_keeps_the_key_that_it_begins_with(self) -> None:
        assert wording.ended("eval/loss rises") == "eval/loss rises."
        assert wording.ended("Does it rise?") == "Does it rise?"

    def test_seconds_since_1970_are_a_moment_where_a_calendar_holds_them(self) -> None:
        assert wording.at_second(1.7e9) == "2023-11-14 22:13:20 UTC"
        assert wording.at_second(1e300) == "1e+300"
