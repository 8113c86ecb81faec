"""The application: routes, guards and the page put together over one gallery."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.types import Scope

import stbir
from stbir.errors import StbirError
from stbir.search import Gallery
from stbir.web.api import router
from stbir.web.docs_page import STYLE, docs_page
from stbir.web.envelope import Envelope
from stbir.web.guard import Guard, Sessions
from stbir.web.keys import Keyring
from stbir.web.problems import Problem, problem_response
from stbir.web.schemas import ExplainIn, IndexIn, SearchIn
from stbir.web.service import Service
from stbir.web.settings import Settings

STATIC = Path(__file__).parent / "static"
BODIES = (ExplainIn, IndexIn, SearchIn)


def create_app(gallery: Gallery, settings: Settings | None = None) -> FastAPI:
    """Make the application.

    Args:
        gallery: It exists; the application does not close it.
        settings: The rules; None takes the defaults, which are for this machine only.

    Returns:
        An ASGI application; it follows the gallery from its start to its shutdown.

    Raises:
        ConfigError: The settings would let everybody in.
        GalleryError: The gallery cannot be read.
        ModelMismatchError: It was made with another model.
    """
    settings = settings or Settings()
    settings.check()
    service = Service(gallery, settings)
    sessions = Sessions()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - Starlette's signature
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="stbir",
        version=stbir.__version__,
        description="Find pictures of one gallery by a drawing plus a few words.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.sessions = sessions
    app.include_router(router)
    _add_pages(app)
    _add_refusals(app)
    _describe_bodies(app)
    app.add_middleware(Guard, settings=settings, keyring=Keyring(settings.keys), sessions=sessions)
    app.add_middleware(
        Envelope, metrics=service.metrics, timeout_s=settings.request_timeout_s, logs_queries=settings.logs_queries
    )
    return app


class _Static(StaticFiles):
    """Files of the page, which browsers ask about anew each time: an upgrade must not meet old parts."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _add_pages(app: FastAPI) -> None:
    if STATIC.is_dir():
        app.mount("/static", _Static(directory=STATIC), name="static")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        index = STATIC / "index.html"
        if not index.is_file():
            raise Problem(404, "this installation has no page: see /docs for what the service can do")
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(app.openapi(), str(request.base_url).rstrip("/")))

    @app.get("/docs.css", include_in_schema=False)
    async def docs_style() -> Response:
        return Response(STYLE, media_type="text/css", headers={"Cache-Control": "no-cache"})

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response(status_code=204)


def _add_refusals(app: FastAPI) -> None:
    """Bring whatever is raised into the one error shape."""

    def refuse(request: Request, problem: Problem) -> Response:
        request.state.problem = problem.code
        return problem_response(problem, request.state.request_id)

    @app.exception_handler(Problem)
    async def on_problem(request: Request, error: Problem) -> Response:
        return refuse(request, error)

    @app.exception_handler(StbirError)
    async def on_stbir_error(request: Request, error: StbirError) -> Response:
        return refuse(request, Problem.of(error))

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        return refuse(request, Problem(422, f"the request is wrong at {where}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        messages = {
            404: f"there is nothing at {request.url.path[:100]}: see /docs",
            405: f"{request.method[:20]} is not possible at {request.url.path[:100]}: see /docs",
        }
        message = messages.get(error.status_code, str(error.detail))
        return refuse(request, Problem(error.status_code, message, headers=error.headers))


def _describe_bodies(app: FastAPI) -> None:
    """Add the models of the bodies, which are read by hand, to the OpenAPI document."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made_by_fastapi()
            _, schemas = models_json_schema(
                [(model, "validation") for model in BODIES], ref_template="#/components/schemas/{model}"
            )
            document.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
