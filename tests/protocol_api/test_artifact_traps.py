"""Artifacts when replies are lost, requests repeated, bytes wrong, things deleted, clients old."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.protocol_api.conftest import Live

OLD_CLIENT = Path(__file__).parents[2] / ".venv-wandb-0.21/bin/python"
_LOG = """
def log(name, texts, kind="dataset", **more):
    made = wandb.Artifact(name, type=kind)
    for path, text in texts.items():
        with made.new_file(path) as file:
            file.write(text)
    with wandb.init(project="traps", **more) as run:
        logged = run.log_artifact(made)
        logged.wait()
        return logged.version
"""


class TestFaults:
    @pytest.mark.parametrize(
        "lost",
        ["mutation CreateArtifact (", "CreateArtifactFiles", "CommitArtifact", "/storage/"],
    )
    def test_a_lost_reply_makes_no_second_version(self, live: Live, lost: str) -> None:
        name = "".join(letter for letter in lost if letter.isalnum())
        live.service.faults.lose_reply(lost)

        out = live.client(
            _LOG
            + f"""
out["version"] = log("lost{name}", {{"a": "{name}", "b": "b"}})
artifact = wandb.Api().artifact("paribus/traps/lost{name}:latest")
out["entries"] = sorted(artifact.manifest.entries)
out["all"] = [a.version for a in wandb.Api().artifacts("dataset", "paribus/traps/lost{name}")]
"""
        )

        assert out == {"version": "v0", "entries": ["a", "b"], "all": ["v0"]}


class TestBytes:
    def test_equal_bytes_are_uploaded_and_kept_once(self, live: Live) -> None:
        texts = '{"big": "the same bytes in both", "own": %r}'
        live.client(_LOG + f'log("first", {texts % "1"})')
        puts = len(_uploads(live))

        live.client(_LOG + f'log("second", {texts % "2"})')

        sent = _uploads(live)[puts:]
        assert b"the same bytes in both" not in sent
        assert b"2" in sent

    def test_bytes_that_are_not_what_was_announced_are_refused(self, live: Live) -> None:
        artifact, address = _announced(live, content=b"announced")

        answer = httpx.put(address, content=b"something else")
        committed = _ask(
            live,
            "mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id } } }",
            id=artifact,
        )

        assert answer.status_code == 422  # final: the client does not try again
        assert "changed while it was uploaded" in answer.text
        assert "manifest has not come" in committed["errors"][0]["message"]

    def test_a_commit_without_its_bytes_is_refused(self, live: Live) -> None:
        artifact, _address = _announced(live, content=b"never sent")
        manifest = _ask(
            live,
            """mutation($id: ID!) { createArtifactManifest(input: {artifactID: $id, digest: "d",
               name: "wandb_manifest.json", entityName: "paribus", projectName: "traps",
               runName: "maker", type: FULL}) { artifactManifest { file { uploadUrl } } } }""",
            id=artifact,
        )
        url = manifest["data"]["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"]
        entry = {"digest": _md5(b"never sent"), "size": 10}
        httpx.put(url, json={"version": 1, "contents": {"lost.bin": entry}}).raise_for_status()

        committed = _ask(
            live,
            "mutation($id: ID!) { commitArtifact(input: {artifactID: $id}) { artifact { id } } }",
            id=artifact,
        )

        assert "'lost.bin'" in committed["errors"][0]["message"]

    def test_deleting_frees_the_bytes_that_nothing_else_needs(self, live: Live) -> None:
        live.client(
            _LOG
            + """
log("kept", {"shared": "shared bytes"})
log("doomed", {"shared": "shared bytes", "own": "own bytes"}, id="doomed")
wandb.Api().artifact("paribus/traps/doomed:v0").delete(delete_aliases=True)
log("other", {"own": "bytes of a run"}, id="deleted")
wandb.Api().run("paribus/traps/deleted").delete(delete_artifacts=True)
"""
        )

        kept = _stored(live)
        assert b"shared bytes" in kept
        assert b"own bytes" not in kept
        assert b"bytes of a run" not in kept

    def test_the_address_that_a_client_makes_up_needs_a_key(self, live: Live) -> None:
        live.client(_LOG + 'log("direct", {"x": "direct bytes"})')
        digest = hashlib.md5(b"direct bytes").hexdigest()
        for path in (
            "default/paribus/traps/direct/birth",
            "default/paribus/traps/direct/id/birth",
        ):
            url = f"{live.service.url}/artifactsV2/{path}/{digest}/x"

            assert httpx.get(url, auth=_auth(live)).content == b"direct bytes"
            assert httpx.get(url).status_code == 401
        elsewhere = f"{live.service.url}/artifacts/somebody/{digest}"
        assert httpx.get(elsewhere, auth=_auth(live)).status_code == 404


class TestRefusals:
    def test_what_is_not_offered_is_refused_by_name(self, live: Live) -> None:
        out = live.client("""
made = wandb.Artifact("together", type="dataset")
with made.new_file("a") as file:
    file.write("a")
