from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from paribus_service.app import create_app
from paribus_service.dependencies import COOKIE
from paribus_service.orchestration import keys
from tests.factories import Lab
from tests.service.dashboard.site import form_token, log_in, make_key, settings_of, text_of

PAGES = ["/", "/lab/imdb", "/lab/imdb/sweeps/x", "/lab/imdb/runs/x"]


class TestWithoutAKey:
    @pytest.mark.parametrize("path", PAGES)
    def test_every_page_leads_to_the_form(self, stranger: TestClient, path: str) -> None:
        answer = stranger.get(path)

        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/authorize?next=%2F")

    def test_the_form_asks_for_a_key_and_shows_none(self, stranger: TestClient) -> None:
        page = stranger.get("/authorize").text

        assert 'type="password"' in page
        assert "local-" not in page

    def test_a_form_of_a_sweep_leads_to_the_form_and_does_nothing(
        self, lab: Lab, stranger: TestClient
    ) -> None:
        sweep_id = lab.register()

        answer = stranger.post(f"/lab/imdb/sweeps/{sweep_id}/cancel")

        assert answer.headers["location"] == "/authorize"
        assert lab.sweep(sweep_id).state == "registered"


class TestLoggingIn:
    def test_a_good_key_opens_what_was_asked_for(self, lab: Lab, stranger: TestClient) -> None:
        lab.register(name="mine")

        answer = log_in(stranger, make_key(lab, "read"), next="/?state=registered")

        assert answer.status_code == 303
        assert answer.headers["location"] == "/?state=registered"
        page = stranger.get("/").text
        assert "mine" in page
        assert "ada" in page

    def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
        self, lab: Lab, stranger: TestClient
    ) -> None:
        key = make_key(lab, "read")

        cookie = log_in(stranger, key).headers["set-cookie"]

        assert cookie.startswith(f"{COOKIE}=")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie

    @pytest.mark.parametrize("key", ["", "local-" + "0" * 40, "<script>"])
    def test_a_wrong_key_is_told_beside_the_field(self, stranger: TestClient, key: str) -> None:
        answer = log_in(stranger, key)

        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert COOKIE not in stranger.cookies
        assert "<script>" not in answer.text

    def test_a_wrong_key_does_not_lose_where_one_wanted_to_go(self, stranger: TestClient) -> None:
        answer = log_in(stranger, "wrong", next="/lab/imdb")

        assert 'name="next" value="/lab/imdb"' in answer.text

    @pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil"])
    def test_nobody_is_sent_to_another_site(
        self, lab: Lab, stranger: TestClient, target: str
    ) -> None:
        answer = log_in(stranger, make_key(lab, "read"), next=target)

        assert answer.headers["location"] == "/"

    def test_another_sites_form_logs_nobody_in(self, lab: Lab, stranger: TestClient) -> None:
        answer = stranger.post("/authorize", data={"key": make_key(lab, "read")})

        assert answer.status_code == 403
        assert COOKIE not in stranger.cookies

    def test_logging_out_forgets_the_key(self, lab: Lab, stranger: TestClient) -> None:
        log_in(stranger, make_key(lab, "read"))
        page = stranger.get("/authorize").text
        assert "You are logged in as" in page

        stranger.post("/logout", data={"form_token": form_token(page)})

        assert stranger.get("/").status_code == 303

    def test_a_revoked_key_is_told_as_such(self, lab: Lab, stranger: TestClient) -> None:
        secret = make_key(lab, "read")
        with lab.writing() as session:
            keys.revoke_key(session, secret[:12], now=lab.clock.now())
        signer = stranger.app.state.services.signer  # type: ignore[attr-defined]
        stranger.cookies.set(COOKIE, signer.sign("session", secret))

        assert stranger.get("/").status_code == 303
        assert "was revoked on 2026-11-23" in stranger.get("/authorize").text

    def test_development_mode_does_not_look_at_an_old_cookie(self, browser: TestClient) -> None:
        browser.cookies.set(COOKIE, "of.another.service")  # that ran on this address before

        assert browser.get("/").status_code == 200

    def test_a_cookie_that_we_did_not_sign_is_nobody(self, stranger: TestClient) -> None:
        stranger.cookies.set(COOKIE, "made.up.cookie")

        assert stranger.get("/").headers["location"] == "/authorize?next=%2F"
        assert stranger.get("/authorize").status_code == 200

    def test_a_key_that_may_only_read_cannot_pause(self, lab: Lab, stranger: TestClient) -> None:
        sweep_id = lab.register()
        log_in(stranger, make_key(lab, "read"))
        token = form_token(stranger.get(f"/lab/imdb/sweeps/{sweep_id}").text)

        answer = stranger.post(f"/lab/imdb/sweeps/{sweep_id}/pause", data={"form_token": token})

        assert answer.status_code == 403
        assert "the request needs the scope &#39;submit&#39;" in answer.text
        assert lab.sweep(sweep_id).state == "registered"

    def test_a_form_from_yesterday_is_too_old(
        self, lab: Lab, stranger: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("paribus_service.dashboard.rendering.FORM_SECONDS", -1)

        assert log_in(stranger, make_key(lab, "read")).status_code == 403


class TestDevelopmentMode:
    def test_a_key_to_copy_is_shown(self, browser: TestClient) -> None:
        page = text_of(browser.get("/authorize").text)

        assert "export WANDB_BASE_URL=http://testserver" in page
        assert "export WANDB_API_KEY=local-0000" in page

    @pytest.mark.parametrize("path", ["/login", "/settings"])
    def test_w_and_bs_pages_about_keys_lead_there(self, browser: TestClient, path: str) -> None:
        answer = browser.get(path, follow_redirects=False)

        assert answer.headers["location"] == "/authorize"


class TestBehindAProxy:
    @pytest.fixture
    def proxied(self, lab: Lab) -> Iterator[TestClient]:
        settings = settings_of(lab, dev=False, public_url="https://lab.example/paribus/")
        app = create_app(settings, clock=lab.clock)
        with TestClient(
            app,
            headers={"Accept": "text/html"},
            follow_redirects=False,
            base_url="https://testserver",
        ) as client:
            client.cookies.set("unrelated", "1")
            yield client

    def test_links_and_commands_begin_with_the_public_address(
        self, lab: Lab, proxied: TestClient
    ) -> None:
        sweep_id = lab.register()
        signer = proxied.app.state.services.signer  # type: ignore[attr-defined]
        proxied.cookies.set(COOKIE, signer.sign("session", make_key(lab, "read")))

        page = proxied.get(f"/lab/imdb/sweeps/{sweep_id}").text

        assert "export WANDB_BASE_URL=https://lab.example/paribus\n" in page
        assert 'href="/paribus/static/paribus.css"' in page
        assert 'href="/paribus/lab/imdb"' in page
        assert 'href="/lab' not in page

    def test_logging_in_keeps_to_the_prefix_and_to_https(
        self, lab: Lab, proxied: TestClient
    ) -> None:
        away = proxied.get("/lab/imdb").headers["location"]
        cookie = proxied.get("/authorize").headers["set-cookie"]

        assert away == "/paribus/authorize?next=%2Fparibus%2Flab%2Fimdb"
        assert "Path=/paribus/" in cookie
        assert "Secure" in cookie
