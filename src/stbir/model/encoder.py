"""From pictures, drawings and words to unit vectors: the ONNX sessions of a bundle, batching, preprocessing.

In: PIL pictures, `Sketch` objects, strings. Out: float32 arrays with one row per input. Each tower's session is made
when it is first needed, so a search by words never loads the image tower. Must not import PyTorch.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stbir.errors import BundleError, InputError
from stbir.model.bundle import Bundle
from stbir.model.fusion import gallery_vectors

if TYPE_CHECKING:
    from PIL.Image import Image

    from stbir.strokes import Sketch

BATCH_SIZE = 32
MIN_SIDE_PX = 512
UNIT_TOLERANCE = 1e-2

Vectors = NDArray[np.float32]


class Encoder:
    """Encodes with one bundle; safe to share between threads.

    Args:
        bundle: The model.
        threads: Threads of one ONNX Runtime operator; None takes every core this process may use.
        batch_size: Rows per run of a tower; changes speed and memory, not the vectors.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None, *, batch_size: int = BATCH_SIZE) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads={threads} is out of range: give 1 or more, or leave it out")
        if batch_size < 1:
            raise InputError(f"batch_size={batch_size} is out of range: give 1 or more")
        self.bundle = bundle
        self.threads = threads or _num_cores()
        self.batch_size = batch_size
        self._lock = threading.Lock()
        self._sessions: dict[str, Any] = {}
        self._tokenizer: Any = None

    def load_image(self, path: str | os.PathLike[str] | bytes, *, max_pixels: int | None = None) -> Image:
        """Decode a picture file at a size that is ample for the image tower and for a thumbnail.

        Args:
            path: The file, or the content of one.
            max_pixels: Larger pictures are refused before they are decoded; None takes the limit of `load_picture`.

        Returns:
            The picture, upright, RGB.

        Raises:
            ImageError: It cannot be decoded.
        """
        from stbir.images import MAX_PIXELS, load_picture

        side_px = max(MIN_SIDE_PX, 2 * self.bundle.info.image.size_px)
        return load_picture(path, max_side_px=side_px, max_pixels=MAX_PIXELS if max_pixels is None else max_pixels)

    def encode_images(self, pictures: Sequence[Image | NDArray[np.uint8]]) -> Vectors:
        """Encode pictures as gallery vectors.

        Args:
            pictures: N RGB pictures of any size; arrays are [H, W, 3].

        Returns:
            [N, Ds + Dt], unit rows: both spaces side by side, divided by sqrt(2).
        """
        return gallery_vectors(*self.encode_images_in_spaces(pictures))

    def encode_images_in_spaces(self, pictures: Sequence[Image | NDArray[np.uint8]]) -> tuple[Vectors, Vectors]:
        """Encode pictures into the two comparison spaces.

        Args:
            pictures: N RGB pictures of any size; arrays are [H, W, 3].

        Returns:
            Sketch space [N, Ds] and text space [N, Dt], each with unit rows.
        """
        dims = self.bundle.info.dims
        sketch_space = np.empty((len(pictures), dims.sketch), np.float32)
        text_space = np.empty((len(pictures), dims.text), np.float32)
        for rows, batch in _batches(pictures, self.batch_size):
            sketch_space[rows], text_space[rows] = self.encode_pixels(self.image_input(batch))
        return sketch_space, text_space

    def encode_pixels(self, pixels: Vectors) -> tuple[Vectors, Vectors]:
        """Encode pictures that are prepared already, as one batch.

        Args:
            pixels: [B, 3, S, S], as `image_input` makes them.

        Returns:
            Sketch space [B, Ds] and text space [B, Dt], each with unit rows.
        """
        dims = self.bundle.info.dims
        outputs = {"sketch_space": dims.sketch, "text_space": dims.text}
        sketch_space, text_space = self._run("image", {"pixels": pixels}, outputs)
        return sketch_space, text_space

    def encode_ink(self, ink: Vectors) -> Vectors:
        """Encode drawings that are rasterised already, as one batch.

        Args:
            ink: [B, 1, S, S], as `sketch_input` makes it.

        Returns:
            [B, Ds], unit rows.
        """
        (vectors,) = self._run("sketch", {"ink": ink}, {"sketch_space": self.bundle.info.dims.sketch})
        return vectors

    def encode_sketches(self, sketches: Sequence[Sketch]) -> Vectors:
        """Encode drawings.

        Args:
            sketches: N drawings; they are rasterised as the model was trained.

        Returns:
            [N, Ds], unit rows.
        """
        width = self.bundle.info.dims.sketch
        return self._encode("sketch", sketches, lambda batch: {"ink": self.sketch_input(batch)}, "sketch_space", width)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode words; what exceeds the model's number of tokens is cut off.

        Args:
            texts: N non-empty strings.

        Returns:
            [N, Dt], unit rows.
        """
        return self._encode("text", texts, self.text_input, "text_space", self.bundle.info.dims.text)

    def image_input(self, pictures: Sequence[Image | NDArray[np.uint8]]) -> Vectors:
        """Letterbox and normalise pictures.

        Args:
            pictures: B RGB pictures; arrays are [H, W, 3].

        Returns:
            [B, 3, S, S], (value / 255 - mean) / std.
        """
        from PIL import Image

        from stbir.images import letterbox

        settings = self.bundle.info.image
        rgb = [Image.fromarray(p) if isinstance(p, np.ndarray) else p for p in pictures]
        pixels = np.stack([letterbox(picture, settings.size_px) for picture in rgb])
        gain = np.float32(1) / (np.float32(255) * np.asarray(settings.std, np.float32))
        offset = np.asarray(settings.mean, np.float32) / np.asarray(settings.std, np.float32)
        normalised = pixels.astype(np.float32) * gain - offset
        return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))

    def sketch_input(self, sketches: Sequence[Sketch]) -> Vectors:
        """Rasterise drawings.

        Args:
            sketches: B drawings.

        Returns:
            [B, 1, S, S], 1 = ink, 0 = paper.
        """
        from stbir.strokes import rasterize

        settings = self.bundle.info.sketch
        rasters = np.stack(
            [rasterize(sketch, settings.size_px, settings.line_width_px, settings.margin) for sketch in sketches]
        )
        return np.ascontiguousarray(np.float32(1) - rasters[:, None].astype(np.float32) / np.float32(255))

    def text_input(self, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """Tokenise words.

        Args:
            texts: B strings.

        Returns:
            `input_ids` and `attention_mask`, each [B, L] with L the longest row, at most `max_tokens`.
        """
        settings = self.bundle.info.text
        encodings = self._load_tokenizer().encode_batch(list(texts))
        length = max(1, max(len(encoding.ids) for encoding in encodings))
        input_ids = np.full((len(encodings), length), settings.pad_id, np.int64)
        mask = np.zeros((len(encodings), length), np.int64)
        for row, encoding in enumerate(encodings):
            input_ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        return {"input_ids": input_ids, "attention_mask": mask}

    def warm_up(self, *towers: str) -> None:
        """Make the sessions of the named towers (image, sketch, text) now instead of at the first query."""
        for tower in towers:
            self._session(tower)
            if tower == "text":
                self._load_tokenizer()

    def rest(self) -> None:
        """Give back the memory of the sessions, up to a gigabyte after large batches; the next call makes them anew."""
        with self._lock:
            self._sessions.clear()

    def _encode(
        self, tower: str, inputs: Sequence[Any], prepare: Callable[[Any], dict[str, Any]], output: str, width: int
    ) -> Vectors:
        """Run a tower with one output over all inputs."""
        vectors = np.empty((len(inputs), width), np.float32)
        for rows, batch in _batches(inputs, self.batch_size):
            (vectors[rows],) = self._run(tower, prepare(batch), {output: width})
        return vectors

    def _run(self, tower: str, feeds: dict[str, Any], outputs: dict[str, int]) -> list[Vectors]:
        """Run one batch and check what comes out."""
        num_rows = len(next(iter(feeds.values())))
        try:
            results = self._session(tower).run(list(outputs), feeds)
        except BundleError:
            raise
        except Exception as error:
            raise self._broken(tower, f"fails on a batch of {num_rows}: {_first_line(error)}") from error
        return [
            self._checked(tower, name, np.asarray(values, np.float32), (num_rows, width))
            for (name, width), values in zip(outputs.items(), results, strict=True)
        ]

    def _checked(self, tower: str, name: str, values: Vectors, shape: tuple[int, int]) -> Vectors:
        """The rows scaled to length 1 exactly, if they have it nearly."""
        if values.shape != shape:
            raise self._broken(tower, f"gives {name} of shape {values.shape}, expected {shape}")
        norms = np.linalg.norm(values, axis=1, keepdims=True)
        if not np.all(np.isfinite(norms)):
            raise self._broken(tower, f"gives {name} that is not finite")
        if np.any(np.abs(norms - 1) > UNIT_TOLERANCE):
            raise self._broken(tower, f"gives {name} of length {norms.min():.3f}..{norms.max():.3f}, expected 1")
        return np.asarray(values / norms, np.float32)

    def _session(self, tower: str) -> Any:
        """The ONNX Runtime session of a tower, made at first use."""
        with self._lock:
            if tower not in self._sessions:
                self._sessions[tower] = self._open_session(tower)
            return self._sessions[tower]

    def _open_session(self, tower: str) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        data = self.bundle.read(f"{tower}.onnx")
        try:
            return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise self._broken(tower, f"does not load: {_first_line(error)}") from error

    def _load_tokenizer(self) -> Any:
        """The tokenizer, cutting at the model's number of tokens; padding is done here, not by its own settings."""
        with self._lock:
            if self._tokenizer is None:
                os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
                from tokenizers import Tokenizer

                try:
                    text = self.bundle.read("tokenizer.json").decode()
                    json.loads(text)
                    tokenizer = Tokenizer.from_str(text)
                except Exception as error:
                    raise BundleError(
                        f"model bundle {self.bundle.path}: tokenizer.json does not load: {_first_line(error)}; "
                        "copy the bundle again"
                    ) from error
                tokenizer.enable_truncation(self.bundle.info.text.max_tokens)
                tokenizer.no_padding()
                self._tokenizer = tokenizer
            return self._tokenizer

    def _broken(self, tower: str, what: str) -> BundleError:
        return BundleError(f"model bundle {self.bundle.path}: {tower}.onnx {what}; export or copy the bundle again")


def _batches(items: Sequence[Any], size: int) -> Iterator[tuple[slice, Sequence[Any]]]:
    """Cut into runs of at most `size`, each with the rows it fills."""
    for start in range(0, len(items), size):
        yield slice(start, start + size), items[start : start + size]


def _num_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
