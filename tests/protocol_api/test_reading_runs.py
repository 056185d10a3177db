"""What `wandb.Api()` reads back is what `wandb.init()` was told."""

import json
from typing import Any

import httpx
import pytest

from tests.protocol_api.conftest import Live

_WRITE = """
values = [0.1, 1 / 3, 1e-308, float("nan"), float("inf"), float("-inf"), 2**53 + 1]
for name, lr, loss in (("one", 0.1, 0.5), ("two", 0.01, 0.25), ("tri", 0.1, float("nan"))):
    with wandb.init(
        project="reading", id=name, name=f"run {name}", tags=[name, "all"], group="g",
        notes="some words", config={"lr": lr, "opt": {"name": "adam"}, "layers": [1, 2]},
    ) as run:
        for step in range(20):
            row = {"loss": loss + step / 7, "eval/acc.x": step}
            if step % 5 == 0:
                row["rare"] = {"a": {"b": step}}
            run.log(row)
        run.summary["loss"] = loss
with wandb.init(project="reading", id="odd", settings=wandb.Settings(console="wrap")) as run:
    for value in values:
        run.log({"x": value})
    print("hello console")
    print("and more", file=sys.stderr)
with wandb.init(project="reading", id="empty") as run:
    pass
"""


@pytest.fixture(scope="module")
def read(live: Live) -> Any:
    live.client(_WRITE)

    def ask(script: str) -> dict[str, Any]:
        return live.client("api = wandb.Api()\npath = 'paribus/reading'\n" + script)

    return ask


class TestListing:
    def test_filters_orders_and_pages(self, read: Any) -> None:
        out = read("""
def names(filters=None, order="+created_at", per_page=50):
    return [run.id for run in api.runs(path, filters=filters, order=order, per_page=per_page)]
out["all"] = names()
out["paged"] = names(per_page=2)
out["newest"] = names(order="-created_at", per_page=2)
out["count"] = len(api.runs(path))
out["lr"] = names({"config.lr": 0.1})
out["lr.value"] = names({"config.lr.value": {"$gt": 0.05}})
out["nested"] = names({"config.opt.name": "adam"})
out["tags"] = names({"tags": {"$in": ["one", "two"]}})
out["or"] = names({"$or": [{"display_name": {"$regex": "^run t"}}, {"name": "odd"}]})
out["state"] = names({"state": "finished"})
out["crashed"] = names({"state": "crashed"})
out["summary"] = names({"summary_metrics.eval/acc.x": 19})
out["best"] = names(order="+summary_metrics.loss")
out["worst"] = names(order="-summary_metrics.loss", per_page=1)
out["counted"] = len(api.runs(path, filters={"config.lr": 0.1}))
out["lazy"] = [run.config.get("lr") for run in api.runs(path, {"group": "g"}, lazy=True)]
out["heavy"] = [run.config.get("lr") for run in api.runs(path, {"group": "g"}, lazy=False)]
try:
    len(api.runs("paribus/nowhere"))
except ValueError as error:
    out["unknown"] = str(error)
try:
    names({"config.lr": {"$near": 1}})
except Exception as error:
    out["refused"] = str(error)
""")

        assert out["all"] == ["one", "two", "tri", "odd", "empty"]
        assert out["paged"] == out["all"]
        assert out["newest"] == out["all"][::-1]
        assert out["count"] == 5
        assert out["lr"] == out["lr.value"] == ["one", "tri"]
        assert out["nested"] == ["one", "two", "tri"]
        assert out["tags"] == ["one", "two"]
        assert out["or"] == ["two", "tri", "odd"]
        assert out["state"] == out["all"]
        assert out["crashed"] == []
        assert out["summary"] == ["one", "two", "tri"]
        # NaN and missing are last both ways, in the order of creation
        assert out["best"] == ["two", "one", "tri", "odd", "empty"]
        assert out["worst"] == ["one", "two", "tri", "odd", "empty"]
        assert out["counted"] == 2
        assert out["lazy"] == out["heavy"] == [0.1, 0.01, 0.1]
        assert "nowhere" in out["unknown"]
        assert "$near is no operator" in out["refused"]

    def test_a_run_tells_everything_and_can_be_changed_and_deleted(self, read: Any) -> None:
        out = read("""
run = api.run(path + "/one")
out["fields"] = [run.name, run.state, dict(run.config), sorted(run.tags), run.group, run.notes]
out["summary"] = run.summary["loss"]
run.config["added"] = 7
run.tags.append("new")
run.name = "renamed"
run.update()
run.summary["extra"] = {"deep": 1.5}
run.summary.update()
again = wandb.Api().run(path + "/one")
out["changed"] = [again.name, again.config["added"], again.config["lr"], sorted(again.tags)]
out["extra"] = again.summary["extra"]["deep"]
out["loss"] = again.summary["loss"]
made = api.create_run(run_id="made", project="reading", entity="paribus")
made.delete()
try:
    wandb.Api().run(path + "/made")
except Exception as error:
    out["gone"] = type(error).__name__
out["left"] = [r.id for r in wandb.Api().runs(path)]
out["projects"] = [p.name for p in api.projects("paribus")]
out["project"] = api.project("reading", entity="paribus").name
""")

        config = {"lr": 0.1, "opt": {"name": "adam"}, "layers": [1, 2]}
        assert out["fields"] == [
            "run one", "finished", config, ["all", "one"], "g", "some words",
        ]  # fmt: skip
        assert out["summary"] == out["loss"] == 0.5
        assert out["changed"] == ["renamed", 7, 0.1, ["all", "new", "one"]]
        assert out["extra"] == 1.5
        assert out["gone"]
        assert out["left"] == ["one", "two", "tri", "odd", "empty"]
        assert out["projects"] == ["reading"]
        assert out["project"] == "reading"


