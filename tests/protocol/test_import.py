"""Imports through the real client, from a second Paribus that plays the W&B server."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from paribus_service.cli.program import app
from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import Chunk, RunUpsert, StreamReport
from paribus_service.store import runs as run_store
from paribus_service.store.engine import session_scope
from tests.protocol.live import ENTITY, KEY, LiveService

PROJECT = f"/api/v1/projects/{ENTITY}/imdb"
OWN = frozenset(
    # What differs between two services that hold the same runs: their own ids and addresses …
    ["id", "run_id", "run_ids", "runs", "run", "partner", "low_run", "high_run", "url"]
    + ["data_version"]
    # … and what W&B tells nobody: exit codes, and so the reason of a failure.
    + ["reason"]
)
_EXIT_CODE = ": the program ended with exit code 1"


class Pair:
    """A service, and the server whose runs it imports."""

    def __init__(self, tmp_path: Path) -> None:
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
        self.there = LiveService(tmp_path / "there")
        self.here = LiveService(
            tmp_path / "here",
            wandb_base_url=self.there.url,
            wandb_api_key=KEY,
            wandb_requests_per_minute=100_000,
        )

    def close(self) -> None:
        self.here.close()
        self.there.close()

    def train(
        self, run_id: str, config: Mapping[str, Any], losses: list[float], *, code: int = 0
    ) -> None:
        """A whole run there, without the cost of a client."""
        report = {"w": {"gpu": "NVIDIA A10", "host": "gpu-1", "program": "train.py"}}
        wrapped = {key: {"value": value} for key, value in config.items()}
        told = RunUpsert(
            entity=ENTITY,
            project="imdb",
            wandb_id=run_id,
            display_name=run_id.upper(),
            config_text=json.dumps({**wrapped, "_wandb": {"value": {"t": {}, "e": report}}}),
            host="gpu-1",
            program="train.py",
        )
        lines = [
            json.dumps({"_step": i, "eval/loss": loss, "train/global_step": 10 * i})
            for i, loss in enumerate(losses)
        ]
        done = StreamReport(
            history=Chunk(0, lines),
            summary_text=json.dumps({"eval/loss": losses[-1], "_step": len(losses) - 1}),
            complete=True,
            exit_code=code,
        )
        began = datetime(2026, 11, 23, 8, 0, len(losses), tzinfo=UTC)  # W&B writes milliseconds
        with session_scope(self.there.services.engine) as session:
            run, _ = recorder.upsert_run(session, told, now=began)
            recorder.record(session, run, done, token=None, now=began + timedelta(hours=1))

    def paribus(self, *arguments: str) -> Result:
        """The command line, against the service here."""
        result = CliRunner().invoke(
            app, list(arguments), env={"PARIBUS_URL": self.here.url, "PARIBUS_API_KEY": KEY}
        )
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def asked_there(self) -> list[str]:
        """The operations that were asked of the server."""
        return [
            json.loads(body).get("query", "").split("(")[0].split("{")[0].strip()
            for _, path, body, _ in self.there.faults.seen
            if path == "/graphql"
        ]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.close()


def answer(service: LiveService, path: str, **query: Any) -> Any:
    """An answer without what is each service's own."""
    found = httpx.get(f"{service.url}{path}", params=query, timeout=60, auth=("api", KEY))
    assert found.status_code == 200, found.text
    return without_own(found.json())


def own_ids(service: LiveService) -> dict[str, str]:
    """W&B's id of a run → our own."""
    return {run_id: service.run("imdb", run_id).id for run_id in ("run0", "run7")}


def without_own(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_own(item) for key, item in value.items() if key not in OWN}
    if isinstance(value, str):
        return value.replace(_EXIT_CODE, "")
    return [without_own(item) for item in value] if isinstance(value, list) else value


