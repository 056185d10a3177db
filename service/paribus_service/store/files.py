"""Run files: rows in the database, bytes in a file store.

Promise: a blob is whole or absent. Bytes are written under a temporary name and renamed, and the
row that names them is written afterwards; what a crash leaves behind is an unnamed blob.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import anyio
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from paribus_service.errors import BodyTooLarge, DataDirectoryUnusable, NotOfferedHere
from paribus_service.store.engine import translated_errors
from paribus_service.store.tables import File, Run


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Bytes that were taken in."""

    name: str
    size_bytes: int
    md5: str
    """Base64."""


class FileStore:
    """Blobs in a directory.

    FileStore("/var/lib/paribus/files")
    """

    def __init__(self, url: str) -> None:
        if "://" in url:
            raise NotOfferedHere(
                f"a file store at {url}", hint="PARIBUS_FILES_URL takes a directory for now"
            )
        self._root = Path(url)
        try:
            (self._root / "incoming").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataDirectoryUnusable(url, error.strerror or str(error)) from error

    async def write(self, chunks: AsyncIterator[bytes], *, limit_bytes: int) -> StoredBlob:
        """Take in a body as it comes, at most `limit_bytes`.

        Raises:
            BodyTooLarge: More than `limit_bytes` came; nothing is kept.
            StorageFull: The disk is full; nothing is kept.
        """
        name = secrets.token_hex(16)
        partial = self._root / "incoming" / name
        try:
            with translated_errors():
                stored = await self._take_in(chunks, partial, name, limit_bytes)
                target = self._path(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(partial, target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return stored

    async def _take_in(
        self, chunks: AsyncIterator[bytes], partial: Path, name: str, limit_bytes: int
    ) -> StoredBlob:
        digest, size = hashlib.md5(usedforsecurity=False), 0
        async with await anyio.open_file(partial, "wb") as out:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit_bytes:
                    raise BodyTooLarge(limit_bytes)
                digest.update(chunk)
                await out.write(chunk)
        return StoredBlob(name, size, base64.b64encode(digest.digest()).decode())

    def keep(self, content: bytes) -> StoredBlob:
        """Take in bytes that are at hand.

        Raises:
            StorageFull: The disk is full; nothing is kept.
        """
        name = secrets.token_hex(16)
        partial, target = self._root / "incoming" / name, self._path(name)
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        try:
            with translated_errors():
                partial.write_bytes(content)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(partial, target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return StoredBlob(name, len(content), base64.b64encode(digest).decode())

    def open(self, name: str) -> BinaryIO:
        """The bytes of a blob, for reading."""
        return self._path(name).open("rb")

    def path(self, name: str) -> Path:
        """The file that holds a blob."""
        return self._path(name)

    def exists(self, name: str) -> bool:
        """The blob is there."""
        return self._path(name).is_file()

    def delete(self, name: str) -> None:
        """Remove a blob; one that is gone already is no error."""
        self._path(name).unlink(missing_ok=True)

    def prove_writable(self) -> None:
        """Write a few bytes and remove them.

        Raises:
            StorageFull: The disk is full.
            OSError: Anything else that keeps the store from writing.
        """
        probe = self._root / "incoming" / f"probe-{secrets.token_hex(8)}"
        try:
            with translated_errors():
                probe.write_bytes(bytes(4096))  # a block: an empty file needs none
        finally:
            probe.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name


def announce_file(session: Session, run: Run, name: str, *, now: datetime) -> File:
    """The row of a run's file; made when it is missing."""
    row = find_file(session, run, name)
    if row is None:
        row = File(run_pk=run.pk, name=name, created_at=now, updated_at=now)
        session.add(row)
        session.flush()
    return row


def find_file(session: Session, run: Run, name: str) -> File | None:
    """A run's file, or None."""
    return session.scalar(select(File).where(File.run_pk == run.pk, File.name == name))


def find_file_by_id(session: Session, file_id: int) -> File | None:
    """The file, or None."""
    return session.get(File, file_id)


def list_files(session: Session, run: Run) -> Sequence[File]:
    """The run's files whose bytes have come, by name."""
    return session.scalars(
        select(File).where(File.run_pk == run.pk, File.blob.is_not(None)).order_by(File.name)
    ).all()


def count_files(session: Session, run: Run) -> int:
    """How many of the run's files have come."""
    query = select(func.count()).where(File.run_pk == run.pk, File.blob.is_not(None))
    return session.scalar(query) or 0


def page_of_files(
    session: Session,
    run: Run,
    *,
    names: Sequence[str] = (),
    pattern: str | None = None,
    after: str | None = None,
    limit: int,
) -> Sequence[File]:
    """The run's files whose bytes have come, by name, behind the name `after`.

    Args:
        session: Of the request.
        run: Whose files.
        names: Only these; all where none is named.
        pattern: Only names that are LIKE it, in SQL's sense.
        after: The last name already seen.
        limit: At most so many.
    """
    query = select(File).where(File.run_pk == run.pk, File.blob.is_not(None))
    if names:
        query = query.where(File.name.in_(names))
    if pattern is not None:
        query = query.where(File.name.like(pattern))
    if after is not None:
        query = query.where(File.name > after)
    return session.scalars(query.order_by(File.name).limit(limit)).all()
