"""A model bundle: one directory that holds everything needed to encode pictures, drawings and words.

    model.json       ModelInfo: settings, fusion, provenance, file hashes, fingerprint
    image.onnx       pixels [B, 3, S, S] -> sketch_space [B, Ds], text_space [B, Dt]
    sketch.onnx      ink [B, 1, S, S] -> sketch_space [B, Ds]
    text.onnx        input_ids, attention_mask [B, L] -> text_space [B, Dt]
    tokenizer.json   the words' tokenizer

`Bundle.load` checks every file against the hash recorded for it, so a broken copy is found before it gives wrong
vectors. The fingerprint names everything that changes vectors; a gallery records it. Imports no ONNX Runtime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stbir.atomic import write_atomically
from stbir.errors import BundleError

SCHEMA_VERSION = 1
INFO_FILE = "model.json"
MODEL_FILES = ("image.onnx", "sketch.onnx", "text.onnx", "tokenizer.json")
DEFAULT_PATH = Path(__file__).parent / "default"

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Triple = tuple[float, float, float]


class _Record(BaseModel):
    """Base of the parts of model.json: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Dims(_Record):
    """Lengths of the vectors of the two comparison spaces.

    Attributes:
        sketch: Ds, where drawings are compared with pictures.
        text: Dt, where words are compared with pictures.
    """

    sketch: int = Field(gt=0)
    text: int = Field(gt=0)

    @property
    def total(self) -> int:
        """Length of a gallery vector, Ds + Dt."""
        return self.sketch + self.text


class ImageSettings(_Record):
    """What the image tower expects: letterboxed RGB of `size_px`, normalised by `mean` and `std` of values in 0..1."""

    size_px: int = Field(gt=0, le=4096)
    mean: Triple
    std: tuple[Positive, Positive, Positive]


class SketchSettings(_Record):
    """How `stbir.strokes.rasterize` draws for the sketch tower; `margin` is a share of `size_px`."""

    size_px: int = Field(gt=0, le=4096)
    line_width_px: Positive = 2.0
    margin: float = Field(default=0.06, ge=0, lt=0.5)


class TextSettings(_Record):
    """What the text tower expects: at most `max_tokens` tokens, short rows filled with `pad_id`."""

    max_tokens: int = Field(gt=0)
    pad_id: int = Field(default=0, ge=0)


class Scale(_Record):
    """Learned inverse temperatures: how much a cosine in each space counts before the user's weights."""

    sketch: Positive = 1.0
    text: Positive = 1.0


