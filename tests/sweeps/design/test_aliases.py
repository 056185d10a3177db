"""Words, chains and shares: as texts, as sentences, as JSON."""

from fractions import Fraction

import pytest

from paribus_sweeps.design.aliases import (
    AliasChain,
    AliasStructure,
    PartialAlias,
    Word,
    listed,
)


def chain(*words: Word) -> AliasChain:
    first, *others = words
    return AliasChain(first, tuple(others))


A, BD, CE = Word(("a",)), Word(("b", "d")), Word(("c", "e"), -1)


class TestWord:
    def test_as_a_text_and_in_a_sentence(self) -> None:
        assert (CE.text, str(CE)) == ("-c x e", "-`c` x `e`")
        assert (Word(()).text, str(Word(()))) == ("I", "the mean")


class TestChain:
    def test_it_is_written_as_textbooks_do(self) -> None:
        assert chain(A, BD, CE).text == "a = b x d = -c x e"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (
                (A, BD, CE),
                "`a` cannot be told from the interactions `b` x `d` and minus `c` x `e`.",
            ),
            ((A, BD), "`a` cannot be told from the interaction `b` x `d`."),
            ((BD, CE), "The interaction `b` x `d` cannot be told from the interaction minus"),
            ((Word(()), Word(("a", "b", "c"))), "The mean cannot be told from the interaction"),
            (
                (A, Word(("b",)), Word(("c", "d"))),
                "`a` cannot be told from the main effect of `b` and the interaction `c` x `d`.",
            ),
            (
                (A, Word(("b",)), Word(("c",), -1)),
                "`a` cannot be told from the main effects of `b` and minus `c`.",
            ),
        ],
    )
    def test_its_sentence_says_what_kind_each_member_is(
        self, words: tuple[Word, ...], said: str
    ) -> None:
        assert chain(*words).sentence.startswith(said)


class TestPartialAlias:
    @pytest.mark.parametrize(
        ("coefficient", "share"),
        [
            (Fraction(-1, 3), "-1/3"),
            (1 / 3, "+1/3"),
            (-0.2, "-1/5"),
            (1.0, "+1"),
            (0.41234, "+0.412"),
        ],
    )
    def test_a_share_is_a_fraction_where_it_is_one(
        self, coefficient: Fraction | float, share: str
    ) -> None:
        assert PartialAlias("a", ("b", "c"), coefficient).share == share


class TestListed:
    def test_above_six_the_rest_is_counted(self) -> None:
        assert listed(["a"]) == "a"
        assert listed(["a", "b", "c"]) == "a, b and c"
        assert listed(list("abcdefgh")) == "a, b, c, d, e, f and 2 more"


class TestAsDict:
    def test_it_holds_plain_values_only(self) -> None:
        structure = AliasStructure(
            type="plackett_burman",
            settings=12,
            sentences=("One sentence.",),
            defining_relation=(CE,),
            chains=(chain(A, BD),),
            partial=(PartialAlias("a", ("b", "c"), Fraction(1, 3)),),
        )

        told = structure.as_dict()

        assert told["defining_relation"] == [{"text": "-c x e", "factors": ["c", "e"], "sign": -1}]
        assert told["chains"][0]["text"] == "a = b x d"
        assert told["chains"][0]["aliased"] == [
            {"text": "b x d", "factors": ["b", "d"], "sign": 1}
        ]
        assert told["partial"] == [
            {"effect": "a", "of": ["b", "c"], "coefficient": 1 / 3, "share": "+1/3"}
        ]

    def test_long_lists_are_cut_and_their_lengths_stand_beside(self) -> None:
        words = tuple(Word((str(number),)) for number in range(600))

        told = AliasStructure("fractional_factorial", 8, defining_relation=words).as_dict()

        assert len(told["defining_relation"]) == 500
        assert told["defining_relation_count"] == 600
