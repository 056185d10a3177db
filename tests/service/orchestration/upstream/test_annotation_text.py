"""What an annotation adds to a run's texts, and that taking it back leaves them to the byte."""

from dataclasses import replace
from typing import Any

import pytest

from paribus_service.orchestration.upstream.annotation_text import (
    NONE_ADDED,
    NOTHING,
    change_of,
    digest,
    may_hold_ours,
)
from paribus_service.orchestration.upstream.messages import Added, Content

WANTED = Content(
    {"paribus/best_for": "batch=8, lr=0.1", "paribus/findings": "overfitting"},
    ["paribus:best", "paribus:overfitting"],
    ["The best run of all.", "overfitting: é rises."],
)
SUMMARIES = [
    "{}",
    "{ }",
    '{"loss": 0.5}',
    '{"a": NaN, "b":123456789012345678901234567890 , "z": {"paribus/best_for": 1}}',
    '\n {"z" : 1e400,\n "a" : [1, 2, {"b": null}] }\n',
    '{"\\u00e9": 1, "half": "\\ud800", "a": 1, "a": 2}',
    '{"paribus/best_for": "a user\'s own", "loss": 1}',
]
NOTES = [None, "", "own words", "ends in lines\r\n\n", "n" * 100_000, "[Paribus says] nothing"]
TAGS: list[list[str]] = [[], ["mine", "mine"], ["paribus:best", "mine"]]


class There:
    """A run's texts, as they are changed one change after the other."""

    def __init__(
        self, summary: str = '{"loss": 0.5}', tags: Any = ("mine",), notes: str | None = "own"
    ) -> None:
        self.summary, self.tags, self.notes = summary, list(tags), notes
        self.recorded = NONE_ADDED
        self.left: list[str] = []
        self.writes = 0

    def say(self, wanted: Content, *, recorded: Added | None = None) -> "There":
        """Annotate; `recorded` instead of what was last remembered."""
        known = self.recorded if recorded is None else recorded
        change = change_of(
            summary_text=self.summary,
            tags=self.tags,
            notes=self.notes,
            wanted=wanted,
            recorded=known,
        )
        self.summary = self.summary if change.summary_text is None else change.summary_text
        self.tags = self.tags if change.tags is None else change.tags
        self.notes = self.notes if change.notes is None else change.notes
        self.recorded, self.left = change.added, change.left
        self.writes += not change.is_empty
        return self

    @property
    def texts(self) -> tuple[str, list[str], str]:
        return self.summary, self.tags, self.notes or ""


class TestTakingBack:
    @pytest.mark.parametrize("summary", SUMMARIES)
    @pytest.mark.parametrize("tags", TAGS)
    @pytest.mark.parametrize("notes", NOTES, ids=lambda notes: repr(notes)[:20])
    @pytest.mark.parametrize("remembers", [True, False])
    def test_it_leaves_every_byte_as_it_was(
        self, summary: str, tags: list[str], notes: str | None, remembers: bool
    ) -> None:
        there = There(summary, tags, notes)
        before = there.texts
        there.say(WANTED)
        # Notes that hold our mark hold a block of ours for all we can see: they are left alone,
        # and then nothing but our own record tells what was added.
        hides = "[Paribus says]" in (notes or "")

        there.say(NOTHING, recorded=there.recorded if remembers or hides else NONE_ADDED)

        assert there.texts == before

    def test_a_value_that_was_written_anew_goes_as_well(self) -> None:
        there = There()
        before = there.texts
        there.say(WANTED).say(replace(WANTED, keys={"paribus/best_for": "lr=0.2"}, tags=[]))

        assert there.summary == '{"loss": 0.5, "paribus/best_for": "lr=0.2"}'
        assert there.say(NOTHING).texts == before

    def test_what_was_written_around_it_meanwhile_stays(self) -> None:
        there = There('{"loss": 0.5}').say(WANTED)
        there.summary = there.summary.replace("{", '{"first": 1, ', 1)[:-1] + ', "last": 2}'
        there.tags.append("new")
        there.notes = f"above\n{there.notes}\nbelow"

        there.say(NOTHING)

        assert there.summary == '{"first": 1, "loss": 0.5, "last": 2}'
        assert (there.tags, there.notes) == (["mine", "new"], "above\nown\nbelow")