class Gate(_Record):
    """A small network that corrects the balance by the query: out * tanh(hidden * [drawing, words] + bias) + bias.

    Attributes:
        hidden: [H, Ds + Dt].
        hidden_bias: [H].
        out: [2, H], for drawing and words.
        out_bias: [2].
        limit: Largest change of a logarithm of the scale, either way; above 0.
    """

    hidden: tuple[tuple[Finite, ...], ...] = Field(min_length=1, max_length=256)
    hidden_bias: tuple[Finite, ...]
    out: tuple[tuple[Finite, ...], tuple[Finite, ...]]
    out_bias: tuple[Finite, Finite]
    limit: Positive

    @cached_property
    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """hidden, hidden_bias, out and out_bias as arrays."""
        parts = (self.hidden, self.hidden_bias, self.out, self.out_bias)
        return tuple(np.asarray(part, np.float32) for part in parts)

    @property
    def digest(self) -> str:
        """A name of its numbers, 12 hex digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    @model_validator(mode="after")
    def _fits_together(self) -> Gate:
        width = len(self.hidden)
        if len(self.hidden_bias) != width or any(len(row) != width for row in self.out):
            raise ValueError(f"hidden_bias and out must be {width} long, as hidden is")
        if len({len(row) for row in self.hidden}) != 1:
            raise ValueError("the rows of hidden differ in length")
        return self


class Fusion(_Record):
    """How the two spaces are brought together in one score.

    Attributes:
        scale: The balance of every query.
        gate: What corrects it by the query, where the model has learned to.
    """

    scale: Scale = Field(default_factory=Scale)
    gate: Gate | None = None


class ModelInfo(_Record):
    """The contents of model.json.

    `files` and `fingerprint` are computed by `Bundle.write`; leave them out when you make an info for it.
    """

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    created: str
    version: str
    licence: str
    description: str
    dims: Dims
    image: ImageSettings
    sketch: SketchSettings
    text: TextSettings
    fusion: Fusion = Field(default_factory=Fusion)
    provenance: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    fingerprint: str = ""

    @model_validator(mode="after")
    def _gate_fits_dims(self) -> ModelInfo:
        gate = self.fusion.gate
        if gate is not None and len(gate.hidden[0]) != self.dims.total:
            raise ValueError(f"fusion.gate reads {len(gate.hidden[0])} numbers, the spaces have {self.dims.total}")
        return self

    def expected_fingerprint(self) -> str:
        """Hash of all that changes vectors: the four files and the settings of the towers.

        Returns:
            64 hex digits: sha256 over the sorted `name:sha256` lines of the model files, then the canonical JSON of
            dims, image, sketch and text.
        """
        lines = [f"{name}:{self.files[name]}" for name in sorted(MODEL_FILES)]
        settings = self.model_dump(mode="json", include={"dims", "image", "sketch", "text"})
        lines.append(json.dumps(settings, sort_keys=True, separators=(",", ":")))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """A checked model bundle on disk.

    Attributes:
        path: The directory.
        info: What its model.json says.
    """

    path: Path
    info: ModelInfo

    @classmethod
    def load(cls, path: Path | str | None = None) -> Bundle:
        """Open a bundle and check that it is whole.

        Args:
            path: The bundle's directory; None takes the model shipped with stbir.

        Returns:
            The bundle.

        Raises:
            BundleError: Missing, truncated, changed, or written by a newer stbir; the message says what to do.
        """
        directory = DEFAULT_PATH if path is None else Path(path)
        info = _read_info(directory, is_default=path is None)
        for name in MODEL_FILES:
            _check_file(directory / name, info.files.get(name))
        if info.fingerprint != info.expected_fingerprint():
            raise BundleError(
                f"model bundle {directory}: its settings do not match its fingerprint {info.fingerprint[:12]!r}: "
                f"{INFO_FILE} was edited after export; restore the original or export the model again"
            )
        return cls(directory, info)

    @classmethod
    def write(cls, directory: Path | str, files: Mapping[str, Path | bytes], info: ModelInfo) -> Bundle:
        """Write a bundle; model.json comes last, so a half-written bundle never loads.

        Args:
            directory: Where to write; made if absent, an older bundle in it is replaced.
            files: Contents (or paths to copy) of exactly the four names in `MODEL_FILES`.
            info: The description; `files` and `fingerprint` in it are computed anew.

        Returns:
            The bundle as loaded back.

        Raises:
            BundleError: Names missing from or unknown in `files`, or the directory cannot be written.
        """
        if set(files) != set(MODEL_FILES):
            raise BundleError(f"a bundle holds exactly {', '.join(MODEL_FILES)}, not {', '.join(sorted(files))}")
        directory = Path(directory)
        try:
            contents = {n: f if isinstance(f, bytes) else f.read_bytes() for n, f in files.items()}
            hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(contents.items())}
            complete = info.model_copy(update={"files": hashes})
            complete = complete.model_copy(update={"fingerprint": complete.expected_fingerprint()})
            directory.mkdir(parents=True, exist_ok=True)
            (directory / INFO_FILE).unlink(missing_ok=True)
            for name, data in contents.items():
                write_atomically(directory / name, data)
            write_atomically(directory / INFO_FILE, (complete.model_dump_json(indent=2) + "\n").encode())
        except OSError as error:
            raise BundleError(f"cannot write the model bundle {directory}: {error.strerror or error}") from error
        return cls.load(directory)

    def read(self, name: str) -> bytes:
        """Contents of one of the bundle's files.

        Args:
            name: One of `MODEL_FILES`.

        Returns:
            The bytes.

        Raises:
            BundleError: The file cannot be read.
        """
        return _read(self.path / name)

    @property
    def num_bytes(self) -> int:
        """Size of the whole bundle on disk."""
        return sum((self.path / name).stat().st_size for name in (*MODEL_FILES, INFO_FILE))


def _read_info(directory: Path, *, is_default: bool) -> ModelInfo:
    """Read and validate model.json."""
    path = directory / INFO_FILE
    if not path.is_file():
        if is_default:
            raise BundleError(
                "this installation of stbir holds no trained model: install a release wheel, "
                "or train and export one (stbir train) and name its directory with --model"
            )
        what = "no such directory" if not directory.exists() else f"it holds no {INFO_FILE}"
        raise BundleError(f"{directory} is not a model bundle: {what}; give the directory that stbir model export made")
    try:
        data = json.loads(_read(path))
    except ValueError as error:
        raise BundleError(f"model bundle {directory}: {INFO_FILE} is not valid JSON ({error}); copy it again") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BundleError(
            f"model bundle {directory} has schema version {version}, this stbir reads up to {SCHEMA_VERSION}: "
            "upgrade stbir (pip install -U stbir)"
        )
    try:
        return ModelInfo.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise BundleError(
            f"model bundle {directory}: {INFO_FILE} is wrong at {where}: {first['msg']}; copy the bundle again"
        ) from None


def _check_file(path: Path, expected_hash: str | None) -> None:
    """Compare a file with the hash that model.json records for it."""
    if expected_hash is None:
        raise BundleError(f"model bundle {path.parent}: {INFO_FILE} records no hash of {path.name}; export it again")
    data = _read(path)
    found = hashlib.sha256(data).hexdigest()
    if found != expected_hash:
        raise BundleError(
            f"model bundle {path.parent}: {path.name} ({len(data)} bytes) is damaged: its sha256 is {found[:12]}, "
            f"expected {expected_hash[:12]}; copy the bundle again"
        )


def _read(path: Path) -> bytes:
    """Read a file of a bundle, or say which is missing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"model bundle {path.parent}: {path.name} is missing; copy the bundle again") from None
    except OSError as error:
        raise BundleError(f"model bundle {path.parent}: cannot read {path.name}: {error.strerror or error}") from error