def study(pair: Pair) -> None:
    """Two factors, two levels, two seeds, and one run that failed."""
    for number, (lr, batch, seed) in enumerate(
        (lr, batch, seed) for lr in (0.1, 0.2) for batch in (8, 64) for seed in (0, 1)
    ):
        last = 0.3 + lr + 0.01 * batch / 8 + 0.003 * number
        losses = [last + 1 / (1 + i) for i in range(40)]
        config = {"lr": lr, "batch": batch, "seed": seed, "output_dir": f"out/{number}"}
        pair.train(f"run{number}", config, losses, code=1 if number == 7 else 0)


class TestAnImportedProject:
    def test_its_answers_are_those_that_the_other_side_computes(self, pair: Pair) -> None:
        study(pair)

        done = pair.paribus("import", f"{ENTITY}/imdb")

        assert done.exit_code == 0, done.output
        assert f"is here as {ENTITY}/imdb: 8 runs" in done.stdout
        asked = {"response": "eval/loss", "goal": "minimize", "factors": "lr,batch"}
        for kind in ("factors", "best", "effects", "contrasts", "confounding", "power"):
            here = answer(pair.here, f"{PROJECT}/{kind}", **asked)
            assert here == answer(pair.there, f"{PROJECT}/{kind}", **asked), kind
        shaped = {**asked, "response": "roughness(eval/loss)"}
        assert answer(pair.here, f"{PROJECT}/effects", **shaped) == answer(
            pair.there, f"{PROJECT}/effects", **shaped
        )

    def test_its_findings_curves_and_figures_are_too(self, pair: Pair) -> None:
        study(pair)
        pair.paribus("import", f"{ENTITY}/imdb")

        for path, query in (
            ("/api/v1/runs/{run0}/findings", {}),
            ("/api/v1/runs/{run7}/findings", {}),
            ("/api/v1/runs/{run0}/throughput", {}),
            (f"{PROJECT}/curves", {"keys": "eval/loss"}),
            ("/api/v1/figures/overlay", {"project": f"{ENTITY}/imdb", "keys": "eval/loss"}),
            ("/api/v1/figures/effects", {"project": f"{ENTITY}/imdb", "response": "eval/loss",
                                         "goal": "minimize", "factors": "lr,batch"}),
        ):  # fmt: skip
            here, there = (
                answer(service, path.format(**own_ids(service)), **query)
                for service in (pair.here, pair.there)
            )
            assert here == there, path

    def test_what_was_logged_is_here_to_the_last_digit(self, pair: Pair) -> None:
        pair.there.client(
            "import wandb\n"
            "run = wandb.init(project='imdb', id='r1', config={'lr': 0.1, 'big': 2**60})\n"
            "for i in range(30):\n"
            "    run.log({'loss': 0.1 + 0.2 + i, 'bad': float('nan'), 'n': {'a': [1, 2]}})\n"
            "run.finish()\n"
        )

        pair.paribus("import", f"{ENTITY}/imdb")

        here, there = pair.here.run("imdb", "r1"), pair.there.run("imdb", "r1")
        assert here.config_text == there.config_text
        assert here.summary_text == there.summary_text
        assert pair.here.lines(here) == pair.there.lines(there)
        assert (here.state, here.display_name) == (there.state, there.display_name)

    def test_importing_again_costs_the_list(self, pair: Pair) -> None:
        study(pair)
        pair.paribus("import", f"{ENTITY}/imdb")
        before = len(pair.asked_there())

        done = pair.paribus("import", f"{ENTITY}/imdb")

        asked = pair.asked_there()[before:]
        assert done.exit_code == 0
        # whose key it is and what the server can do; the list, from which it is known that
        # nobody is gone, and no history has grown
        assert [name for name in asked if "erver" not in name and "Viewer" not in name] == [
            "query Runs"
        ]

    def test_nothing_is_written_there(self, pair: Pair) -> None:
        study(pair)

        pair.paribus("import", f"{ENTITY}/imdb")

        assert not [name for name in pair.asked_there() if name.startswith("mutation")]

    def test_an_edit_and_a_deletion_there_are_seen(self, pair: Pair) -> None:
        study(pair)
        pair.paribus("import", f"{ENTITY}/imdb")
        pair.there.client(
            "import wandb\n"
            "api = wandb.Api()\n"
            f"run = api.run('{ENTITY}/imdb/run0'); run.tags = ['seen']; run.update()\n"
            f"api.run('{ENTITY}/imdb/run1').delete()\n"
        )

        done = pair.paribus("import", f"{ENTITY}/imdb")

        assert "7 runs, 1 deleted there since" in done.stdout
        assert pair.here.run("imdb", "run0").tags == ["seen"]
        with pair.here.reading() as session:
            gone = run_store.find_run_at(session, ENTITY, "imdb", "run1")
            assert gone is not None
            assert gone.deleted_at is not None

    def test_a_filter_chooses(self, pair: Pair) -> None:
        study(pair)

        done = pair.paribus(
            "import", f"{ENTITY}/imdb", "--filter", '{"config.lr": 0.1}', "--project", "slow"
        )

        assert f"is here as {ENTITY}/slow: 4 runs" in done.stdout


