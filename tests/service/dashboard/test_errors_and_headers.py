from typing import Any

import pytest
from fastapi.testclient import TestClient

from paribus_service.dashboard import sweep_views
from tests.factories import Lab

PAGES = ["/", "/authorize", "/lab/imdb", "/nowhere", "/lab/imdb/sweeps/none"]


class TestHeaders:
    @pytest.mark.parametrize("path", PAGES)
    def test_every_page_allows_only_what_comes_from_here(
        self, lab: Lab, browser: TestClient, path: str
    ) -> None:
        lab.register()

        headers = browser.get(path).headers

        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"

    @pytest.mark.parametrize("path", PAGES)
    def test_no_page_asks_another_host_or_carries_a_script(
        self, lab: Lab, browser: TestClient, path: str
    ) -> None:
        lab.register()

        page = browser.get(path).text

        assert 'src="http' not in page
        assert 'href="http' not in page
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick" not in page

    def test_static_files_are_served(self, browser: TestClient) -> None:
        for name in ("paribus.css", "live.js", "copy.js", "icon.svg"):
            assert browser.get(f"/static/{name}").status_code == 200


class TestErrorPages:
    @pytest.mark.parametrize(
        "path", ["/nowhere", "/a/b", "/a/b/c/d/e", "/lab/none/runs/x", "/lab/imdb/sweeps/none"]
    )
    def test_what_is_not_there_is_a_page(self, browser: TestClient, path: str) -> None:
        answer = browser.get(path)

        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "To the list of sweeps" in answer.text

    def test_a_parameter_that_is_no_number_is_a_page(self, lab: Lab, browser: TestClient) -> None:
        answer = browser.get(f"/lab/imdb/sweeps/{lab.register()}?after=two")

        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("text/html")
        assert "?after" in answer.text

    def test_the_address_in_an_error_is_escaped(self, browser: TestClient) -> None:
        answer = browser.get("/lab/%3Cscript%3Ealert(1)%3C%2Fscript%3E")

        assert answer.status_code == 404
        assert "<script>alert" not in answer.text

    def test_what_nobody_expected_is_a_page_with_a_number_and_no_trace(
        self, browser: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def explode(*_: Any, **__: Any) -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr(sweep_views, "listed_sweeps", explode)

        answer = browser.get("/")

        assert answer.status_code == 500
        assert "the service&#39;s log has it under" in answer.text
        assert "secret detail" not in answer.text
        assert "Traceback" not in answer.text

    @pytest.mark.parametrize("path", ["/api/v1/nowhere", "/api/nowhere", "/graphql/x", "/files/x"])
    def test_paths_of_programs_are_answered_with_json(
        self, browser: TestClient, path: str
    ) -> None:
        answer = browser.get(path)

        assert answer.status_code in (404, 405)
        assert "json" in answer.headers["content-type"]

    @pytest.mark.parametrize("path", ["/api/imdb", "/graphql/imdb"])
    def test_no_project_is_looked_for_below_a_reserved_name(
        self, browser: TestClient, path: str
    ) -> None:
        assert browser.get(path).json()["detail"] == "Not Found"

    def test_a_program_that_asks_for_a_page_path_gets_json(self, browser: TestClient) -> None:
        answer = browser.get("/nowhere", headers={"Accept": "*/*"})

        assert answer.headers["content-type"] == "application/problem+json"
