"""What goes in and out of the service, as pydantic models; the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Point = Annotated[list[Number], Field(min_length=2, max_length=8, fail_fast=True)]
Stroke = Annotated[list[Point], Field(fail_fast=True)]
Strokes = Annotated[list[Stroke], Field(fail_fast=True)]
PictureId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}(-[0-9]{1,6})?$", examples=["41215f445fd6"])]
FolderId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class Asked(BaseModel):
    """Base of what clients send: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Answered(BaseModel):
    """Base of what clients get."""

    model_config = ConfigDict(frozen=True)


class WeightsIn(Asked):
    """How much each part counts, relative to the others; 1 is the balance the model learned."""

    sketch: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    text: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    image: Annotated[float, Field(ge=0, le=1e6)] = 1.0


class FiltersIn(Asked):
    """Which pictures may be hits; all conditions must hold."""

    folder: FolderId | None = Field(default=None, description="a folder's id, from GET /api/gallery")
    min_width: int | None = Field(default=None, ge=0, le=10**6, description="pixels")
    min_height: int | None = Field(default=None, ge=0, le=10**6, description="pixels")
    max_width: int | None = Field(default=None, ge=0, le=10**6, description="pixels")
    max_height: int | None = Field(default=None, ge=0, le=10**6, description="pixels")
    orientation: Literal["landscape", "portrait", "square"] | None = None


class QueryIn(Asked):
    """A query: a drawing, words, an example picture, or several of them."""

    strokes: Strokes | None = Field(
        default=None,
        description="the drawing: strokes of points [x, y] or [x, y, t_ms, pressure], y downwards",
        examples=[[[[10, 10], [90, 10], [90, 90], [10, 90], [10, 10]]]],
    )
    size: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="width and height of the sheet, in the units of the points"
    )
    sketch_picture: str | None = Field(
        default=None, description="in place of strokes: a picture of a drawing, an SVG or a stroke file, in base64"
    )
    text: str | None = Field(default=None, description="words that should match", examples=["red suede boot"])
    negative: str | None = Field(default=None, alias="not", description="words that should not match")
    image: str | None = Field(default=None, description="an example: a picture's id, or a picture in base64")
    weights: WeightsIn = WeightsIn()


class SearchIn(QueryIn):
    """A search."""

    where: str | None = Field(
        default=None,
        description="SQL condition over id, path, root, size_bytes, mtime_ns, content_hash, width, height",
        examples=["width >= 800"],
    )
    filters: FiltersIn = FiltersIn()
    min_score: float | None = Field(default=None, description="hits with a lower score are left out")
    top: int = Field(default=24, ge=1, description="how many hits")
    offset: int = Field(default=0, ge=0, description="where to go on: next_offset of the answer before")
    fold_duplicates: bool = Field(default=True, description="show the same picture once, with a count")


class ExplainIn(QueryIn):
    """A question why a picture was found."""

    id: PictureId


class IndexIn(Asked):
    """What to index again."""

    folders: list[FolderId] | None = Field(
        default=None, description="ids of folders from GET /api/gallery; all of them if left out", max_length=1000
    )


class ErrorDetail(Answered):
    """Why a request was refused."""

    code: str = Field(description="short name for programs", examples=["query_error"])
    message: str = Field(description="one line for people: what happened, what was expected, what to do")
    request_id: str


class ErrorAnswer(Answered):
    """The one shape of all refusals."""

    error: ErrorDetail


class StatusAnswer(Answered):
    """Whether the service is well."""

    status: str


class QueryOut(Answered):
    """The query as it was understood; drawings and pictures are not repeated."""

    sketch: str | None = Field(description="`strokes`, `picture` or null")
    text: str | None
    image: str | None = Field(description="the example's id, `picture` or null")
    negative: str | None = Field(serialization_alias="not", description="words that should not match")
    weights: WeightsIn
    where: str | None
    min_score: float | None
    top: int
    offset: int


