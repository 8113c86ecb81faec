"""The one shape in which the service says no: `{"error": {"code", "message", "request_id"}}` with a fitting status.

Codes follow the exception tree of `stbir.errors`; what only a service can refuse has the codes below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response

from stbir.errors import (
    BundleError,
    ConfigError,
    DatasetError,
    GalleryError,
    ImageError,
    InputError,
    MissingExtraError,
    ModelMismatchError,
    QueryError,
    ServiceError,
    SketchError,
    StbirError,
)
from stbir.web.schemas import ErrorAnswer, ErrorDetail

STATUS_OF_ERROR: dict[type[StbirError], tuple[int, str]] = {
    SketchError: (422, "sketch_error"),
    ImageError: (422, "image_error"),
    QueryError: (422, "query_error"),
    InputError: (422, "input_error"),
    ModelMismatchError: (503, "gallery_error"),
    GalleryError: (503, "gallery_error"),
    BundleError: (503, "model_error"),
    DatasetError: (422, "dataset_error"),
    ConfigError: (422, "config_error"),
    ServiceError: (502, "service_error"),
    MissingExtraError: (503, "missing_extra"),
}
CODE_OF_STATUS = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    421: "wrong_host",
    422: "invalid_request",
    429: "too_many_requests",
    500: "internal",
    503: "overloaded",
    504: "timeout",
}
MAX_MESSAGE = 500


class Problem(Exception):
    """A request that is refused.

    Args:
        status: HTTP status.
        message: One line: what happened, what was expected, what to do.
        code: Short name for programs; None takes the status's own.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or CODE_OF_STATUS.get(status, "internal")
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: StbirError) -> Problem:
        """The refusal for an error of the library."""
        for kind in type(error).__mro__:
            if kind in STATUS_OF_ERROR:
                status, code = STATUS_OF_ERROR[kind]
                return cls(status, str(error), code, {"Retry-After": "5"} if status == 503 else None)
        return cls(500, str(error))


def overloaded(what: str, retry_after_s: int = 1) -> Problem:
    """The refusal for a full queue."""
    return Problem(503, f"{what}: try again in {retry_after_s} s", headers={"Retry-After": str(max(1, retry_after_s))})


def problem_response(problem: Problem, request_id: str) -> Response:
    """The answer that carries a refusal."""
    message = one_line(str(problem))
    body = ErrorAnswer(error=ErrorDetail(code=problem.code, message=message, request_id=request_id))
    content = body.model_dump_json().encode("utf-8", "replace")
    return Response(content, problem.status, headers=problem.headers, media_type="application/json")


def one_line(message: str) -> str:
    """A message without line breaks and control characters, not longer than a few lines of a terminal."""
    printable = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", message)
    clean = printable.encode("utf-8", "backslashreplace").decode()
    return clean if len(clean) <= MAX_MESSAGE else clean[: MAX_MESSAGE - 1] + "…"