class TestHistory:
    def test_history_comes_back_whole_sampled_and_by_key(self, read: Any) -> None:
        out = read("""
run = api.run(path + "/two")
rows = list(run.scan_history())
out["steps"] = [row["_step"] for row in rows]
out["losses"] = [row["loss"] for row in rows]
out["some"] = list(run.scan_history(keys=["loss", "eval/acc.x"], min_step=3, max_step=7))
out["window"] = [row["_step"] for row in run.scan_history(min_step=3, max_step=7)]
out["pages"] = [row["_step"] for row in run.scan_history(page_size=3)]
out["rare"] = list(run.scan_history(keys=["rare.a.b"]))
out["none"] = list(run.scan_history(keys=["nothing"]))
out["sampled"] = [row["_step"] for row in run.history(samples=5, pandas=False)]
out["enough"] = len(run.history(samples=20, keys=["loss"], pandas=False))
out["few"] = [row["_step"] for row in run.history(samples=4, keys=["loss"], pandas=False)]
out["last"] = run.lastHistoryStep
out["keys"] = sorted(run.history_keys["keys"])
empty = api.run(path + "/empty")
out["empty"] = [list(empty.scan_history()), empty.lastHistoryStep]
""")

        assert out["steps"] == out["pages"] == list(range(20))
        assert out["losses"] == [0.25 + step / 7 for step in range(20)]
        assert out["some"] == [
            {"_step": step, "loss": 0.25 + step / 7, "eval/acc.x": step} for step in range(3, 7)
        ]
        assert out["window"] == [3, 4, 5, 6]
        assert out["rare"] == [{"_step": step, "rare.a.b": step} for step in (0, 5, 10, 15)]
        assert out["none"] == []
        assert len(out["sampled"]) == 5
        assert (out["sampled"][0], out["sampled"][-1]) == (0, 19)
        assert out["enough"] == 20
        assert out["few"][-1] == 19
        assert out["last"] == 19
        assert {"loss", "eval/acc.x", "rare", "_step"} <= set(out["keys"])
        assert out["empty"] == [[], -1]

    def test_every_number_is_the_one_that_was_logged(self, read: Any) -> None:
        out = read("""
run = api.run(path + "/odd")
out["scan"] = [repr(row["x"]) for row in run.scan_history()]
out["by_key"] = [repr(row["x"]) for row in run.scan_history(keys=["x"])]
out["history"] = [repr(row["x"]) for row in run.history(pandas=False)]
""")

        logged = ["0.1", repr(1 / 3), "1e-308", "nan", "inf", "-inf", str(2**53 + 1)]
        assert out["history"] == logged
        assert out["scan"] == logged
        # by key the client itself reads numbers as doubles; what the service sends is exact
        assert out["by_key"][:3] == logged[:3]

    def test_numbers_in_json_are_exact_and_the_answer_is_strict(
        self, read: Any, live: Live
    ) -> None:
        assert read is not None
        query = """query Sampled($specs: [JSONString!]!) {
          project(name: "reading", entityName: "paribus") { run(name: "odd") {
            sampledHistory(specs: $specs) parquetHistory(liveKeys: ["_step"]) { liveData }
        } } }"""
        specs = [json.dumps({"keys": ["x"], "minStep": 1, "maxStep": 3}), '{"keys": ["x"]}']

        answer = httpx.post(
            f"{live.service.url}/graphql",
            auth=("api", live.service.env["WANDB_API_KEY"]),
            json={"query": query, "variables": {"specs": specs}, "operationName": ""},
        )

        run = answer.json()["data"]["project"]["run"]
        some, everything = run["sampledHistory"]
        assert [row["x"] for row in some] == [1 / 3, 1e-308, "NaN"]  # maxStep is inclusive here
        texts = ["NaN", "Infinity", "-Infinity"]
        assert [row["x"] for row in everything] == [0.1, 1 / 3, 1e-308, *texts, 2**53 + 1]
        assert '"x":9007199254740993' in answer.text
        assert run["parquetHistory"]["liveData"] == [{"_step": 0}, {"_step": 6}]


