"""Tables from files: what is a number, what is missing, and what is no table."""

import pytest

from paribus_service.cli.table_files import BadTable, Table, read_table


def csv_table(text: str) -> Table:
    return read_table("runs.csv", text, is_json=False)


def column(*cells: str, response: str | None = None, roles: tuple[str, ...] = ()) -> list[object]:
    """What is read of a column `x` with these cells."""
    table = csv_table("\n".join(["x,other", *(f"{cell},-" for cell in cells)]))
    return [row["x"] for row in table.read_numbers(roles, response).rows]


class TestNumbers:
    def test_a_column_of_numbers_is_one_whole_numbers_stay_whole(self) -> None:
        found = column("8", "-64", "+3")

        assert found == [8, -64, 3]
        assert [type(value) for value in found] == [int, int, int]

    def test_32_and_32_0_are_equal(self) -> None:
        assert column("32", "32.0", "3.2e1") == [32, 32.0, 32.0]

    @pytest.mark.parametrize("word", ["1:8", "auto", "1_000", "0x10", "12 %", "1,5", "nan", "inf"])
    def test_one_text_keeps_every_value_of_the_column_a_text(self, word: str) -> None:
        assert column("32", f'"{word}"', "32.0") == ["32", word, "32.0"]

    def test_digits_of_other_scripts_are_texts(self) -> None:
        assert column("٣") == ["٣"]

    def test_an_empty_cell_is_missing_in_either(self) -> None:
        assert column("8", "", "64") == [8, None, 64]
        assert column("a", "", "b") == ["a", None, "b"]
        assert column("", "") == [None, None]

    def test_a_number_beyond_every_float_is_a_text(self) -> None:
        assert column("1e999") == ["1e999"]
        assert column("9" * 5000) == ["9" * 5000]

    def test_id_state_and_reason_stay_texts_unless_they_have_another_role(self) -> None:
        table = csv_table("id,state,reason\n007,1,2\n")

        assert table.read_numbers((), None).rows == [{"id": "007", "state": "1", "reason": "2"}]
        assert table.read_numbers(("id",), None).rows[0]["id"] == 7


class TestResponse:
    def test_each_cell_is_a_number_missing_or_not_finite(self) -> None:
        found = column("0.31", "", "nan", "-inf", "Infinity", "+Inf", "7", response="x")

        assert found == [0.31, None, "NaN", "-Infinity", "Infinity", "Infinity", 7]

    def test_a_word_is_refused_with_its_line_and_how_many_there_are(self) -> None:
        with pytest.raises(BadTable) as caught:
            column("0.31", "n/a", "", "failed", response="x")

        assert str(caught.value) == (
            "runs.csv line 3: x is 'n/a', and a number was expected; so in 1 more line "
            "(with a point, as in 0.31; leave the cell empty where there is none)"
        )

    def test_a_decimal_comma_is_refused_with_what_to_write(self) -> None:
        table = csv_table("a;loss\n8;0,31\n")

        with pytest.raises(BadTable, match="with a point, as in 0.31"):
            table.read_numbers((), "loss")


class TestLines:
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_the_separator_is_the_one_of_the_column_names(self, separator: str) -> None:
        text = f"a{separator}b\n1{separator}x y\n"

        assert csv_table(text).rows == [{"a": "1", "b": "x y"}]

    def test_quoted_cells_hold_separators_lines_and_quotes(self) -> None:
        table = csv_table('a,b\n"1,5","said ""so"""\n"two\nlines",x\n')

        assert [row["a"] for row in table.rows] == ["1,5", "two\nlines"]
        assert table.rows[0]["b"] == 'said "so"'
        assert table.lines == [2, 4]  # a row is named by its last line

    def test_spaces_around_cells_and_lines_without_any_value_are_dropped(self) -> None:
        table = csv_table("\r\na , b\r\n 1 , x \r\n\r\n,,\r\n2,y\r\n".replace(",,", ","))

        assert table.rows == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
        assert table.lines == [3, 6]

    def test_a_column_without_a_name_is_called_by_its_place(self) -> None:
        assert csv_table(",a\n0,8\n").columns == ["column 1", "a"]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "runs.csv is empty"),
            ("\n \n", "runs.csv is empty"),
            ("a,b\n", "no run under it"),
            ("a,b,a\n1,2,3\n", "names the column 'a' twice"),
            ("a,b\n1,2\n3\n", "line 3 has 1 cells where 2 columns are named"),
            ("a,b\n1,2,3\n", "line 2 has 3 cells where 2 columns are named"),
            ('a,b\n1,"2\n', "line 2 is not CSV"),
        ],
    )
    def test_what_is_no_table_is_refused_with_the_place(self, text: str, sentence: str) -> None:
        with pytest.raises(BadTable) as caught:
            csv_table(text)

        assert sentence in str(caught.value)


class TestJson:
    def test_a_body_keeps_what_it_says_and_its_numbers(self) -> None:
        text = '{"factors": ["a"], "runs": [{"a": "32"}, {"a": 32}]}'

        table = read_table("body.json", text, is_json=True)

        assert table.body["factors"] == ["a"]
        assert table.read_numbers((), "a").rows == [{"a": "32"}, {"a": 32}]

    def test_a_list_is_the_runs(self) -> None:
        assert read_table("runs.json", '[{"a": 1}]', is_json=True).columns == ["a"]

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("{", "is not JSON"),
            ("3", "holds int"),
            ('"a"', "holds str"),
            ("[" * 99999, "not JSON"),
        ],
    )
    def test_anything_else_is_refused(self, text: str, sentence: str) -> None:
        with pytest.raises(BadTable, match=sentence):
            read_table("body.json", text, is_json=True)
