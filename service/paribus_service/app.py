"""The application: built by hand, nothing on import.

create_app(Settings(data_dir=tmp, dev=True))   # a test, in-process
paribus serve                                  # `cli` calls it and hands it to uvicorn
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from fastapi import FastAPI

from paribus_service import error_handlers
from paribus_service.api import routes as api_routes
from paribus_service.body_limit import BodyLimit
from paribus_service.clock import Clock
from paribus_service.dashboard import error_pages, pages
from paribus_service.dashboard.static_files import PageFiles
from paribus_service.dependencies import Services
from paribus_service.orchestration.answers import AnswerCache
from paribus_service.orchestration.keys import Doorkeeper
from paribus_service.orchestration.observer import Observer
from paribus_service.orchestration.signing import Signer
from paribus_service.orchestration.upstream.annotating import Annotator
from paribus_service.orchestration.upstream.launching import Launcher
from paribus_service.orchestration.upstream.messages import Upstream
from paribus_service.orchestration.watchdog import Watchdog
from paribus_service.settings import Settings
from paribus_service.store import projects
from paribus_service.store.database import open_database
from paribus_service.store.engine import GroupWriter, session_scope
from paribus_service.store.files import FileStore
from paribus_service.wandb_backend import routes as wandb_routes

if TYPE_CHECKING:
    from paribus_service.orchestration.upstream.driving import Driver

log = logging.getLogger(__name__)


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The service, ready to be served; it opens its database when it starts.

    Raises:
        DevModeExposed: `dev` on an address that other machines reach.
    """
    settings.refuse_exposed_dev_mode()
    clock = clock or Clock()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services = open_services(settings, clock)
        writer = services.writer
        watchdog = Watchdog(services.engine, settings, clock, refusals=lambda: writer.refusals)
        app.state.services = services
        watchdog.start()
        services.observer.start()
        driver = start_driver(services)
        try:
            yield
        finally:
            if services.upstream is not None:
                services.upstream.close()  # first: the driver may be waiting for it
            if driver is not None:
                driver.close()
            services.observer.close()
            watchdog.close()
            writer.close()
            services.engine.dispose()

    app = FastAPI(
        title="Paribus",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        separate_input_output_schemas=False,
    )
    error_handlers.install(app)
    app.state.error_page = error_pages.error_page
    app.add_middleware(wandb_routes.HotPaths)
    app.add_middleware(BodyLimit, limit_bytes=settings.max_body_bytes)
    app.include_router(api_routes.router)
    app.include_router(wandb_routes.router)
    app.mount("/static", PageFiles())
    app.include_router(pages.router)
    return app


def open_services(settings: Settings, clock: Clock) -> Services:
    """Open database and files, upgrading the schema when it is older.

    Raises:
        DataDirectoryUnusable: The data directory cannot be written.
        DatabaseNewer: The database was written by a newer release.
        UpstreamNotConfigured: A W&B server is named, and no key of it.
    """
    upstream = open_upstream(settings)
    engine = open_database(settings)
    with session_scope(engine) as session:
        signing_key = projects.secret(session, "signing")
    observer = Observer(engine, settings, clock)
    if settings.finding_rules or settings.finding_thresholds or settings.finding_roles:
        observer.rules()  # what cannot be loaded is told at the start, and not in a log
    writer = GroupWriter(engine)
    return Services(
        settings=settings,
        clock=clock,
        engine=engine,
        writer=writer,
        files=FileStore(settings.effective_files_url),
        signer=Signer(signing_key),
        doorkeeper=Doorkeeper(engine, writer),
        answers=AnswerCache(settings.answer_cache_bytes),
        observer=observer,
        upstream=upstream,
        launcher=Launcher(engine, settings, clock, upstream),
    )


def open_upstream(settings: Settings) -> Upstream | None:
    """The W&B server that the settings name, not yet spoken to; without one nothing is loaded."""
    if settings.wandb_base_url is None:
        return None
    module = import_module("paribus_service.orchestration.upstream.conversation")
    found: Upstream = module.Conversation.from_settings(settings)
    return found


def start_driver(services: Services) -> "Driver | None":
    """Begin to drive the sweeps of the W&B server, if there is one."""
    if services.upstream is None:
        return None
    module = import_module("paribus_service.orchestration.upstream.driving")
    driver: Driver = module.Driver(
        services.engine,
        services.settings,
        services.clock,
        services.upstream,
        services.launcher,
        Annotator(services.engine, services.upstream, services.clock, services.observer.rules),
    )
    driver.start()
    return driver