class TookMs(Answered):
    """Times in milliseconds."""

    encode: float = Field(description="from query to vectors, waiting for a place in a batch included")
    search: float = Field(description="finding the hits")
    total: float


class HitOut(Answered):
    """A picture found."""

    rank: int
    id: str
    name: str = Field(description="the file's name")
    path: str = Field(description="the file; below its folder only where the service does not show full paths")
    score: float = Field(description="similarity of the whole query, higher is better")
    parts: dict[str, float] = Field(description="similarity of each given part alone, -1 to 1")
    width: int
    height: int
    num_duplicates: int = Field(description="how many further copies were folded into this hit")


class SearchOut(Answered):
    """What was found, best first."""

    query: QueryOut
    took_ms: TookMs
    total_estimate: int = Field(description="pictures that could be hits, before filters and folding")
    next_offset: int | None = Field(description="`offset` of the next page; null at the end")
    hits: list[HitOut]


class HeatmapOut(Answered):
    """How much each part of the picture matters, 0 to 1, row by row; the grid covers the whole picture."""

    rows: int
    columns: int
    values: list[list[float]]


class WordOut(Answered):
    """How much a word matters: how far the score of the words falls without it, as a share of the largest fall."""

    word: str
    start: int = Field(description="first character in the text")
    end: int = Field(description="character after the last one")
    weight: float


class ExplainOut(Answered):
    """Why a picture was found."""

    id: str
    took_ms: float
    score: float
    parts: dict[str, float]
    heatmaps: dict[str, HeatmapOut] = Field(description="for each of `sketch`, `text` and `image` that was given")
    words: list[WordOut]
    strokes: list[float] = Field(description="for each stroke, as `weight` of a word; -1 to 1")


class ModelOut(Answered):
    """The model that made the gallery's vectors."""

    name: str
    version: str
    fingerprint: str


class FolderOut(Answered):
    """A folder whose pictures are in the gallery."""

    id: str
    name: str
    num_pictures: int


class FilterChoices(Answered):
    """What filters can be made of."""

    folders: list[FolderOut]
    columns: list[str] = Field(description="names that `where` may use")


class LimitsOut(Answered):
    """Largest sizes of what a client may send."""

    max_body_bytes: int
    max_strokes: int
    max_points: int
    max_pixels: int
    max_characters: int
    max_top: int
    max_offset: int


class GalleryOut(Answered):
    """What the gallery is, and what the service lets clients do."""

    name: str
    num_pictures: int
    num_skipped: int
    num_bytes: int
    created: str
    model: ModelOut
    folders: list[FolderOut]
    version: str = Field(description="changes when the gallery changes")
    line_width_share: float = Field(description="width of the model's line as a share of the drawing's frame")
    filters: FilterChoices
    limits: LimitsOut
    is_writable: bool
    auth: bool = Field(description="whether a key is needed")


class PictureInfoOut(Answered):
    """What is known of a picture."""

    id: str
    name: str
    path: str
    folder: str
    width: int
    height: int
    num_bytes: int
    modified: str = Field(description="time of the file's last change, ISO 8601")
    is_there: bool = Field(description="whether the file is still there, unchanged")


class ExampleOut(Answered):
    """A query to begin with."""

    title: str
    strokes: list[list[list[float]]]
    size: list[float] | None
    text: str


class ExamplesOut(Answered):
    """Queries that find something in this gallery."""

    examples: list[ExampleOut]


class IndexStateOut(Answered):
    """How far indexing is."""

    job: str | None = Field(description="names the last run; null if there was none yet")
    state: Literal["idle", "scanning", "indexing", "done", "stopped", "failed"]
    done: int = Field(description="pictures read so far")
    total: int = Field(description="pictures to read")
    rate: float = Field(description="pictures per second")
    skipped: int = Field(description="files that could not be used")
    time_left_s: float | None
    message: str | None = Field(description="what was done, or why it failed")


class JobOut(Answered):
    """A run of indexing that was started."""

    job: str


class SessionOut(Answered):
    """A session was opened or closed."""

    status: str
