"""Whose a key is: asked on every request, so never at the price of the write lock."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from paribus_service.errors import NotAuthenticated
from paribus_service.orchestration import keys
from paribus_service.orchestration.keys import Doorkeeper
from paribus_service.store import keys as key_store
from paribus_service.store.engine import GroupWriter
from tests.factories import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def writer(lab: Lab) -> Iterator[GroupWriter]:
    writer = GroupWriter(lab.engine)
    yield writer
    writer.close()


def make_key(lab: Lab, *, days: float = 1) -> str:
    with lab.writing() as session:
        return keys.create_key(
            session,
            name="ci",
            entity="lab",
            scopes=["read"],
            now=lab.clock.now(),
            expires_at=lab.clock.now() + timedelta(days=days),
        ).secret


class TestDoorkeeper:
    def test_a_key_is_known_while_another_holds_the_write_lock(
        self, lab: Lab, writer: GroupWriter
    ) -> None:
        secret = make_key(lab)
        doorkeeper = Doorkeeper(lab.engine, writer)

        with lab.writing() as session:  # waiting for this lock here would last for ever
            session.execute(text("SELECT 1"))
            assert doorkeeper.identify(secret, now=lab.clock.now()).name == "ci"

        writer.submit(lambda _session: None).result(timeout=30)  # behind the doorkeeper's note
        with lab.reading() as session:
            (key,) = key_store.list_keys(session)
        assert key.last_used_at == lab.clock.now()

    def test_a_key_that_has_expired_is_nobodys(self, lab: Lab, writer: GroupWriter) -> None:
        secret = make_key(lab, days=1)
        lab.clock.advance(86_400)

        with pytest.raises(NotAuthenticated, match="expired"):
            Doorkeeper(lab.engine, writer).identify(secret, now=lab.clock.now())
