"""Artifacts as the real client logs, finds, downloads, names, links and deletes them."""

from typing import Any

import pytest

from tests.protocol_api.conftest import Live

_HELPERS = """
from pathlib import Path
import time
PROJECT = "arts"
BASE = f"paribus/{PROJECT}"

def art(name="data", kind="dataset", files=None, **more):
    made = wandb.Artifact(name, type=kind, **more)
    for path, text in (files or {"a.txt": "alpha"}).items():
        with made.new_file(path) as file:
            file.write(text)
    return made

def log(made, aliases=None, **more):
    with wandb.init(project=PROJECT, **more) as run:
        logged = run.log_artifact(made, aliases=aliases)
        logged.wait()
        return run.id, logged.version

def text_of(artifact, path):
    return Path(artifact.get_entry(path).download()).read_text()

def error_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except Exception as error:
        return str(error) or type(error).__name__
    return None

def fresh():
    return wandb.Api()
"""


@pytest.fixture(scope="module")
def ask(live: Live) -> Any:
    def run(script: str) -> dict[str, Any]:
        return live.client(_HELPERS + script)

    return run


class TestVersions:
    def test_the_same_content_is_the_same_version_and_aliases_move(self, ask: Any) -> None:
        out = ask("""
files = {"a.txt": "alpha", "deep/b c%.txt": "beta", "empty": ""}
out["first"] = log(art(files=files, metadata={"n": 1}, description="words"), ["good"])
out["same"] = log(art(files=files), ["again"])
out["second"] = log(art(files={**files, "a.txt": "changed"}), ["good"])
a = fresh().artifact(f"{BASE}/data:v0")
out["v0"] = [a.version, sorted(a.aliases), a.state, a.size, a.file_count, a.description, a.type]
out["metadata"] = a.metadata
b = fresh().artifact(f"{BASE}/data:latest")
out["latest"] = [b.version, sorted(b.aliases)]
out["by_alias"] = [fresh().artifact(f"{BASE}/data:{x}").version for x in ("good", "again", "v1")]
out["by_digest"] = fresh().artifact(f"{BASE}/data:{a.digest}").version
folder = Path(a.download("here"))
there = [path for path in folder.rglob("*") if path.is_file()]
out["files"] = {str(path.relative_to(folder)): path.read_text() for path in there}
out["one"] = text_of(b, "a.txt")
out["listed"] = sorted(f.name for f in a.files())
out["paged"] = sorted(f.name for f in a.files(per_page=1))
out["named"] = [f.name for f in a.files(names=["a.txt"])]
out["verified"] = error_of(a.verify, "here")
out["logged_by"] = a.logged_by().id == out["first"][0]
out["of_both"] = [
    [logged.version for logged in fresh().run(f"{BASE}/{run}").logged_artifacts()]
    for run in (out["first"][0], out["same"][0])
]
out["commit_hash"] = a.commit_hash == a.digest
names = ("data:v0", "data:v9", "no:latest")
out["exists"] = [fresh().artifact_exists(f"{BASE}/{name}") for name in names]
out["unknown"] = error_of(fresh().artifact, f"{BASE}/data:nothing")
""")

        assert out["first"][1] == out["same"][1] == "v0"
        assert out["second"][1] == "v1"
        sizes = len("alpha") + len("beta")
        assert out["v0"] == ["v0", ["again"], "COMMITTED", sizes, 3, "words", "dataset"]
        assert out["metadata"] == {"n": 1}
        assert out["latest"] == ["v1", ["good", "latest"]]
        assert out["by_alias"] == ["v1", "v0", "v1"]
        assert out["by_digest"] == "v0"
        assert out["files"] == {"a.txt": "alpha", "deep/b c%.txt": "beta", "empty": ""}
        assert out["one"] == "changed"
        assert out["listed"] == out["paged"] == sorted(out["files"])
        assert out["named"] == ["a.txt"]
        assert out["verified"] is None
        assert out["logged_by"]
        assert out["of_both"] == [["v0"], ["v0"]]
        assert out["commit_hash"]
        assert out["exists"] == [True, False, False]
        assert "nothing" in out["unknown"]

    def test_a_run_deleted_with_its_artifacts_takes_what_it_made_alone(self, ask: Any) -> None:
        out = ask("""
maker, again = (log(art("shared", files={"a": "shared"}))[0] for _ in range(2))
fresh().run(f"{BASE}/{again}").delete(delete_artifacts=True)
out["after_the_second"] = fresh().artifact_exists(f"{BASE}/shared:v0")
fresh().run(f"{BASE}/{maker}").delete(delete_artifacts=True)
out["after_its_maker"] = fresh().artifact_exists(f"{BASE}/shared:v0")
""")

        assert out == {"after_the_second": True, "after_its_maker": False}

    def test_versions_are_used_listed_changed_and_deleted(self, ask: Any) -> None:
        out = ask("""
for text in ("one", "two", "three"):
    maker, version = log(art("model", "model", {"w": text}), tags=[text])
with wandb.init(project=PROJECT) as run:
    used = run.use_artifact("model:v1")
    out["used"] = [used.version, text_of(used, "w")]
    user = run.id
api = fresh()
out["used_by"] = [r.id for r in api.artifact(f"{BASE}/model:v1").used_by()] == [user]
out["inputs"] = [a.name for a in api.run(f"{BASE}/{user}").used_artifacts()]
out["outputs"] = [a.name for a in api.run(f"{BASE}/{maker}").logged_artifacts()]
out["types"] = [t.name for t in api.artifact_types(BASE)]
out["collections"] = [c.name for c in api.artifact_type("model", BASE).collections()]
out["versions"] = [a.version for a in api.artifacts("model", f"{BASE}/model")]
out["paged"] = [a.version for a in api.artifacts("model", f"{BASE}/model", per_page=1)]
out["count"] = len(api.artifacts("model", f"{BASE}/model"))
a = api.artifact(f"{BASE}/model:v1")
a.aliases.append("prod"); a.tags.append("blue"); a.metadata["acc"] = 0.5; a.description = "new"
a.save()
b = fresh().artifact(f"{BASE}/model:prod")
out["changed"] = [b.version, sorted(b.aliases), list(b.tags), b.metadata, b.description]
b.aliases.remove("prod"); b.tags.remove("blue"); b.save()
c = fresh().artifact(f"{BASE}/model:v1")
out["removed"] = [sorted(c.aliases), list(c.tags)]
latest = fresh().artifact(f"{BASE}/model:latest")
out["refused"] = error_of(latest.delete)
latest.delete(delete_aliases=True)
out["latest"] = fresh().artifact(f"{BASE}/model:latest").version
out["left"] = [a.version for a in fresh().artifacts("model", f"{BASE}/model")]
out["next"] = log(art("model", "model", {"w": "four"}))[1]
out["twice"] = log(art("model", "model", {"w": "three"}))[1]
collection = fresh().artifact_collection("model", f"{BASE}/model")
collection.description = "all models"; collection.tags = ["c"]; collection.save()
again = fresh().artifact_collection("model", f"{BASE}/model")
out["collection"] = [again.description, again.tags, sorted(again.aliases)]
again.delete()
out["gone"] = fresh().artifact_collection_exists(f"{BASE}/model", "model")
out["wrong_type"] = error_of(log, art("data2", "dataset")) or error_of(log, art("data2", "model"))
""")

        assert out["used"] == ["v1", "two"]
        assert out["used_by"]
        assert out["inputs"] == ["model:v1"]
        assert "model:v2" in out["outputs"]
        assert "model" in out["types"]
        assert out["collections"] == ["model"]
        assert out["versions"] == out["paged"] == ["v2", "v1", "v0"]
        assert out["count"] == 3
        assert out["changed"] == ["v1", ["prod"], ["blue"], {"acc": 0.5}, "new"]
        assert out["removed"] == [[], []]
        assert "latest" in out["refused"]
        assert out["latest"] == "v1"
        assert out["left"] == ["v1", "v0"]
        assert out["next"] == "v3"  # the number of a deleted version is not used again
        assert out["twice"] == "v4"  # a deleted version is no version to be the same as
        assert out["collection"] == ["all models", ["c"], ["latest"]]
        assert out["gone"] is False
        assert out["wrong_type"]


