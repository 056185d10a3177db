"""Every route of REST: live, ready and OpenAPI at the root, all else under /api/v1."""

from fastapi import APIRouter

from paribus_service.api import health, sweeps

API = APIRouter(prefix="/api/v1")
API.include_router(sweeps.router)
API.include_router(health.router)

router = APIRouter()
router.include_router(health.root)
router.include_router(API)
