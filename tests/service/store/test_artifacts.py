"""Versions, aliases and bytes of artifacts, in a database of their own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.store import artifact_bytes, artifacts, manifests
from paribus_service.store import artifact_collections as collections
from paribus_service.store.artifacts import NewVersion
from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.files import FileStore
from paribus_service.store.tables import Artifact, ArtifactCollection, Base, Project

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    engine = make_engine(f"sqlite:///{tmp_path / 'artifacts.db'}")
    Base.metadata.create_all(engine)
    with session_scope(engine) as session:
        for number, entity in enumerate(("me", "you"), 1):
            session.add(Project(id=number, entity=entity, name="p", created_at=NOW, run_count=0))
        session.flush()
        yield session
    engine.dispose()


def collection(session: Session, name: str = "data", *, project: int = 1) -> ArtifactCollection:
    place = session.get_one(Project, project)
    return collections.ensure_collection(session, place, name, type_name="dataset", now=NOW)


def begin(session: Session, digest: str, *, name: str = "data", project: int = 1) -> Artifact:
    told = NewVersion(digest=digest, client_id=f"{name}-{digest}")
    return artifacts.begin_version(
        session, collection(session, name, project=project), told, now=NOW
    )


def commit(session: Session, digest: str, *, name: str = "data", project: int = 1) -> Artifact:
    artifact = begin(session, digest, name=name, project=project)
    artifacts.commit_version(session, artifact, size_bytes=1, file_count=1, now=NOW)
    return artifact


def version(session: Session, name: str) -> int | None:
    member = collections.membership_named(session, 1, name)
    return None if member is None else member.version_index


class TestVersions:
    def test_a_version_is_nobodys_before_its_commit(self, session: Session) -> None:
        begin(session, "d0")

        assert version(session, "data:latest") is None
        assert version(session, "data:v0") is None
        assert version(session, "data:d0") is None

    def test_a_repeated_request_begins_one_version_and_commits_it_once(
        self, session: Session
    ) -> None:
        first, again = commit(session, "d0"), begin(session, "d0")
        artifacts.commit_version(session, again, size_bytes=9, file_count=9, now=NOW)

        assert again is first
        assert first.size_bytes == 1
        assert collection(session).next_version == 1

    def test_numbers_follow_commits_and_not_beginnings(self, session: Session) -> None:
        slow = begin(session, "slow")
        fast = commit(session, "fast")
        artifacts.commit_version(session, slow, size_bytes=1, file_count=1, now=NOW)

        assert (fast.version_index, slow.version_index) == (0, 1)
        assert version(session, "data") == version(session, "data:latest") == 1

    def test_a_deleted_version_gives_latest_back_and_keeps_its_number(
        self, session: Session
    ) -> None:
        commit(session, "d0")
        doomed = commit(session, "d1")
        with pytest.raises(InvalidRequest, match="has the aliases latest"):
            artifacts.delete_version(session, doomed, with_aliases=False, now=NOW)

        artifacts.delete_version(session, doomed, with_aliases=True, now=NOW)

        assert version(session, "data:latest") == 0
        assert version(session, "data:v1") is None
        assert artifacts.find_same(session, collection(session), NewVersion("d1")) is None
        assert commit(session, "d2").version_index == 2

    def test_a_name_stands_for_one_type_and_one_kind(self, session: Session) -> None:
        collection(session)
        place = session.get_one(Project, 1)

        with pytest.raises(InvalidRequest, match="cannot take one of type 'model'"):
            collections.ensure_collection(session, place, "data", type_name="model", now=NOW)
        with pytest.raises(InvalidRequest, match="takes no links"):
            collections.ensure_collection(
                session, place, "data", type_name="dataset", is_portfolio=True, now=NOW
            )

    @pytest.mark.parametrize("name", ["", "a:b", "a/b", "n" * 129])
    def test_a_name_that_no_path_could_hold_is_refused(self, session: Session, name: str) -> None:
        with pytest.raises(InvalidRequest):
            collection(session, name)


class TestAliases:
    def test_an_alias_means_one_version_of_its_collection(self, session: Session) -> None:
        first, second = commit(session, "d0"), commit(session, "d1")
        other = commit(session, "d0", name="other")
        own = collection(session)
        collections.point(session, own.id, ["best"], first.id)
        collections.point(session, own.id, ["best"], second.id)
        collections.point(session, other.collection_id, ["best"], other.id)

        assert collections.aliases_of(session, own.id, first.id) == []
        assert collections.aliases_of(session, own.id, second.id) == ["best", "latest"]
        assert version(session, "other:best") == 0
        collections.remove_aliases(session, own.id, first.id, ["best"])  # it points elsewhere
        assert version(session, "data:best") == 1


class TestBytes:
    def test_bytes_are_found_again_in_their_entity_alone(self, session: Session) -> None:
        mine = commit(session, "d0")
        artifact_bytes.keep_file(session, mine.id, "x", md5="m", blob="blob", size_bytes=3)

        assert artifact_bytes.stored_bytes(session, "me", ["m", "n"]) == {"m": ("blob", 3)}
        assert artifact_bytes.stored_bytes(session, "you", ["m"]) == {}

    def test_a_deletion_names_the_blobs_that_nobody_needs_any_more(self, session: Session) -> None:
        doomed, other = commit(session, "d0"), commit(session, "d1", name="other")
        for artifact in (doomed, other):
            artifact_bytes.keep_file(
                session, artifact.id, "both", md5="m", blob="b1", size_bytes=1
            )
        artifact_bytes.keep_file(session, doomed.id, "own", md5="o", blob="b2", size_bytes=1)
        artifact_bytes.keep_file(session, doomed.id, "own twice", md5="o", blob="b2", size_bytes=1)

        first = artifacts.delete_version(session, doomed, with_aliases=True, now=NOW)
        rest = artifacts.delete_collection(session, other.collection)

        assert first == ["b2"]
        assert rest == ["b1"]

    def test_the_store_keeps_bytes_whole(self, tmp_path: Path) -> None:
        store = FileStore(str(tmp_path))

        stored = store.keep(b"abc")

        assert store.path(stored.name).read_bytes() == b"abc"
        assert (stored.size_bytes, stored.md5) == (3, "kAFQmDzST7DWlj99KOF/cg==")  # RFC 1321
        assert list((tmp_path / "incoming").iterdir()) == []


class TestManifests:
    def test_an_increment_adds_to_its_base_and_wins_over_it(self) -> None:
        base = {"version": 1, "contents": {"a": {"digest": "1"}, "b": {"digest": "2"}}}
        new = {"version": 1, "contents": {"b": {"digest": "3"}, "c": {"digest": "4"}}}

        contents = manifests.merged(base, new)["contents"]

        assert {path: entry["digest"] for path, entry in contents.items()} == {
            "a": "1",
            "b": "3",
            "c": "4",
        }
        assert base["contents"]["b"] == {"digest": "2"}

    def test_references_have_no_bytes_here_and_count_in_the_size(self) -> None:
        contents = {"a": {"digest": "1", "size": 5}, "far": {"ref": "s3://b/k", "size": 7}}

        assert manifests.stored_entries({"contents": contents}) == {"a": contents["a"]}
        assert manifests.total_size({"contents": contents}) == 12

    @pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"contents": []}', b"\xff"])
    def test_what_is_no_manifest_is_refused(self, text: bytes) -> None:
        with pytest.raises(InvalidRequest, match="manifest"):
            manifests.read_manifest(text)