with wandb.init(project="traps") as run:
    try:
        run.upsert_artifact(made, distributed_id="x").wait(timeout=20)
    except Exception as error:
        out["together"] = str(error)
    away = wandb.Artifact("away", type="dataset", storage_region="coreweave-us")
    try:
        run.log_artifact(away).wait(timeout=20)
    except Exception as error:
        out["away"] = str(error)
""")

        assert "write together (upsert_artifact) is not offered yet" in out["together"]
        assert "the storage region 'coreweave-us' is not offered yet" in out["away"]

    def test_ids_are_base64_and_files_always_name_their_artifact(self, live: Live) -> None:
        artifact, _address = _announced(live, content=b"base64")

        assert base64.b64decode(artifact, validate=True).startswith(b"Artifact:")


@pytest.mark.skipif(not OLD_CLIENT.exists(), reason="no environment with wandb 0.21")
def test_an_old_client_logs_uses_and_reads_back(live: Live) -> None:
    out = live.client(
        _LOG
        + """
out["client"] = wandb.__version__
out["versions"] = [log("old", {"a": text}) for text in ("one", "two", "two")]
with wandb.init(project="traps", id="old-run", config={"lr": 0.1}) as run:
    used = run.use_artifact("old:v0")
    with open(used.get_entry("a").download()) as file:
        out["text"] = file.read()
    for step in range(5):
        run.log({"loss": 1 / (step + 1)})
api = wandb.Api()
run = api.run("paribus/traps/old-run")
out["config"] = run.config["lr"]
out["scan"] = [row["loss"] for row in run.scan_history()]
out["by_key"] = [row["loss"] for row in run.scan_history(keys=["loss"])]
out["sampled"] = len(run.history(pandas=False))
out["inputs"] = [a.name for a in run.used_artifacts()]
out["runs"] = [r.id for r in api.runs("paribus/traps", filters={"config.lr": 0.1})]
a = api.artifact("paribus/traps/old:latest")
a.aliases.append("mine"); a.description = "said"; a.save()
b = wandb.Api().artifact("paribus/traps/old:mine")
out["changed"] = [b.version, b.description]
out["files"] = [f.name for f in b.files()]
linked = b.link("paribus/old-shelf/best", aliases=["champion"])
found = wandb.Api().artifact("paribus/old-shelf/best:champion")
out["linked"] = [found.version, found.source_name, found.is_link]
out["run_files"] = sorted(f.name for f in run.files(["config.yaml"]))
""",
        python=str(OLD_CLIENT),
    )

    assert out["client"].startswith("0.21")
    assert out["versions"] == ["v0", "v1", "v1"]
    assert out["text"] == "one"
    assert out["config"] == 0.1
    assert out["scan"] == out["by_key"] == [1 / (step + 1) for step in range(5)]
    assert out["sampled"] == 5
    assert out["inputs"] == ["old:v0"]
    assert out["runs"] == ["old-run"]
    assert out["changed"] == ["v1", "said"]
    assert out["files"] == ["a"]
    assert out["linked"] == ["v0", "old:v1", True]
    assert out["run_files"] == ["config.yaml"]


def _announced(live: Live, *, content: bytes) -> tuple[str, str]:
    """An artifact in the making with one entry: its id, and where the entry's bytes go."""
    _ask(
        live,
        """mutation { upsertBucket(input: {name: "maker", modelName: "traps",
           entityName: "paribus"}) { bucket { id } } }""",
    )
    created = _ask(
        live,
        """mutation($digest: String!) { createArtifact(input: {entityName: "paribus",
           projectName: "traps", runName: "maker", artifactTypeName: "dataset",
           artifactCollectionName: "raw", digest: $digest,
           digestAlgorithm: MANIFEST_MD5}) { artifact { id state } } }""",
        digest=_md5(content),
    )
    assert "errors" not in created, created
    artifact = created["data"]["createArtifact"]["artifact"]["id"]
    files = _ask(
        live,
        """mutation($id: ID!, $md5: String!) { createArtifactFiles(input: {storageLayout: V2,
           artifactFiles: [{artifactID: $id, name: "lost.bin", md5: $md5}]}) {
           files { edges { node { uploadUrl artifact { id } } } } } }""",
        id=artifact,
        md5=_md5(content),
    )
    node = files["data"]["createArtifactFiles"]["files"]["edges"][0]["node"]
    assert node["artifact"]["id"] == artifact
    return artifact, node["uploadUrl"]


def _ask(live: Live, query: str, **variables: Any) -> dict[str, Any]:
    answer = httpx.post(
        f"{live.service.url}/graphql",
        auth=_auth(live),
        json={"query": query, "variables": variables},
    )
    found: dict[str, Any] = answer.json()
    return found


def _auth(live: Live) -> tuple[str, str]:
    return "api", live.service.env["WANDB_API_KEY"]


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


def _uploads(live: Live) -> list[bytes]:
    return [body for method, _, body, _ in live.service.faults.seen if method == "PUT"]


def _stored(live: Live) -> list[bytes]:
    root = live.service.settings.data_dir / "files"
    return [path.read_bytes() for path in root.rglob("*") if path.is_file()]
