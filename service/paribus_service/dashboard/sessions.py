"""Logging in with a key, and out: `/authorize`, the address that the wandb client prints."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from paribus_service.dashboard import addresses
from paribus_service.dashboard.rendering import OpenPageDep, Page, open_page
from paribus_service.dependencies import COOKIE, COOKIE_SECONDS, BaseUrl, identify
from paribus_service.errors import NotAuthenticated, SignatureInvalid
from paribus_service.orchestration.keys import Who

router = APIRouter(include_in_schema=False)

# In development mode any well-formed key will do: `local-` and 40 characters (PROTOCOL 2). A fixed
# one, so that nobody takes it for a secret.
DEV_KEY = "local-" + "0" * 40


@router.get("/authorize")
def show_authorize(page: OpenPageDep, base: BaseUrl, next: str = "") -> Response:
    """Who one is here, or the form to enter a key."""
    who, complaint = _who_is_here(page)
    shown = open_page(page.request, page.services, who)
    return _form(shown, base, next_path=next, complaint=complaint)


@router.get("/login")
@router.get("/settings")
def show_login(page: OpenPageDep) -> Response:
    """Where W&B has its keys: here, that is `/authorize`."""
    return page.redirect(f"{page.root}/authorize")


@router.post("/authorize")
def log_in(
    page: OpenPageDep,
    base: BaseUrl,
    form_token: Annotated[str, Form()] = "",
    key: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    """Keep a key in a cookie, if it is one.

    Raises:
        ConfirmationFailed: The form is not from one of our pages.
    """
    page.confirm(form_token)
    secret = key.strip()
    services = page.services
    if not services.settings.dev:
        try:
            services.doorkeeper.identify(secret, now=services.clock.now())
        except NotAuthenticated as error:
            complaint = str(error) if secret else "enter a key"
            return _form(page, base, next_path=next, complaint=complaint, status=422)
    response = page.redirect(addresses.local_path(next, page.root))
    response.set_cookie(
        COOKIE,
        services.signer.sign("session", secret),
        max_age=COOKIE_SECONDS,
        path=f"{page.root}/",
        httponly=True,
        samesite="lax",
        secure=page.is_https,
    )
    return response


@router.post("/logout")
def log_out(page: OpenPageDep, form_token: Annotated[str, Form()] = "") -> Response:
    """Forget the key.

    Raises:
        ConfirmationFailed: The form is not from one of our pages.
    """
    page.confirm(form_token)
    response = page.redirect(f"{page.root}/authorize")
    response.delete_cookie(COOKIE, path=f"{page.root}/")
    return response


def _who_is_here(page: Page) -> tuple[Who | None, str | None]:
    """Who is logged in; and why the key that the browser brought is not good, if it is not."""
    try:
        return identify(page.request, page.services), None
    except SignatureInvalid:
        return None, "you were logged in long ago: enter your key again"
    except NotAuthenticated as error:
        return None, str(error) if COOKIE in page.request.cookies else None


def _form(
    page: Page, base: str, *, next_path: str, complaint: str | None, status: int = 200
) -> Response:
    response = page.render(
        "authorize.html",
        status=status,
        next=next_path,
        complaint=complaint,
        base=base,
        dev_key=DEV_KEY if page.services.settings.dev else None,
        scopes=sorted(page.who.scopes) if page.who else [],
    )
    response.headers["Cache-Control"] = "no-store"
    return response
