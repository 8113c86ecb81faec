"""Every error that stbir raises on purpose, one tree. A traceback of anything else is a bug.

    StbirError
    ├── InputError              something the caller gave cannot be used
    │   ├── SketchError         a drawing that cannot be read or holds no ink
    │   ├── ImageError          a picture that cannot be decoded safely
    │   └── QueryError          an empty or contradictory query
    ├── BundleError             a model bundle that is missing, broken or too new
    ├── GalleryError            a gallery that is missing, broken or cannot be written
    │   └── ModelMismatchError  the gallery was indexed with another model
    ├── DatasetError            a data set or manifest that breaks its format
    ├── ConfigError             a recipe or setting with a wrong field or value
    ├── ServiceError            a service that cannot be reached, is busy, or refuses
    └── MissingExtraError       an optional dependency is not installed

The command line prints the message as one line on stderr and exits with 2; the service turns it into one JSON shape.
A message says what happened (with the value), what was expected and what to do. This module imports nothing of stbir.
"""


class StbirError(Exception):
    """Base of all errors of stbir; `str(error)` is one line a user can act on.

    Attributes:
        is_passing: Whether the same thing may work later, because access rights, a failing disk or the memory stood in
            the way, not what was given.
    """

    is_passing = False


class InputError(StbirError):
    """Something the caller gave cannot be used."""


class SketchError(InputError):
    """A drawing that cannot be read or holds no ink."""


class ImageError(InputError):
    """A picture that cannot be decoded within the safety limits."""


class QueryError(InputError):
    """A query that is empty or contradicts itself."""


class BundleError(StbirError):
    """A model bundle that is missing, broken, or written by a newer stbir."""


class GalleryError(StbirError):
    """A gallery that is missing, broken, or cannot be written."""


class ModelMismatchError(GalleryError):
    """The gallery was indexed with another model than the one that searches."""


class DatasetError(StbirError):
    """A data set or manifest that breaks its format."""


class ConfigError(StbirError):
    """A recipe or setting with an unknown field or an unusable value."""


class ServiceError(StbirError):
    """A service (`stbir serve`) that cannot be reached, is busy, or refuses.

    Attributes:
        status: HTTP status; None if there was no answer.
        code: The service's short name for the reason.
        request_id: Names the request in the service's log.
        retry_after_s: When to try again; None where that would not help.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        request_id: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class MissingExtraError(StbirError):
    """An optional dependency is not installed; the message names the pip line."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an optional part that is not installed: pip install 'stbir[{extra}]'")
        self.extra = extra