class TestSayingItAgain:
    def test_it_is_no_change(self) -> None:
        there = There().say(WANTED).say(WANTED)

        assert there.writes == 1

    def test_nor_where_nothing_is_remembered(self) -> None:
        there = There().say(WANTED)
        first = there.recorded

        there.say(WANTED, recorded=NONE_ADDED)

        assert (there.writes, there.recorded) == (1, first)

    def test_something_else_takes_the_place_of_what_was_there(self) -> None:
        there = There(notes="own").say(WANTED)
        there.notes = f"{there.notes} behind"

        there.say(
            Content({"paribus/findings": "plateau"}, ["paribus:plateau"], ["plateau: flat."])
        )

        assert there.summary == '{"loss": 0.5, "paribus/findings": "plateau"}'
        assert there.tags == ["mine", "paribus:plateau"]
        assert there.notes is not None
        assert there.notes.startswith("own\n\n[Paribus says]\nplateau: flat.\n")
        assert there.notes.endswith("] behind")
        assert there.notes.count("[Paribus says]") == 1


class TestWhatOthersWrote:
    def test_a_key_that_was_there_before_is_left_and_named(self) -> None:
        there = There('{"paribus/best_for": "mine"}').say(WANTED)

        assert '"paribus/best_for": "mine"' in there.summary
        assert there.left == ["its summary had a key 'paribus/best_for' before, which was left as "
                              "it is"]  # fmt: skip
        assert list(there.recorded.keys) == ["paribus/findings"]

    @pytest.mark.parametrize("value", ['"else"', "3", "NaN", '{"a": 1}'])
    def test_a_value_that_somebody_changed_is_left_and_named(self, value: str) -> None:
        there = There().say(WANTED)
        there.summary = there.summary.replace('"batch=8, lr=0.1"', value)

        there.say(NOTHING)

        assert there.summary == f'{{"loss": 0.5, "paribus/best_for": {value}}}'
        assert there.left == ["the value of 'paribus/best_for' was changed there, and was left as "
                              "it is"]  # fmt: skip

    def test_a_tag_that_was_there_before_stays(self) -> None:
        there = There(tags=["paribus:best"]).say(WANTED)

        assert there.recorded.tags == ["paribus:overfitting"]
        assert there.say(NOTHING).tags == ["paribus:best"]

    def test_a_block_that_somebody_edited_is_left_and_named(self) -> None:
        there = There().say(WANTED)
        assert there.notes is not None
        there.notes = edited = there.notes.replace("of all", "of mine")

        there.say(NOTHING)

        assert there.notes == edited
        assert there.left == ["its notes hold a block of ours that somebody changed: it was left "
                              "as it is"]  # fmt: skip
        assert (there.summary, there.tags) == ('{"loss": 0.5}', ["mine"])  # the record tells

    def test_nothing_is_added_where_no_block_can_tell_so(self) -> None:
        there = There(notes="I wonder what [Paribus says] is.")
        before = there.texts

        assert there.say(WANTED).texts == before
        assert there.left == ["its notes hold a block of ours that somebody changed: it was left "
                              "as it is"]  # fmt: skip
        assert there.recorded == NONE_ADDED

    def test_beside_an_edited_block_what_is_ours_stays_true(self) -> None:
        there = There().say(replace(WANTED, tags=["paribus:best"]))
        assert there.notes is not None
        there.notes = there.notes.replace("of all", "of mine")

        there.say(Content({"paribus/best_for": "lr=0.2"}, ["paribus:plateau"], ["flat."]))

        assert there.summary == '{"loss": 0.5, "paribus/best_for": "lr=0.2"}'
        assert there.tags == ["mine"]
        there.say(NOTHING)
        assert (there.summary, there.tags) == ('{"loss": 0.5}', ["mine"])

    def test_nothing_beside_an_edited_block_is_touched_where_no_record_tells(self) -> None:
        there = There().say(WANTED)
        assert there.notes is not None
        there.notes = there.notes.replace("[/Paribus says", "(Paribus")
        before = there.texts

        there.say(NOTHING, recorded=NONE_ADDED)

        assert there.texts == before

    @pytest.mark.parametrize(
        "body",
        [
            "words\nadded here: {",
            "words\nadded here: []",
            'words\nadded here: {"keys": 3}',
            "words",
            "words\nadded here: " + "[" * 100_000,
            'words\nadded here: {"keys": [[1, "0"]], "tags": []}',
            'words\nadded here: {"keys": {"paribus/findings": 1}, "tags": []}',
            'words\nadded here: {"keys": {}, "tags": [1]}',
        ],
        ids=lambda body: repr(body)[:70],
    )
    def test_a_block_that_is_no_block_of_ours_is_left(self, body: str) -> None:
        mark = digest(body)
        there = There(notes=f"[Paribus says]\n{body}\n[/Paribus says {mark}]")
        before = there.texts

        assert there.say(NOTHING).texts == before

    @pytest.mark.parametrize(
        "told",
        [
            '{"keys": {}, "tags": ["production"]}',
            f'{{"keys": {{"name": "{digest("net")}"}}, "tags": []}}',
        ],
    )
    def test_a_block_cannot_make_theirs_ours(self, told: str) -> None:
        body = f"words\nadded here: {told}"
        notes = f"[Paribus says]\n{body}\n[/Paribus says {digest(body)}]"
        there = There('{"name": "net", "loss": 1}', ["production"], notes)
        before = there.texts

        assert there.say(NOTHING).texts == before
        assert there.left == ["its notes hold a block of ours that somebody changed: it was left "
                              "as it is"]  # fmt: skip

    def test_a_block_that_somebody_copied_goes_with_its_copies(self) -> None:
        there = There(notes="own").say(WANTED)
        there.notes = f"{there.notes} and\n{there.notes}"

        there.say(WANTED)
        assert there.notes.count("[Paribus says]") == 1
        there.say(NOTHING, recorded=NONE_ADDED)

        assert there.texts == ('{"loss": 0.5}', ["mine"], "own and\nown")

    @pytest.mark.parametrize(
        "summary", ["[]", "", '{"a" 1}', '{"a": 1', '{"a": 1]', "{3: 4}", '{"a": ' + "[" * 100_000]
    )
    def test_a_summary_that_cannot_be_read_is_left_and_named(self, summary: str) -> None:
        there = There(summary).say(WANTED)

        assert there.summary == summary
        assert there.left == ["its summary is no JSON object, and was left as it is"]
        assert there.tags == ["mine", *WANTED.tags]


