"""The routes: each reads what came, calls the service once and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from stbir.gallery.catalogue import Entry
from stbir.web.guard import SESSION_COOKIE, SESSION_S, Sessions, session_token
from stbir.web.pictures import check_there, disposition, info_of, large_view, original
from stbir.web.problems import Problem
from stbir.web.schemas import (
    ErrorAnswer,
    ExamplesOut,
    ExplainIn,
    ExplainOut,
    GalleryOut,
    IndexIn,
    IndexStateOut,
    JobOut,
    PictureInfoOut,
    SearchIn,
    SearchOut,
    SessionOut,
    StatusAnswer,
)
from stbir.web.service import Service

FOR_GOOD = "private, max-age=31536000, immutable"
LARGE_JSON_BYTES = 64_000
REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "refused"},
    "5XX": {"model": ErrorAnswer, "description": "not possible now"},
}

router = APIRouter(responses=REFUSALS)
Model = TypeVar("Model", bound=BaseModel)
PictureIdInPath = Annotated[str, Path(description="a picture's id", max_length=40)]


async def _service(request: Request) -> Service:  # async: FastAPI would run a plain function in a thread
    service: Service = request.app.state.service
    return service


async def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


TheService = Annotated[Service, Depends(_service)]
TheSessions = Annotated[Sessions, Depends(_sessions)]


def body_of(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """A dependency that reads a JSON body; pydantic's own parser bounds the depth and never stores what it refuses."""

    async def read(request: Request) -> Model:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Problem(415, f"the body is {kind[:60]!r}: send Content-Type: application/json")
        body = await request.body()
        try:
            if len(body) > LARGE_JSON_BYTES:
                return await run_in_threadpool(model.model_validate_json, body)
            return model.model_validate_json(body)
        except ValidationError as error:
            raise _invalid(error) from None

    read.model = model  # type: ignore[attr-defined]
    return read


def _invalid(error: ValidationError) -> Problem:
    """The refusal for a body that does not fit, naming the first place."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"][:8])
    is_json = first["type"] != "json_invalid"
    return Problem(422 if is_json else 400, f"the body is wrong{' at ' if where else ''}{where}: {first['msg']}")


def answer(model: BaseModel, status: int = 200) -> Response:
    """A model as JSON."""
    content = model.model_dump_json(by_alias=True).encode("utf-8", "backslashreplace")
    return Response(content, status, media_type="application/json")


SearchBody = Annotated[SearchIn, Depends(body_of(SearchIn))]
ExplainBody = Annotated[ExplainIn, Depends(body_of(ExplainIn))]
IndexBody = Annotated[IndexIn, Depends(body_of(IndexIn))]


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI part that names a route's body."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.get("/healthz", response_model=StatusAnswer, tags=["health"])
async def healthz() -> Response:
    """Whether the process answers."""
    return answer(StatusAnswer(status="ok"))


@router.get("/readyz", response_model=StatusAnswer, tags=["health"])
async def readyz(service: TheService) -> Response:
    """Whether searches can be answered: 200, or 503 while the service stops or the gallery cannot be read."""
    if service.is_stopping:
        return answer(StatusAnswer(status="stopping"), 503)
    if service.live.error is not None:
        return answer(StatusAnswer(status=f"the gallery cannot be read: {service.live.error}"), 503)
    return answer(StatusAnswer(status="ready"))


@router.get("/metrics", response_class=Response, tags=["health"])
async def metrics(service: TheService) -> Response:
    """Metrics in Prometheus' text format."""
    return Response(service.metrics_text(), media_type="text/plain; version=0.0.4")


@router.get("/api/gallery", response_model=GalleryOut, tags=["gallery"])
async def gallery(service: TheService) -> Response:
    """What the gallery is: size, folders, model, limits; `version` changes when it does."""
    return answer(service.describe())


@router.get("/api/examples", response_model=ExamplesOut, tags=["gallery"])
async def examples(service: TheService) -> Response:
    """Queries to begin with."""
    return answer(await service.examples())


async def room_for_search(service: TheService) -> None:
    """Send a search away before its body is read, where it could not be answered."""
    service.searches.check()


async def room_for_explanation(service: TheService) -> None:
    """The same for a question why."""
    service.explanations.check()


@router.post(
    "/api/search",
    response_model=SearchOut,
    openapi_extra=takes(SearchIn),
    tags=["search"],
    dependencies=[Depends(room_for_search)],
)
async def search(request: Request, asked: SearchBody, service: TheService) -> Response:
    """Find pictures by a drawing, words, an example, or all together."""
    request.state.words = {"text": asked.text, "not": asked.negative}
    is_page = request.headers.get("sec-fetch-site") == "same-origin"
    return answer(await service.search(asked, shows_pictures=is_page))


