"""Text becomes a plain tree, or a sentence with a line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.spec.text import MAX_DEPTH, MAX_NODES, read_config


def refused(text: str | bytes) -> str:
    with pytest.raises(InvalidSpec) as caught:
        read_config(text)
    return str(caught.value)


class TestReading:
    def test_yaml_becomes_a_mapping(self) -> None:
        text = "method: grid\nparameters: {lr: {values: [1.0e-3, 2]}}\n"

        assert read_config(text) == {
            "method": "grid",
            "parameters": {"lr": {"values": [0.001, 2]}},
        }

    def test_json_is_read_as_json(self) -> None:
        # as YAML 1.1, 2e-5 would be a text
        assert read_config('{"parameters": {"lr": {"value": 2e-5}}}') == {
            "parameters": {"lr": {"value": 2e-5}}
        }

    def test_yaml_in_braces_is_still_yaml(self) -> None:
        assert read_config("{method: grid}") == {"method": "grid"}

    def test_bytes_are_utf8_with_or_without_a_mark(self) -> None:
        assert read_config("name: é".encode()) == {"name": "é"}
        assert read_config(b"\xef\xbb\xbfname: x") == {"name": "x"}

    def test_booleans_are_those_of_wandbs_client(self) -> None:
        # PyYAML's safe_load, YAML 1.1
        assert read_config("a: off\nb: yes\nc: y") == {"a": False, "b": True, "c": "y"}

    def test_a_ratio_without_quotes_is_a_number(self) -> None:
        # base sixty: 4 * 60 + 1
        assert read_config("ratio: 4:1") == {"ratio": 241}

    def test_a_date_stays_a_text(self) -> None:
        assert read_config("name: 2026-01-01") == {"name": "2026-01-01"}

    def test_aliases_and_merges_are_expanded(self) -> None:
        text = "base: &b {a: 1, c: 2}\none: *b\ntwo:\n  <<: *b\n  a: 3\nthree: {<<: [*b]}"

        config = read_config(text)

        assert config["one"] == {"a": 1, "c": 2}
        assert config["two"] == {"a": 3, "c": 2}
        assert config["three"] == {"a": 1, "c": 2}

    @given(
        st.dictionaries(
            st.text("abc", min_size=1, max_size=3),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers(-999, 999)
                | st.text("xyz 1:.", max_size=5),
                lambda inner: st.lists(inner) | st.dictionaries(st.text("de", min_size=1), inner),
                max_leaves=8,
            ),
        )
    )
    def test_what_json_writes_is_read_back(self, config: dict[str, object]) -> None:
        assert read_config(json.dumps(config)) == config


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "got nothing"),
            ("- a", "got a list"),
            ("hello", "got a text"),
            ("12", "got a number"),
            ("1.5", "got a number"),
            ("true", "got a boolean"),
            ("[1, 2]", "got a list"),
        ],
    )
    def test_what_is_no_mapping(self, text: str, said: str) -> None:
        assert said in refused(text)

    def test_broken_yaml_names_line_and_column(self) -> None:
        assert refused("method: grid\nparameters: }").startswith("line 2, column 13: the YAML")

    def test_what_is_never_closed_names_where_it_began(self) -> None:
        assert "(begun at line 2, column 13)" in refused("method: grid\nparameters: [a\nb: c")

    def test_a_control_character_is_a_sentence(self) -> None:
        assert "cannot be read" in refused("a: \x01b")

    def test_bytes_that_are_no_utf8(self) -> None:
        assert "not UTF-8: byte 6" in refused(b"name: \xff")

    def test_a_key_twice_names_the_place(self) -> None:
        said = refused("parameters:\n  lr: {value: 1}\n  lr: {value: 2}")

        assert said == "/parameters/lr: line 3, column 3: the key 'lr' stands twice"

    def test_a_key_twice_in_json(self) -> None:
        assert "the key 'b' stands twice" in refused('{"a": 1, "b": 1, "b": 1}')

    @pytest.mark.parametrize(
        ("key", "read_as"),
        [("off", "a boolean"), ("1", "a number"), ("1.5", "a number"), ("~", "null")],
    )
    def test_a_key_that_is_no_word(self, key: str, read_as: str) -> None:
        said = refused(f"a: {{{key}: 1}}")

        assert f"the key {key} is read as {read_as}" in said
        assert "quote it" in said

    def test_a_key_that_is_a_list(self) -> None:
        assert "the key this is read as no plain word" in refused("? [a, b]\n: 1")

    @pytest.mark.parametrize(
        "text",
        [
            "a: !!python/object/apply:os.system ['true']",
            "a: !!set {b, c}",
            "a: !!binary aGVsbG8=",
            "a: !mine 1",
        ],
    )
    def test_tags_are_refused(self, text: str) -> None:
        assert "is not taken; write a plain value" in refused(text)

    def test_a_merge_of_what_is_no_mapping(self) -> None:
        assert "line 2, column 7: the YAML cannot be read" in refused("a:\n  <<: 3")

    def test_an_integer_without_digits(self) -> None:
        assert "a number cannot be read: invalid literal" in refused("a: 0x_")

    def test_an_integer_of_too_many_digits(self) -> None:
        digits = "9" * 5000

        for text in (f"a: {digits}", f'{{"a": {digits}}}'):
            assert "a number cannot be read: it has more than 4,300 digits" in refused(text)
            assert "sys." not in refused(text)


class TestExplosions:
    def test_ten_megabytes_are_refused_at_once(self) -> None:
        assert refused("a: " + "x" * 10_500_000) == (
            "the config has 10.5 MB; at most 1 MB are read"
        )
        assert "10.5 MB" in refused(b"a: " + b"x" * 10_500_000)

    def test_a_billion_laughs_are_counted_and_not_built(self) -> None:
        lines = ["l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
        for level in range(1, 10):
            names = ", ".join([f"*l{level - 1}"] * 10)
            lines.append(f"l{level}: &l{level} [{names}]")

        said = refused("\n".join(lines))

        # level n holds 10^(n+1) texts and the lists around them: l9 alone unfolds to
        # 10^10 + (10^10 - 1) / 9 = 11,111,111,111 values; all of l0..l9 come to 12.3 milliards
        assert "unfolds to 12,345,679," in said

    def test_many_plain_values_are_refused_as_well(self) -> None:
        assert "at most" in refused("\n".join([f"k{i}: {{}}" for i in range(MAX_NODES // 2)]))

    def test_an_alias_within_itself(self) -> None:
        assert "an alias refers to what it stands in" in refused("a: &x [1, *x]")

    @pytest.mark.parametrize("bracket", ["[", "{a: "])
    def test_depth_is_refused_before_anything_is_composed(self, bracket: str) -> None:
        assert f"more than {MAX_DEPTH} levels" in refused("a: " + bracket * 5000)

    def test_depth_in_json(self) -> None:
        text = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"

        assert f"more than {MAX_DEPTH} levels" in refused(text)
