"""Splits: nested, the same for everyone, and equal texts never parted."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest

from paribus_agent.errors import InvalidSetting
from paribus_agent.splits import Split, fingerprint, shuffled_order, split, text_digests

HALF, FOUR_FIFTHS = Fraction(1, 2), Fraction(4, 5)


class TestOrder:
    def test_each_review_is_there_once(self) -> None:
        order = shuffled_order(_digests("abcabcxyz"), 0)

        assert sorted(order.tolist()) == list(range(9))

    def test_equal_texts_stand_side_by_side(self) -> None:
        texts = "abcdefgabcdefgabc"
        order = shuffled_order(_digests(texts), 5)

        shuffled = "".join(texts[index] for index in order)
        assert all(letter * texts.count(letter) in shuffled for letter in set(texts))

    def test_a_seed_means_the_same_order_for_ever(self) -> None:
        # RandomState(0).permutation(8) = [6 2 1 7 3 0 5 4] is where each review goes.
        assert shuffled_order(_digests("abcdefgh"), 0).tolist() == [5, 2, 1, 4, 7, 6, 0, 3]

    def test_another_seed_is_another_order(self) -> None:
        digests = _digests("abcdefgh")

        assert shuffled_order(digests, 0).tolist() != shuffled_order(digests, 1).tolist()


class TestBoundaries:
    def test_train_comes_first_and_the_hold_out_last(self) -> None:
        parts = split(_digests("abcdefghij"), train_share=HALF, holdout_share=0.2)

        assert parts.parts == {"train": slice(0, 5), "test": slice(5, 10), "holdout": slice(8, 10)}

    def test_a_larger_train_part_leaves_a_test_part_inside_the_smaller_ones(self) -> None:
        digests = _digests("abcdefghij")
        one = split(digests, train_share=HALF, holdout_share=0.2)
        four = split(digests, train_share=FOUR_FIFTHS, holdout_share=0.2)

        assert one.train_end < four.train_end
        assert one.holdout_start == four.holdout_start == four.train_end

    @pytest.mark.parametrize("count", range(10, 60))
    def test_four_to_one_fits_a_fifth_held_out_whatever_the_pool(self, count: int) -> None:
        texts = [str(index // 2) for index in range(count)]  # every text twice

        parts = split(text_digests(texts), train_share=FOUR_FIFTHS, holdout_share=0.2)

        assert parts.train_end <= parts.holdout_start

    @pytest.mark.parametrize(
        ("texts", "end", "moved"),
        [
            ("abcdeeghij", 4, -1),  # e | e: back one, forward one: the earlier
            ("abcdeeeehij", 4, -1),  # 11 reviews, wanted at 5; back one beats forward three
            ("aaaaaafghi", 6, 1),
        ],
    )
    def test_a_boundary_moves_to_the_nearer_end_of_equal_texts(
        self, texts: str, end: int, moved: int
    ) -> None:
        parts = split(_digests(texts), train_share=HALF, holdout_share=0.1)

        assert (parts.train_end, parts.train_moved) == (end, moved)

    def test_no_hold_out_is_no_part(self) -> None:
        parts = split(_digests("abcdefghij"), train_share=HALF, holdout_share=0.0)

        assert "holdout" not in parts.parts

    @pytest.mark.parametrize(
        ("texts", "share", "held", "sentence"),
        [
            ("aaaaaaaaaa", HALF, 0.2, "leave a part empty"),
            ("abcdefghij", Fraction(9, 10), 0.2, "would reach the hold-out"),
            ("abcdefghij", HALF, 0.01, "is none"),
        ],
    )
    def test_what_cannot_be_split_is_refused(
        self, texts: str, share: Fraction, held: float, sentence: str
    ) -> None:
        with pytest.raises(InvalidSetting, match=sentence):
            split(_digests(texts), train_share=share, holdout_share=held)


class TestFingerprint:
    def test_it_is_the_documented_sha256(self) -> None:
        # SHA-256 over, for each review, SHA-256(text) and the label as 8 bytes.
        digests, labels = _digests("ab"), np.array([0, 1])
        by_hand = b"".join(
            hashlib.sha256(text).digest() + label.to_bytes(8, "little")
            for text, label in ((b"a", 0), (b"b", 1))
        )

        assert fingerprint(digests, labels) == hashlib.sha256(by_hand).hexdigest()

    def test_order_text_and_label_all_count(self) -> None:
        prints = {
            fingerprint(_digests(texts), np.array(labels))
            for texts, labels in (("ab", [0, 1]), ("ba", [0, 1]), ("ab", [1, 0]), ("ac", [0, 1]))
        }

        assert len(prints) == 4


def test_a_split_names_its_parts_in_order() -> None:
    parts = Split(pool=10, train_end=5, holdout_start=8, train_moved=0, holdout_moved=0)

    assert list(parts.parts) == ["train", "test", "holdout"]


def _digests(texts: str) -> np.ndarray:
    return text_digests(list(texts))