@router.post(
    "/api/explain",
    response_model=ExplainOut,
    openapi_extra=takes(ExplainIn),
    tags=["search"],
    dependencies=[Depends(room_for_explanation)],
)
async def explain(request: Request, asked: ExplainBody, service: TheService) -> Response:
    """Say which places of a picture, which words and which strokes its score rests on."""
    request.state.words = {"text": asked.text, "not": asked.negative}
    return answer(await service.explain(asked))


@router.get("/api/images/{picture_id}", response_class=Response, tags=["pictures"])
async def image(request: Request, picture_id: PictureIdInPath, service: TheService) -> Response:
    """A picture as JPEG, no side longer than 2048 pixels."""
    entry = (await service.picture(picture_id)).entry
    if (known := unchanged(request, entry, "large")) is not None:
        return known
    content = await service.reader.in_thread(large_view, entry)
    return Response(content, media_type="image/jpeg", headers=cache_headers(entry, "large"))


@router.get("/api/images/{picture_id}/original", response_class=Response, tags=["pictures"])
async def image_file(picture_id: PictureIdInPath, service: TheService) -> Response:
    """A picture's file as a download."""
    entry = (await service.picture(picture_id)).entry
    await run_in_threadpool(check_there, entry)
    headers = {"Content-Disposition": disposition(entry), "Content-Length": str(entry.size_bytes)}
    return StreamingResponse(original(entry), media_type="application/octet-stream", headers=headers)


@router.get("/api/images/{picture_id}/info", response_model=PictureInfoOut, tags=["pictures"])
async def image_info(picture_id: PictureIdInPath, service: TheService) -> Response:
    """What is known of a picture."""
    entry = (await service.picture(picture_id)).entry
    return answer(await run_in_threadpool(info_of, entry, shows_paths=service.settings.shows_paths))


@router.get("/api/thumbnails/{picture_id}", response_class=Response, tags=["pictures"])
async def thumbnail(request: Request, picture_id: PictureIdInPath, service: TheService) -> Response:
    """A small JPEG of a picture, no side longer than 256 pixels."""
    picture = await service.picture(picture_id)
    if (known := unchanged(request, picture.entry, "small")) is not None:
        return known
    return Response(picture.thumbnail, media_type="image/jpeg", headers=cache_headers(picture.entry, "small"))


@router.post("/api/index", status_code=202, response_model=JobOut, openapi_extra=takes(IndexIn), tags=["gallery"])
async def start_indexing(asked: IndexBody, service: TheService) -> Response:
    """Index folders of the gallery again, in the background; one run at a time."""
    return answer(JobOut(job=service.start_indexing(asked.folders)), 202)


@router.get("/api/index", response_model=IndexStateOut, tags=["gallery"])
async def indexing_state(service: TheService) -> Response:
    """How far indexing is."""
    return answer(service.indexing.state())


@router.get("/api/index/events", response_class=Response, tags=["gallery"])
async def indexing_events(service: TheService) -> Response:
    """How far indexing is, as server-sent events `state` whose data is that of GET /api/index."""
    service.indexing.check_listeners()
    return StreamingResponse(service.indexing.events(), media_type="text/event-stream")


@router.post("/api/session", response_model=SessionOut, tags=["session"])
async def open_session(request: Request, service: TheService, sessions: TheSessions) -> Response:
    """Let a browser in for eight hours: the request carries the key, the answer sets a cookie."""
    done = answer(SessionOut(status="open"))
    if service.settings.keys:
        done.set_cookie(
            SESSION_COOKIE,
            sessions.open(request.state.key_id),
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return done


@router.delete("/api/session", response_model=SessionOut, tags=["session"])
async def close_session(request: Request, sessions: TheSessions) -> Response:
    """End a browser's session."""
    if token := session_token(request.headers):
        sessions.close(token)
    done = answer(SessionOut(status="closed"))
    done.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return done


def cache_headers(entry: Entry, size: str) -> dict[str, str]:
    """A picture's id follows its content, so what lies under it never changes."""
    return {"ETag": f'"{entry.content_hash[:32]}-{size}"', "Cache-Control": FOR_GOOD}


def unchanged(request: Request, entry: Entry, size: str) -> Response | None:
    """The answer 304, if the client has the picture already."""
    headers = cache_headers(entry, size)
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=headers) if headers["ETag"] in known or "*" in known else None
