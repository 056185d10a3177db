"""Keys that say where and how a run was executed are told from settings by a list."""

import pytest

from paribus_sweeps.analysis.execution_keys import (
    CLASS_MEANINGS,
    EXECUTION_KEYS,
    LURKING_CLASSES,
    REPLICATE_KEYS,
    class_of,
)


class TestClasses:
    @pytest.mark.parametrize(
        ("key", "name"),
        [
            ("eval_steps", "cadence"),
            ("trainer.eval_steps", "cadence"),
            ("torch_version", "versions"),
            ("software.torch", "versions"),
            ("gpu_name", "devices"),
            ("dataloader_num_workers", "devices"),
            ("output_dir", "paths"),
            ("run_name", "names"),
            ("master_port", "ports"),
            ("report_to", "reporting"),
            ("planned.steps", "recorded"),
        ],
    )
    def test_a_key_is_in_its_class_wherever_it_is_nested(self, key: str, name: str) -> None:
        assert class_of(key) == name

    @pytest.mark.parametrize(
        "key",
        [
            "learning_rate",
            "per_device_train_batch_size",
            "data_dir",  # which data a run read may be all that made the difference
            "model_name_or_path",
            "world_size",  # multiplies the batch
            "n_gpu",
            "split_seed",
            "seed",
            "warmup_steps",
            "max_steps",
            "eval_accumulation_steps",
        ],
    )
    def test_a_setting_is_in_none(self, key: str) -> None:
        assert class_of(key) is None

    def test_every_class_has_a_meaning_and_no_key_stands_twice(self) -> None:
        keys = [key for keys in EXECUTION_KEYS.values() for key in keys]

        assert list(CLASS_MEANINGS) == list(EXECUTION_KEYS)
        assert len(keys) == len(set(keys))
        assert set(LURKING_CLASSES) <= set(EXECUTION_KEYS)

    def test_a_class_is_no_key_of_another(self) -> None:
        """Asking for `cadence` must not mean a config key."""
        assert [name for name in EXECUTION_KEYS if class_of(name) is not None] == []

    def test_replicate_keys_are_in_no_class(self) -> None:
        assert [key for key in REPLICATE_KEYS if class_of(key)] == []
