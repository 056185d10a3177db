"""Settings: what is read, what is refused and with which words, and the published schema."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paribus_agent.config import TrainConfig, read_value, setting_fields
from paribus_agent.errors import InvalidSetting, UnknownSetting
from paribus_agent.schema import as_text, main, schema
from paribus_sweeps.programs import shipped

SHIPPED = Path(__file__).parents[2] / "sweeps/paribus_sweeps/programs/paribus_agent.train.json"


class TestReading:
    @pytest.mark.parametrize(
        ("key", "given", "read"),
        [
            ("learning_rate", "2e-5", 2e-5),
            ("learning_rate", 1, 1.0),
            ("seed", "7", 7),
            ("per_device_train_batch_size", 8.0, 8),  # q_uniform says so
            ("load_best_model_at_end", "False", False),
            ("pool_size", "None", None),
            ("pool_size", None, None),
            ("train_test_ratio", "4:1", "4:1"),
            ("max_steps", "-1", -1),
        ],
    )
    def test_text_and_values_are_read_as_the_keys_type(
        self, key: str, given: Any, read: Any
    ) -> None:
        assert read_value(key, given) == read
        assert type(read_value(key, given)) is type(read)

    @pytest.mark.parametrize(
        ("key", "given", "sentence"),
        [
            ("seed", "1.5", "'1.5' is not a whole number"),
            ("seed", -1, "expected a whole number at least 0"),
            ("learning_rate", 0, "expected a number above 0 and at most 1"),
            ("learning_rate", "fast", "'fast' is not a number"),
            ("learning_rate", float("nan"), "nan is not finite"),
            ("learning_rate", True, "True is not a number"),
            ("train_test_ratio", 241, r"was this 4:1\? quote it in YAML"),
            ("train_test_ratio", "4:0", 'a ratio such as "4:1"'),
            ("train_test_ratio", "4:1\n", 'a ratio such as "4:1"'),
            ("eval_strategy", "epoch", "expected one of steps"),
            ("load_best_model_at_end", "maybe", "is not true or false"),
            ("seed", None, "null is not a value here"),
            ("model", {"name": "x"}, "is not text"),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_sentence(
        self, key: str, given: Any, sentence: str
    ) -> None:
        with pytest.raises(InvalidSetting, match=sentence) as refusal:
            read_value(key, given)

        assert refusal.value.key == key

    def test_a_misspelt_key_is_refused_with_the_nearest(self) -> None:
        with pytest.raises(UnknownSetting, match="did you mean 'weight_decay'"):
            TrainConfig.from_mapping({"weightdecay": 0.1})


IMPOSSIBLE: list[dict[str, Any]] = [
    {"save_steps": 30, "eval_steps": 20},
    {"train_test_ratio": "9:1"},
    {"train_test_ratio": "4:1", "holdout_share": 0.21},
    {"max_steps": 0},
]
POSSIBLE: list[dict[str, Any]] = [
    {},
    {"save_steps": 30, "eval_steps": 20, "load_best_model_at_end": False},
    {"train_test_ratio": "4:1", "holdout_share": 0.2},
    {"train_test_ratio": "9:1", "holdout_share": 0.1},
    {"train_test_ratio": "99:1", "holdout_share": 0},
]


class TestCombinations:
    @pytest.mark.parametrize("settings", IMPOSSIBLE)
    def test_the_impossible_is_refused_here_and_at_registration(
        self, settings: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidSetting) as refusal:
            TrainConfig.from_mapping(settings)
        (problem,) = shipped("paribus_agent.train").check(_all(settings))  # type: ignore[union-attr]
        assert problem.message in str(refusal.value)

    @pytest.mark.parametrize("settings", POSSIBLE)
    def test_the_possible_is_taken_here_and_at_registration(
        self, settings: dict[str, Any]
    ) -> None:
        TrainConfig.from_mapping(settings)
        assert not shipped("paribus_agent.train").check(_all(settings))  # type: ignore[union-attr]


class TestSchema:
    def test_the_shipped_copy_is_what_the_settings_say(self) -> None:
        # Where this fails: python -m paribus_agent.config --write-schema <that file>
        assert SHIPPED.read_text(encoding="utf-8") == as_text()

    def test_each_key_has_a_default_a_meaning_and_numbers_a_range(self) -> None:
        for key, about in schema()["properties"].items():
            assert "default" in about, key
            assert about["description"].endswith("."), key
            if "number" in about["type"] or "integer" in about["type"]:
                assert {"minimum", "exclusiveMinimum"} & about.keys(), key

    def test_defaults_are_within_their_own_limits(self) -> None:
        assert TrainConfig.from_mapping(TrainConfig().as_dict()) == TrainConfig()

    def test_it_is_written_to_a_file_or_printed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--schema"]) == 0
        assert main(["--write-schema", str(tmp_path / "s.json")]) == 0
        assert capsys.readouterr().out == (tmp_path / "s.json").read_text(encoding="utf-8")

    def test_settings_are_read_without_torch(self) -> None:
        code = "import sys, paribus_agent.schema; sys.exit('torch' in sys.modules)"

        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _all(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: about["default"] for key, about in setting_fields().items()} | settings
