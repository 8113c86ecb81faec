"""Writing pictures and drawings to a folder, in one process or several; what is there already is kept.

Every file depends on its item alone, so the bytes are the same whatever the number of processes, and an interrupted run
goes on where it stopped. Files appear whole or not at all.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stbir.errors import DatasetError
from stbir.synth.drawing import draw
from stbir.synth.raster import require_vtk
from stbir.synth.render import render
from stbir.synth.spec import ObjectSpec

Progress = Callable[[int, int], None]
_TWINS = 4  # objects of one shape follow each other; one process draws them all and builds the shape once


class Drawable(Protocol):
    """What a file is made from."""

    @property
    def id(self) -> str:
        """Its name, also of its files."""

    @property
    def spec(self) -> ObjectSpec:
        """What to draw."""


@dataclass(frozen=True)
class Job:
    """Where files go and how they are made.

    Attributes:
        root: The data set's folder.
        folder: The pictures' folder within.
        size_px: Width and height of the pictures.
        quality: JPEG quality.
        num_drawings: Drawings of each object.
    """

    root: Path
    folder: str
    size_px: int
    quality: int
    num_drawings: int

    def image(self, item: Drawable) -> str:
        """The picture's file, relative to the root."""
        return f"{self.folder}/{item.id}.jpg"

    def sketches(self, item: Drawable) -> list[str]:
        """The drawings' files, relative to the root."""
        return [f"drawings/{item.id}-{k}.json" for k in range(self.num_drawings)]

    def is_done(self, item: Drawable) -> bool:
        """Whether all files of an item are there."""
        return all((self.root / name).exists() for name in (self.image(item), *self.sketches(item)))


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    partial_file = path.with_name(path.name + ".part")
    partial_file.write_text(text, encoding="utf-8")
    partial_file.replace(path)


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as JSON lines."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_picture(path: Path, spec: ObjectSpec, size_px: int, quality: int) -> None:
    """Render a spec into a JPEG file."""
    partial_file = path.with_name(path.name + ".part")
    render(spec, size_px).save(partial_file, "JPEG", quality=quality, optimize=True)
    partial_file.replace(path)


def write_drawing(path: Path, spec: ObjectSpec, seed: int, haste: float | None = None) -> None:
    """Draw a spec into a JSON file of strokes."""
    sketch = draw(spec, np.random.default_rng([spec.seed, 21, seed]), haste=haste)
    strokes = [[[_short(value) for value in point] for point in stroke] for stroke in sketch.strokes]
    width, height = sketch.size or (0.0, 0.0)
    write_text(path, json.dumps({"strokes": strokes, "size": [width, height]}, separators=(",", ":")) + "\n")


def _short(value: float) -> float | int:
    value = round(float(value), 1)
    return int(value) if value == int(value) else value


def write_files(job: Job, item: Drawable) -> None:
    """Write the missing files of one item."""
    picture = job.root / job.image(item)
    if not picture.exists():
        write_picture(picture, item.spec, job.size_px, job.quality)
    for k, name in enumerate(job.sketches(item)):
        if not (job.root / name).exists():
            write_drawing(job.root / name, item.spec, k)


def write_all(job: Job, items: Sequence[Drawable], num_workers: int, progress: Progress | None) -> None:
    """Write the missing files of all items.

    Args:
        job: Where and how.
        items: What, twins of one shape side by side.
        num_workers: Number of processes; 1 works in this one.
        progress: Called with (objects done, objects in all).

    Raises:
        DatasetError: A process died.
        MissingExtraError: VTK is not installed.
        OSError: A file cannot be written.
    """
    require_vtk()
    done = 0
    for count in _written(job, items, num_workers):
        done += count
        if progress:
            progress(done, len(items))


def _written(job: Job, items: Sequence[Drawable], num_workers: int) -> Iterator[int]:
    """Write, and say after each step how many items it was."""
    if num_workers == 1:
        for item in items:
            write_files(job, item)
            yield 1
        return
    groups = [items[k : k + _TWINS] for k in range(0, len(items), _TWINS)]
    missing = [group for group in groups if not all(job.is_done(item) for item in group)]
    if len(missing) < len(groups):
        yield len(items) - sum(map(len, missing))
    workers = max(1, min(num_workers, len(missing)))
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_follow_parent) as pool:
            with _one_thread_each():
                counts = pool.map(partial(_write_group, job), missing)
            yield from counts
    except BrokenExecutor:
        raise DatasetError(
            f"a rendering process died in the middle of {job.root}, memory may have run out: "
            "run the command again with fewer workers, it goes on where it stopped"
        ) from None


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started in here work with one thread: the cores are taken, threads would wait for each other."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, which lets the files begun be finished; but end when the parent was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_group(job: Job, group: Sequence[Drawable]) -> int:
    for item in group:
        write_files(job, item)
    return len(group)