class TestFilesAndConsole:
    def test_files_are_listed_downloaded_and_deleted(self, read: Any) -> None:
        out = read("""
run = api.run(path + "/two")
names = sorted(file.name for file in run.files())
out["names"] = names
out["paged"] = sorted(file.name for file in run.files(per_page=1)) == names
out["like"] = [file.name for file in run.files(pattern="%.yaml")]
out["size"] = run.file("config.yaml").size
with run.file("config.yaml").download("down", replace=True) as file:
    out["config"] = file.read()
out["missing"] = run.file("no such file").size
out["metadata"] = run.metadata["python"]
open("odd name 100%.txt", "w").write("bytes")
run.upload_file("odd name 100%.txt")
with run.file("odd name 100%.txt").download("down", replace=True) as file:
    out["odd"] = file.read()
run.file("odd name 100%.txt").delete()
out["after"] = sorted(file.name for file in wandb.Api().run(path + "/two").files())
""")

        assert {"config.yaml", "wandb-metadata.json", "wandb-summary.json"} <= set(out["names"])
        assert out["paged"]
        assert out["like"] == ["config.yaml"]
        assert out["size"] == len(out["config"].encode()) > 0
        assert "lr" in out["config"]
        assert out["missing"] == 0
        assert out["metadata"]
        assert out["odd"] == "bytes"
        assert out["after"] == out["names"]

    def test_console_logs_come_back_line_by_line(self, read: Any) -> None:
        out = read("""
run = api.run(path + "/odd")
def told(lines):
    return [[line.number, line.level, line.content, line.timestamp is not None] for line in lines]
out["all"] = told(run.console_logs())
out["paged"] = told(run.console_logs(per_page=1))
out["tail"] = told(run.console_logs(last=1))
""")

        texts = [(level, content) for _, level, content, _ in out["all"]]
        assert ("", "hello console") in texts
        assert ("error", "and more") in texts
        assert out["paged"] == out["all"]
        assert out["tail"] == out["all"][-1:]
        assert all(timed for *_, timed in out["all"])
