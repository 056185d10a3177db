"""The file store: whole or absent."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from paribus_service.errors import BodyTooLarge, NotOfferedHere, StorageFull
from paribus_service.store import files
from paribus_service.store.files import FileStore, StoredBlob


def write(store: FileStore, *chunks: bytes, limit: int = 1000) -> StoredBlob:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def run() -> StoredBlob:
        return await store.write(body(), limit_bytes=limit)

    return anyio.run(run)


def everything(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


class TestFileStore:
    def test_bytes_come_back_with_their_size_and_digest(self, tmp_path: Path) -> None:
        store = FileStore(str(tmp_path))

        blob = write(store, b"hello ", b"world")

        assert (blob.size_bytes, blob.md5) == (11, "XrY7u+Ae7tCTyyK7j1rNww==")  # md5 of the text
        with store.open(blob.name) as file:
            assert file.read() == b"hello world"

    def test_an_empty_file_is_a_file(self, tmp_path: Path) -> None:
        store = FileStore(str(tmp_path))

        assert store.exists(write(store).name)

    def test_too_much_leaves_nothing(self, tmp_path: Path) -> None:
        store = FileStore(str(tmp_path))

        with pytest.raises(BodyTooLarge, match="10 bytes"):
            write(store, b"12345", b"678901", limit=10)

        assert everything(tmp_path) == []

    def test_a_full_disk_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = FileStore(str(tmp_path))
        (tmp_path / "incoming" / "full").symlink_to("/dev/full")  # every write: no space left
        monkeypatch.setattr(files.secrets, "token_hex", lambda _length: "full")

        with pytest.raises(StorageFull):
            write(store, b"x" * 100_000, limit=10**6)

        assert everything(tmp_path) == []

    def test_deleting_twice_is_deleting_once(self, tmp_path: Path) -> None:
        store = FileStore(str(tmp_path))
        blob = write(store, b"x")

        store.delete(blob.name)
        store.delete(blob.name)

        assert not store.exists(blob.name)

    def test_an_object_store_is_refused_by_name(self) -> None:
        with pytest.raises(NotOfferedHere, match="s3://bucket is not offered yet"):
            FileStore("s3://bucket")
