from pathlib import Path

import pytest

from paribus_service.errors import NotOfferedHere, StartRefused
from paribus_service.settings import Settings, read_settings


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

    def test_it_may_stand_in_a_file_of_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text(f"{'k' * 40}\n")

        key = Settings(wandb_api_key_file=path).effective_wandb_key

        assert key is not None
        assert key.get_secret_value() == "k" * 40

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "one key was expected in it, and there are 0 words"),
            ("secret words of mine", "there are 4 words"),
            ("\udcff", "it is no text"),
        ],
    )
    def test_a_file_that_holds_something_else_is_refused_and_its_text_not_told(
        self, tmp_path: Path, text: str, sentence: str
    ) -> None:
        path = tmp_path / "key"
        path.write_bytes(text.encode(errors="surrogateescape"))

        with pytest.raises(StartRefused, match=sentence) as found:
            read_settings({"wandb_api_key_file": path})

        assert "PARIBUS_WANDB_API_KEY_FILE" in str(found.value)
        assert "secret" not in str(found.value)

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StartRefused, match="No such file"):
            read_settings({"wandb_api_key_file": tmp_path / "key"})

    def test_one_of_both_is_enough(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.write_text("k" * 40)

        with pytest.raises(StartRefused, match="leave one of them out"):
            read_settings({"wandb_api_key": "k" * 40, "wandb_api_key_file": path})

    def test_another_python_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(StartRefused, match="there is no such program"):
            read_settings({"wandb_python": tmp_path / "python"})
