from pathlib import Path

import pytest

from paribus_service.errors import NotOfferedHere
from paribus_service.settings import Settings


class TestDatabase:
    def test_it_is_a_file_in_the_data_directory_by_default(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)

        assert settings.effective_database_url == f"sqlite:///{tmp_path}/paribus.db"

    def test_another_sqlite_file_can_be_named(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/elsewhere.db"

        assert Settings(database_url=url).effective_database_url == url

    def test_postgresql_is_refused_by_name_and_its_password_is_not_told(self) -> None:
        settings = Settings(database_url="postgresql+psycopg://me:secret@host/paribus")

        with pytest.raises(
            NotOfferedHere, match=r"postgresql\+psycopg database is not offered"
        ) as found:
            _ = settings.effective_database_url

        assert "secret" not in str(found.value)


class TestKeyOfAWandbServer:
    def test_a_line_end_that_came_from_a_file_is_no_part_of_it(self) -> None:
        key = Settings(wandb_api_key=f"{'k' * 40}\n").wandb_api_key

        assert key is not None
        assert key.get_secret_value() == "k" * 40

    def test_an_empty_one_is_none(self) -> None:
        assert Settings(wandb_api_key=" ").wandb_api_key is None
