"""The commands that speak HTTP, against a service on a real socket."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Thread

import httpx
import pytest
import yaml

from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.states import TrialState
from paribus_service.store.sweeps import get_sweep, list_trials
from tests.factories import grid_config
from tests.service.cli.conftest import Served, paribus


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(grid_config(name="from a file")))
    return path


@pytest.fixture
def sweep_id(served: Served, config_file: Path) -> str:
    return str(served.json("launch", config_file)["id"])


def fail_a_trial(served: Served, sweep_id: str) -> None:
    """What a crashed training leaves behind, without the training."""
    engine = make_engine(f"sqlite:///{served.data_dir / 'paribus.db'}")
    with session_scope(engine) as session:
        trial = list_trials(session, sweep_id)[0]
        trial.state, trial.reason = TrialState.FAILED, "the program ended with exit code 1"
        sweep = get_sweep(session, sweep_id)
        sweep.trial_counts = {**sweep.trial_counts, "queued": 3, "failed": 1}
    engine.dispose()


class TestLaunch:
    def test_a_file_is_registered_and_the_way_on_is_printed(
        self, served: Served, config_file: Path
    ) -> None:
        done = served("launch", config_file)

        (sweep,) = [s for s in served.json("status") if s["id"] in done.stdout]
        assert done.returncode == 0
        assert f"wandb agent paribus/imdb/{sweep['id']}" in done.stdout
        assert f"{served.url}/paribus/imdb/sweeps/{sweep['id']}" in done.stdout

    def test_a_name_is_looked_up_in_the_library(self, served: Served) -> None:
        sweep = served.json("launch", "batch-size-or-ratio-demo")

        assert sweep["name"] == "batch-size-or-ratio-demo"
        assert sweep["expected_trials"] == 12

    def test_a_dry_run_prints_trials_and_price_and_writes_nothing(self, served: Served) -> None:
        before = len(served.json("status"))

        done = served("launch", "imdb-eval-loss", "--dry-run")

        assert done.returncode == 0
        assert "12 trials" in done.stdout
        assert "1,791 evaluations" in done.stdout  # 3 seeds x (47 + 6 + 75 + 469)
        assert "Nothing was written" in done.stdout
        assert len(served.json("status")) == before

    def test_a_dry_run_of_a_fraction_prints_what_it_leaves_open(self, served: Served) -> None:
        done = served("launch", "screening-five-factors", "--dry-run")

        printed = " ".join(done.stdout.split())  # lines are broken where the terminal ends
        assert "16 trials" in printed
        assert "Resolution 3: main effects cannot be told from interactions" in printed
        assert "`max_grad_norm` cannot be told from the interaction `weight_decay` x" in printed
        assert "If any two factors may interact, no average effect can be told." in printed

    def test_a_config_from_stdin(self, served: Served) -> None:
        done = served("launch", "-", "--json", text_in=json.dumps(grid_config(name="piped")))

        assert json.loads(done.stdout)["name"] == "piped"

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            ("batch-size-or-rato", "did you mean 'batch-size-or-ratio'?"),
            ("nothere.yaml", "cannot be read"),
        ],
    )
    def test_what_cannot_be_found_is_refused(
        self, served: Served, source: str, sentence: str
    ) -> None:
        done = served("launch", source)

        assert done.returncode == 2
        assert sentence in done.stderr

    def test_every_mistake_in_a_config_is_printed(self, served: Served) -> None:
        done = served("launch", "-", text_in="methud: grid\nparameters: {a: {value: 1}}\n")

        assert done.returncode == 2
        assert "did you mean 'method'?" in done.stderr


class TestStatus:
    def test_a_sweep_that_goes_well_is_0_and_one_with_failed_trials_is_1(
        self, served: Served, sweep_id: str
    ) -> None:
        well = served("status", sweep_id)
        fail_a_trial(served, sweep_id)
        unwell = served("status", sweep_id)

        assert well.returncode == 0
        assert "4 queued" in well.stdout
        assert unwell.returncode == 1
        assert "exit code 1" in unwell.stdout
        assert "batch=8, lr=0.1" in unwell.stdout

    def test_an_unknown_sweep_is_2(self, served: Served) -> None:
        done = served("status", "nothere")

        assert done.returncode == 2
        assert "there is no sweep 'nothere'" in done.stderr

    def test_following_ends_with_the_sweep(self, served: Served, sweep_id: str) -> None:
        def cancel() -> None:
            url = f"{served.url}/api/v1/sweeps/{sweep_id}:cancel"
            httpx.post(url, headers={"Authorization": f"Bearer {served.api_key}"})

        other = Thread(target=cancel)
        other.start()
        done = served("status", sweep_id, "--follow")
        other.join()

        assert done.returncode == 0
        assert "is cancelled" in done.stdout


class TestOthers:
    def test_library_lists_questions_and_prints_a_file_as_it_is(self, served: Served) -> None:
        listed = served("library").stdout
        text = served("library", "imdb-eval-loss").stdout

        assert "imdb-eval-loss-demo" in listed
        assert text.startswith("# What made eval/loss irregular")

    def test_a_sweep_without_agents_says_how_one_is_started(
        self, served: Served, sweep_id: str
    ) -> None:
        done = served("agents", "--sweep", sweep_id)

        assert done.returncode == 0
        assert "wandb agent ENTITY/PROJECT/SWEEP" in done.stdout
        assert served.json("agents", "--sweep", sweep_id) == []


class TestExitCodes:
    def test_nothing_there_is_3(self) -> None:
        done = paribus("status", env={"PARIBUS_URL": "http://127.0.0.1:9"})

        assert done.returncode == 3
        assert "PARIBUS_URL" in done.stderr

    def test_an_address_that_is_none_is_3(self) -> None:
        assert paribus("status", env={"PARIBUS_URL": "nonsense"}).returncode == 3

    def test_a_wrong_key_and_none_are_4(self, served: Served) -> None:
        for key in ("local-" + "0" * 40, ""):
            done = paribus("status", env={"PARIBUS_URL": served.url, "PARIBUS_API_KEY": key})

            assert done.returncode == 4
            assert "PARIBUS_API_KEY" in done.stderr

    def test_a_misspelt_option_is_2(self) -> None:
        assert paribus("status", "--folow").returncode == 2


def test_client_commands_load_no_server_and_no_scipy() -> None:
    """They must answer at once; FastAPI, SQLAlchemy and scipy take a second together."""
    program = (
        "import sys, paribus_service.cli.remote, paribus_service.cli.answering\n"
        "print(sorted({'fastapi', 'sqlalchemy', 'scipy', 'numpy', 'pydantic'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