class TestContents:
    def test_references_tables_and_code(self, ask: Any) -> None:
        out = ask("""
Path("local.txt").write_text("local")
Path("train.py").write_text("print(1)")
ref = wandb.Artifact("refs", type="dataset")
ref.add_reference("http://127.0.0.1:9/far.bin", name="far", checksum=False)
ref.add_file("local.txt")
base = art("base", files={"x": "bytes"})
with wandb.init(project=PROJECT, id="contents") as run:
    run.log_artifact(base).wait()
    run.log_artifact(ref).wait()
    table = wandb.Table(columns=["a", "b"], data=[[1, "x"], [2.5, None]])
    run.log({"table": table})
    run.log_code(".", include_fn=lambda path: path.endswith("train.py"))
    linked = wandb.Artifact("linked", type="dataset")
    linked.add_reference(run.use_artifact("base:latest").get_entry("x"), name="via")
    run.log_artifact(linked).wait()
api = fresh()
a = api.artifact(f"{BASE}/refs:latest")
out["ref"] = [a.manifest.entries["far"].ref, text_of(a, "local.txt"), a.file_count]
out["via"] = text_of(api.artifact(f"{BASE}/linked:latest"), "via")
t = api.artifact(f"{BASE}/run-contents-table:v0")
out["table"] = [t.type, t.get("table").columns, t.get("table").data]
run = api.run(f"{BASE}/contents")
out["summary"] = [run.summary["table"]["nrows"], run.summary["table"]["ncols"]]
out["outputs"] = sorted(a.type for a in run.logged_artifacts())
code = [a for a in run.logged_artifacts() if a.type == "code"][0]
out["code"] = sorted(code.manifest.entries)
""")

        assert out["ref"] == ["http://127.0.0.1:9/far.bin", "local", 2]
        assert out["via"] == "bytes"
        assert out["table"] == ["run_table", ["a", "b"], [[1, "x"], [2.5, None]]]
        assert out["summary"] == [2, 2]
        assert {"code", "dataset", "run_table"} <= set(out["outputs"])
        assert any("train.py" in name for name in out["code"])

    def test_incremental_versions_hold_what_their_bases_held(self, ask: Any) -> None:
        out = ask("""
for number in range(3):
    log(art("grow", files={f"{number}.txt": str(number)}, incremental=True))
a = fresh().artifact(f"{BASE}/grow:latest")
out["entries"] = [a.version, sorted(a.manifest.entries), a.file_count]
out["texts"] = [text_of(a, f"{n}.txt") for n in range(3)]
out["before"] = sorted(fresh().artifact(f"{BASE}/grow:v1").manifest.entries)
with wandb.init(project=PROJECT, id="growing") as run:
    table = wandb.Table(columns=["n"], log_mode="INCREMENTAL")
    for number in range(3):
        table.add_data(number)
        run.log({"rows": table})
artifacts = [a for a in fresh().run(f"{BASE}/growing").logged_artifacts()]
out["kinds"] = sorted({a.type for a in artifacts})
newest = [a for a in artifacts if "incr" in a.name][-1]
out["increments"] = len(newest.manifest.entries)
""")

        assert out["entries"] == ["v2", ["0.txt", "1.txt", "2.txt"], 3]
        assert out["texts"] == ["0", "1", "2"]
        assert out["before"] == ["0.txt", "1.txt"]
        assert out["increments"] == 3

    def test_links_number_and_name_versions_by_themselves(self, ask: Any) -> None:
        out = ask("""
for text in ("one", "two"):
    log(art("source", "model", {"w": text}))
api = fresh()
second = api.artifact(f"{BASE}/source:v1")
linked = second.link(f"paribus/shelf/best", aliases=["champion"])
out["linked"] = [linked.name, linked.version, sorted(linked.aliases), linked.is_link]
found = fresh().artifact("paribus/shelf/best:champion")
out["found"] = [found.version, found.source_name, text_of(found, "w"), found.is_link]
out["own"] = sorted(fresh().artifact(f"{BASE}/source:v1").aliases)
out["links"] = [a.name for a in fresh().artifact(f"{BASE}/source:v1").linked_artifacts]
with wandb.init(project=PROJECT) as run:
    made = art("fresh", "model", {"w": "three"})
    run.link_artifact(run.log_artifact(made), "paribus/shelf/best")
newest = fresh().artifact("paribus/shelf/best:latest")
out["newest"] = [newest.version, text_of(newest, "w")]
fresh().artifact("paribus/shelf/best:v0").unlink()
out["unlinked"] = fresh().artifact_exists("paribus/shelf/best:v0")
out["kept"] = fresh().artifact_exists(f"{BASE}/source:v1")
""")

        assert out["linked"][1:] == ["v0", ["champion", "latest"], True]
        assert out["found"] == ["v0", "source:v1", "two", True]
        assert out["own"] == ["latest"]
        assert out["links"] == ["best:v0"]
        assert out["newest"] == ["v1", "three"]
        assert out["unlinked"] is False
        assert out["kept"] is True