class TestWhatIsRefused:
    def test_a_project_that_is_not_there(self, pair: Pair) -> None:
        done = pair.paribus("import", f"{ENTITY}/nowhere")

        assert done.exit_code == 2
        assert f"has no project '{ENTITY}/nowhere'" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["nowhere"], "is neither a folder that is there nor ENTITY/PROJECT"),
            (["a/b/c"], "is neither a folder"),
            (["a/b", "--filter", "{"], "--filter is no JSON"),
            (["a/b", "--filter", "3"], "--filter is no JSON object"),
        ],
    )
    def test_what_cannot_be_read(self, arguments: list[str], sentence: str) -> None:
        done = CliRunner().invoke(app, ["import", *arguments])

        assert done.exit_code == 2
        assert sentence in done.stderr

    def test_runs_that_are_here_already_are_left_and_named(self, pair: Pair) -> None:
        study(pair)
        pair.here.client(
            "import wandb\nwandb.init(project='imdb', id='run3', config={'mine': 1}).finish()\n"
        )

        done = pair.paribus("import", f"{ENTITY}/imdb")

        assert done.exit_code == 1
        assert "7 runs, 1 left out or not whole" in done.stdout
        assert "run3: run paribus/imdb/run3 is here already" in done.stdout
        assert "mine" in pair.here.run("imdb", "run3").config


class TestAFolder:
    def test_offline_runs_are_sent_once(self, pair: Pair, tmp_path: Path) -> None:
        """Slow (10 s): the real client, offline, and its own sync; nothing else reads folders."""
        pair.here.client(
            "import wandb\n"
            "for i in range(2):\n"
            "    run = wandb.init(project='imdb', id=f'off{i}', config={'lr': i})\n"
            "    run.log({'loss': 0.1 * i}); run.finish()\n",
            env={"WANDB_MODE": "offline"},
        )
        folder = str(pair.here.directory)

        first = pair.paribus("import", folder)
        second = pair.paribus("import", folder)
        third = pair.paribus("import", folder, "--again", "--entity", ENTITY, "--project", "imdb")

        assert (first.exit_code, first.stdout) == (0, "2 of 2 runs were sent\n")
        assert pair.here.run("imdb", "off1").state == "finished"
        assert (second.exit_code, second.stdout.splitlines()[0]) == (0, "0 of 2 runs were sent")
        assert "2 had been sent before" in second.stdout
        assert third.exit_code == 1
        assert "off0 is here already: it was left as it is" in third.stdout

    def test_one_that_cannot_be_read_is_named(self, pair: Pair) -> None:
        broken = pair.here.directory / "wandb" / "offline-run-20260101_000000-bad1"
        broken.mkdir(parents=True)
        (broken / "run-bad1.wandb").write_bytes(b"no wandb file")

        done = pair.paribus("import", str(pair.here.directory))

        assert done.exit_code == 1
        assert "bad1 was not sent: " in done.stdout

    def test_a_folder_without_runs_is_refused(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["import", str(tmp_path)])

        assert done.exit_code == 2
        assert "holds no run of wandb" in done.stderr
