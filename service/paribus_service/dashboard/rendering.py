"""One page: who looks at it, its templates, its headers, and whether it has changed.

Every page goes through `Page.render`, so every page has the same policy: scripts and styles from
this service only, nothing inline, never inside another site's frame. Whatever a template writes
is escaped.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from paribus_service.dashboard import addresses, charts, wording
from paribus_service.dependencies import Reader, Services, ServicesDep, base_url
from paribus_service.errors import ConfirmationFailed, SignatureInvalid
from paribus_service.orchestration.keys import Who

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
CHART_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"]
    .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    .replace("img-src 'self' data:", "img-src 'self' data: blob:"),
}
"""Of pages with an interactive chart: plotly.js adds a style element, and draws what is saved as a
picture from bytes of the page itself (`blob:`)."""
FORM_COOKIE = "paribus_form"
FORM_SECONDS = 12 * 3600  # a page that was left open overnight still works in the morning


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates; a name that a template uses and nobody set is an error, and not a blank."""
    made = Environment(
        loader=PackageLoader("paribus_service.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=wording.number,
        brief=wording.brief,
        level=wording.level,
        probability=wording.probability,
        plain=wording.plain,
        coded=wording.coded,
        when=wording.when,
        size=wording.size,
        duration=wording.duration,
        capitalize_first=wording.capitalize_first,
        sentence=wording.sentence,
        words=wording.words,
        told=wording.told,
        at_second=wording.at_second,
        ended=wording.ended,
    )
    made.globals.update(
        chip=wording.chip,
        status_chip=wording.status_chip,
        spoken=charts.spoken,
        counted=wording.counted,
        lasted=wording.lasted,
        roughly=wording.roughly,
        of_project=addresses.of_project,
        of_sweep=addresses.of_sweep,
        of_run=addresses.of_run,
        of_file=addresses.of_file,
    )
    return made


@lru_cache(maxsize=1)
def _process_token() -> str:
    """Part of every page's version: another process may be another release."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Page:
    """A page in the making."""

    request: Request
    services: Services
    who: Who | None
    """None on pages that anyone may see."""
    form_nonce: str
    """What ties a form to this browser: a cookie that other sites can neither read nor set."""

    @property
    def root(self) -> str:
        """The path that links begin with."""
        return addresses.root_of(self.services.settings)

    @property
    def is_https(self) -> bool:
        """Whether cookies may be kept to encrypted connections."""
        return base_url(self.request, self.services.settings).startswith("https:")

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        version: str | None = None,
        headers: Mapping[str, str] = HEADERS,
        **values: Any,
    ) -> Response:
        """The page; `version` is what `unchanged` was asked with."""
        text = (
            environment()
            .get_template(template)
            .render(
                root=self.root,
                who=self.who,
                dev=self.services.settings.dev,
                form_token=self.services.signer.sign("form", self.form_nonce),
                live_version=version,
                **values,
            )
        )
        response = HTMLResponse(text, status, dict(headers))
        if version is not None:
            response.headers["ETag"] = self._etag(version)
        self.remember_form(response)
        return response

    def unchanged(self, version: str) -> Response | None:
        """304 when the browser has this version already."""
        asked = self.request.headers.get("if-none-match", "")
        if self._etag(version) not in [tag.strip() for tag in asked.split(",")]:
            return None
        return Response(status_code=304, headers={**HEADERS, "ETag": self._etag(version)})

    def redirect(self, path: str) -> Response:
        """Go on to another page of ours, by GET."""
        response = RedirectResponse(path, 303, HEADERS)
        self.remember_form(response)
        return response

    def remember_form(self, response: Response) -> None:
        """Give the browser its form cookie."""
        if self.request.cookies.get(FORM_COOKIE) != self.form_nonce:
            response.set_cookie(
                FORM_COOKIE,
                self.form_nonce,
                path=f"{self.root}/",
                httponly=True,
                samesite="lax",
                secure=self.is_https,
            )

    def confirm(self, token: str) -> None:
        """A form came from a page that we gave to this browser.

        Raises:
            ConfirmationFailed: It did not, or the page is too old.
        """
        try:
            signed = self.services.signer.read("form", token, max_age_seconds=FORM_SECONDS)
        except SignatureInvalid as error:
            raise ConfirmationFailed(_CONFIRM_AGAIN) from error
        if not secrets.compare_digest(str(signed), self.request.cookies.get(FORM_COOKIE, "")):
            raise ConfirmationFailed(_CONFIRM_AGAIN)

    def _etag(self, version: str) -> str:
        seen_by = self.who.name if self.who else ""
        facts = "\0".join([_process_token(), version, seen_by, self.form_nonce])
        return f'W/"{hashlib.sha256(facts.encode()).hexdigest()[:24]}"'


_CONFIRM_AGAIN = (
    "this form did not come from a page of this service in this browser, or the page is older "
    "than 12 hours: go back, reload the page, and try again"
)


def open_page(request: Request, services: Services, who: Who | None) -> Page:
    """A page for whoever asks."""
    nonce = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(18)
    return Page(request, services, who, nonce)


def get_page(request: Request, services: ServicesDep, who: Reader) -> Page:
    """A page for who may read."""
    return open_page(request, services, who)


def get_open_page(request: Request, services: ServicesDep) -> Page:
    """A page for anyone."""
    return open_page(request, services, None)


PageDep = Annotated[Page, Depends(get_page)]
OpenPageDep = Annotated[Page, Depends(get_open_page)]
