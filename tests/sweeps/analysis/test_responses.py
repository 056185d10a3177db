"""What a response string means, and what is refused with which hint."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.responses import (
    FEATURE_TABLE,
    InvalidResponse,
    Response,
    better,
    parse_response,
)
from paribus_sweeps.errors import SweepError
from paribus_sweeps.spec.designs import FEATURES


def refused(text: str) -> InvalidResponse:
    with pytest.raises(InvalidResponse) as caught:
        parse_response(text)
    return caught.value


class TestParseResponse:
    @pytest.mark.parametrize("key", ["loss", "eval/loss", "a.b", "a (b)", "eval/loss(val)", "é ü"])
    def test_a_plain_text_is_a_summary_key(self, key):
        assert parse_response(key) == Response(key, key)

    @pytest.mark.parametrize("name", FEATURES)
    def test_every_feature_of_the_spec_is_read(self, name):
        assert parse_response(f"{name}(eval/loss)") == Response(
            f"{name}(eval/loss)", "eval/loss", name
        )

    def test_blanks_around_do_not_make_another_response(self):
        assert parse_response("  roughness( eval/loss ) ") == parse_response(
            "roughness(eval/loss)"
        )
        assert parse_response(" eval/loss ") == Response("eval/loss", "eval/loss")

    @pytest.mark.parametrize("key", ["loss (val)", "loss(val)", "f(a)(b)", "a.b/c"])
    def test_a_key_of_a_feature_may_hold_parentheses(self, key):
        assert parse_response(f"min({key})").key == key

    @pytest.mark.parametrize(
        "key", ["f(a)(b)", "f(a)b)", "f((a)", "min(a)(b)", "f(a", "(a)", "f)"]
    )
    def test_what_does_not_close_at_its_end_is_a_key(self, key):
        assert parse_response(key) == Response(key, key)

    def test_an_unknown_feature_is_refused_with_the_nearest_name(self):
        error = refused("rougness(eval/loss)")

        assert isinstance(error, SweepError)
        assert error.text == "rougness(eval/loss)"
        assert error.hint == "did you mean 'roughness'?"
        assert str(error) == "there is no curve feature 'rougness'; did you mean 'roughness'?"

    def test_where_nothing_is_near_all_features_are_named(self):
        assert refused("foo(bar)").hint == f"known: {', '.join(FEATURES)}"

    @pytest.mark.parametrize("text", ["", "  ", "min()", "min(  )"])
    def test_naming_no_key_is_refused(self, text):
        assert "names no key" in str(refused(text))

    def test_a_feature_of_a_feature_is_refused(self):
        assert "feature of a feature" in str(refused("min(max(eval/loss))"))

    @given(st.text())
    def test_any_text_is_a_response_or_a_sentence(self, text):
        try:
            found = parse_response(text)
        except InvalidResponse:
            return

        assert parse_response(found.text) == found


class TestBetter:
    def test_a_feature_has_its_own_direction(self):
        assert better(parse_response("roughness(eval/accuracy)"), "maximize") == "minimize"
        assert better(parse_response("rate(train/loss)"), "minimize") == "maximize"

    @pytest.mark.parametrize("text", ["eval/loss", "last(eval/loss)", "min(eval/loss)"])
    def test_a_value_goes_the_way_its_key_goes(self, text):
        assert better(parse_response(text), "maximize") == "maximize"
        assert better(parse_response(text), None) is None


class TestFeatureTable:
    def test_it_holds_every_feature_in_the_order_of_the_spec(self):
        assert tuple(FEATURE_TABLE) == FEATURES

    def test_it_is_plain_json(self):
        for name, feature in FEATURE_TABLE.items():
            assert json.loads(json.dumps(feature.as_dict()))["name"] == name

    def test_each_says_what_it_is_and_refuses(self):
        for feature in FEATURE_TABLE.values():
            told = (feature.section, feature.meaning, feature.unit, feature.refuses)

            assert all(told)
            assert feature.least_points >= 1

    def test_reading_it_loads_neither_numpy_nor_scipy(self):
        program = (
            "import sys, paribus_sweeps.analysis.responses\n"
            "sys.exit(bool({'numpy', 'scipy'} & set(sys.modules)))"
        )

        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
