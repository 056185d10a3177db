"""Every setting, command and route stands in docs/reference as the code says it."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "write_docs.py"


@pytest.fixture(scope="module")
def write_docs() -> ModuleType:
    spec = spec_from_file_location("write_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_written_pages_are_what_the_code_says(write_docs: ModuleType) -> None:
    assert [path.name for path, _ in write_docs.stale()] == [], "run `make docs`"


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("commands.md", ["paribus launch SOURCE", "--dry-run", "paribus db upgrade", "| 3 |"]),
        ("settings.md", ["PARIBUS_RUN_TIMEOUT_SECONDS", "PARIBUS_PUBLIC_URL"]),
        ("rest.md", ["GET /api/v1/sweeps/{sweep_id}/best", "not_offered"]),
    ],
)
def test_a_page_names_what_people_look_for(page: str, words: list[str]) -> None:
    text = (SCRIPT.parents[1] / "docs" / "reference" / page).read_text(encoding="utf-8")

    assert [word for word in words if word not in text] == []
