"""What tests of pages share: seeded sweeps, and reading a page."""

import json
import re
from typing import Any

from fastapi.testclient import TestClient

from paribus_service.orchestration import keys
from paribus_service.settings import Settings
from tests.factories import Lab


def settings_of(lab: Lab, *, dev: bool, **more: Any) -> Settings:
    """Settings of a service on the lab's database; its watchdog does not look by itself."""
    return Settings(
        data_dir=lab.settings.data_dir,
        dev=dev,
        database_url=str(lab.engine.url),
        watchdog_interval_seconds=3600,
        observer_interval_seconds=0,
        **more,
    )


def factorial_config(**more: Any) -> dict[str, Any]:
    """Batch size by ratio, two seeds: eight trials, ranked by `holdout/loss`."""
    return {
        "name": "batch or ratio",
        "project": "imdb",
        "program": "train.py",
        "metric": {"name": "holdout/loss", "goal": "minimize"},
        "design": {
            "type": "full_factorial",
            "factors": {
                "batch": {"baseline": 8, "levels": [8, 64]},
                "ratio": {"baseline": "1:1", "levels": ["1:1", "4:1"]},
            },
            "replicates": {"seed": [0, 1]},
        },
        "parameters": {"lr": {"value": 2e-5}},
        **more,
    }


def history_lines(count: int, **first: Any) -> list[str]:
    """Rows of a training: losses at every step, an evaluation at every tenth."""
    rows: list[dict[str, Any]] = []
    for step in range(count):
        row = {"_step": step, "train/global_step": step, "train/loss": 1 / (1 + step)}
        if step % 10 == 0:
            row["eval/loss"] = 0.5 + 1 / (2 + step)
        rows.append(row)
    rows[0].update(first)
    return [json.dumps(row) for row in rows]


def make_key(lab: Lab, *scopes: str) -> str:
    """A key that may do what `scopes` say."""
    with lab.writing() as session:
        made = keys.create_key(
            session, name="ada", entity="lab", scopes=scopes, now=lab.clock.now()
        )
        return made.secret


def form_token(page: str) -> str:
    """The token that a page's forms carry."""
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found is not None, "the page has no form"
    return found[1]


def log_in(browser: TestClient, key: str, **more: str) -> Any:
    """Fill in the form at /authorize and send it; the answer."""
    page = browser.get("/authorize")
    told = {"form_token": form_token(page.text), "key": key, **more}
    return browser.post("/authorize", data=told)


def text_of(page: str) -> str:
    """What a page says, without its tags and with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)).strip()
