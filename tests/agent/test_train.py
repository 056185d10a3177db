"""The program as an agent starts it: arguments, a sweep's values, exit codes, what it records."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml

from paribus_agent import checkpoints
from paribus_agent.assembly import check_effect
from paribus_agent.config import TrainConfig, setting_fields
from paribus_agent.errors import SettingIgnored
from paribus_agent.model import find_weights
from paribus_agent.recorded import AXES, OVERLAP_LABEL, RECORDED, RESPONSES, SUMMARY
from paribus_agent.train import main
from tests.agent.offline_runs import OfflineRun, read_offline_runs
from tests.agent.trainings import TINY, train_here


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory; signals and environment as they were afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    handler = signal.getsignal(signal.SIGTERM)
    wandb.teardown()  # the client reads the environment once
    yield tmp_path
    wandb.teardown()
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.usefixtures("packaged")
class TestAlone:
    def test_a_run_without_sweep_or_server_trains_and_says_where_it_reports(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = main(_arguments(TINY))

        assert code == 0
        assert "Reporting to ./wandb only (no key for" in capsys.readouterr().out
        assert not (place / "paribus-checkpoints").exists()
        run = _only_run(place)
        assert run.exit_code == 0
        assert [row["train/global_step"] for row in run.history] == list(range(1, 11))

    def test_every_key_that_a_run_leaves_is_documented(self, place: Path) -> None:
        main(_arguments(TINY))

        run = _only_run(place)
        documented = RESPONSES.keys() | AXES.keys() | SUMMARY.keys()
        logged = {key for row in run.history for key in row if not key.startswith("_")}
        assert logged <= documented
        left = {key for key in run.summary if not key.startswith("_")}
        assert left <= documented
        assert RESPONSES.keys() <= left | logged
        kept = {key for key in run.config if not key.startswith("_")}
        assert kept == setting_fields().keys() | RECORDED.keys()
        assert run.summary["holdout_selected/label"] == OVERLAP_LABEL

    def test_the_plan_is_what_happened(self, place: Path) -> None:
        main(_arguments(TINY | {"eval_steps": 4, "save_steps": 4}))

        run = _only_run(place)
        looks = [row for row in run.history if "eval/loss" in row]
        assert run.config["planned"]["steps"] == len(run.history)
        assert run.config["planned"]["evaluations"] == len(looks)


@pytest.mark.usefixtures("packaged")
@pytest.mark.filterwarnings(
    # wandb 0.31.0, sdk/lib/config_util.py reads the sweep's file and leaves it open.
    "ignore:Exception ignored in.*FileIO:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed file:ResourceWarning",
)
class TestSweep:
    def test_the_sweeps_values_take_effect(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = TINY | {"learning_rate": "1e-3", "train_test_ratio": "4:1", "max_steps": 3}
        _enter_sweep(monkeypatch, place, asked)

        assert main(_arguments(asked)) == 0

        run = _only_run(place)
        assert len(run.history) == 3
        assert run.history[0]["train_step/learning_rate"] == 1e-3
        assert run.config["data"]["train"]["reviews"] == 64  # 4/5 of 80
        assert run.config["data"]["holdout"]["reviews"] == 16

    def test_they_take_effect_without_a_command_line_too(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _enter_sweep(monkeypatch, place, TINY | {"max_steps": 2})

        assert main([]) == 0
        assert len(_only_run(place).history) == 2

    def test_a_command_line_that_disagrees_is_refused(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _enter_sweep(monkeypatch, place, TINY)

        assert main(["--seed=7"]) == 2
        assert "seed: the command line says '7', the run's config 0" in capsys.readouterr().err
        assert _only_run(place).exit_code == 2

    def test_a_misspelt_key_is_refused_with_the_nearest_name(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _enter_sweep(monkeypatch, place, TINY | {"learnin_rate": 1e-3})

        assert main([]) == 2
        assert "did you mean 'learning_rate'?" in capsys.readouterr().err


class TestArguments:
    def test_help_names_every_key(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as leaving:
            main(["--help"])

        assert leaving.value.code == 0
        text = capsys.readouterr().out
        assert all(f"--{key}" in text for key in setting_fields())

    def test_an_unknown_key_is_refused_before_anything_starts(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--batch_size=8"]) == 2
        assert "batch_size: paribus_agent.train has no such setting" in capsys.readouterr().err
        assert not (place / "wandb").exists()

    def test_a_server_without_a_key_is_refused_and_nobody_is_asked(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("WANDB_MODE", "online")

        assert main(["--seed=1"]) == 2
        assert "set WANDB_API_KEY" in capsys.readouterr().err

    def test_half_floats_are_refused_on_a_device_that_has_none(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--precision=fp16"]) == 2
        assert "fp16 needs a GPU" in capsys.readouterr().err


@pytest.mark.usefixtures("packaged")
class TestEffect:
    @pytest.mark.parametrize(
        ("key", "value"), [("learning_rate", 1e-2), ("eval_steps", 5), ("seed", 9)]
    )
    def test_a_value_that_the_trainer_does_not_hold_is_refused(
        self, tmp_path: Path, key: str, value: Any
    ) -> None:
        trained = train_here(tmp_path, max_steps=1)
        config = TrainConfig.from_mapping(TINY | {"max_steps": 1})
        weights = find_weights(config.model, None)
        check_effect(config, trained.trainer, trained.corpus, weights)
        setattr(trained.trainer.args, key, value)

        with pytest.raises(SettingIgnored, match=key):
            check_effect(config, trained.trainer, trained.corpus, weights)


@pytest.mark.usefixtures("packaged")
class TestOneRunOneSetting:
    def test_a_checkpoint_of_another_setting_is_refused(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("WANDB_RUN_ID", "r1")
        run = checkpoints.run_folder(checkpoints.checkpoints_root(), sweep_id=None, run_id="r1")
        train_here(run / "attempt-0001", max_steps=2)

        assert main(_arguments(TINY | {"max_steps": 2, "seed": 3})) == 2
        assert "was trained with seed=0, and 3 is asked for now" in capsys.readouterr().err


def _arguments(settings: dict[str, Any]) -> list[str]:
    return [f"--{key}={value}" for key, value in settings.items()]


def _enter_sweep(monkeypatch: pytest.MonkeyPatch, place: Path, values: dict[str, Any]) -> None:
    """Set up what `wandb agent` sets up for its child.

    Source: wandb 0.31.0, wandb_agent.py, _command_run.
    """
    file = place / "config-run.yaml"
    file.write_text(yaml.safe_dump({key: {"value": value} for key, value in values.items()}))
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    monkeypatch.setenv("WANDB_RUN_ID", "r1")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(file))


def _only_run(place: Path) -> OfflineRun:
    wandb.teardown()  # the client's service ends, and everything is in the file
    (run,) = read_offline_runs(place)
    return run