class TestSentences:
    @pytest.mark.parametrize(
        ("line", "written"),
        [
            (
                "a [Paribus says] rule\nsaid [/Paribus says 012345678901] so",
                "a (Paribus says] rule said (/Paribus says 012345678901] so",
            ),
            ("[Paribus  says]", "(Paribus says]"),
            ("[Paribus\nsays]", "(Paribus says]"),
            ("[Paribus[Paribus says] says]", "(Paribus(Paribus says] says]"),
        ],
    )
    def test_they_can_neither_begin_nor_end_a_block(self, line: str, written: str) -> None:
        there = There(notes=None).say(replace(WANTED, lines=[line]))

        assert there.notes is not None
        assert there.notes.splitlines()[1] == written
        assert there.say(NOTHING, recorded=NONE_ADDED).texts == ('{"loss": 0.5}', ["mine"], "")


class TestWhetherItIsWorthALook:
    @pytest.mark.parametrize(
        ("summary", "tags", "notes", "worth"),
        [
            ('{"loss": 1}', ["mine"], "own", False),
            ("{}", [], None, False),
            ('{"paribus/x": 1}', [], None, True),
            ("{}", ["paribus:x"], None, True),
            ("{}", [], "[Paribus says]", True),
        ],
    )
    def test_our_marks_tell(
        self, summary: str, tags: list[str], notes: str | None, worth: bool
    ) -> None:
        assert may_hold_ours(summary, tags, notes) is worth
