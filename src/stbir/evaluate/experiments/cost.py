"""Experiment `cost`: what a model takes: bytes, time for a query, pictures per second, index, training time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from stbir.errors import ConfigError
from stbir.evaluate.experiments.record import Cell, Column, Experiment, Table
from stbir.evaluate.experiments.runner import Runner
from stbir.evaluate.experiments.sheet import experiment_of
from stbir.evaluate.systems import ModelSystem
from stbir.evaluate.task import Task
from stbir.model.bundle import MODEL_FILES, Bundle
from stbir.model.encoder import Encoder
from stbir.model.fusion import compose, scores
from stbir.query import Weights

Vectors = NDArray[np.float32]

TITLE = "Cost: bytes, milliseconds, pictures per second"
NUM_QUERIES = 200
NUM_WARM_UP = 10
NUM_PICTURES = 256


def run(runner: Runner, command: str) -> Experiment:
    """Measure every model of the settings on the first data set.

    Args:
        runner: With settings `data` and `systems`; systems that are no models are left out.
        command: The command line that repeats it.

    Returns:
        A table of models and a table of times.

    Raises:
        ConfigError: None of the systems is a model, or the data set has no drawings or no words.
    """
    task = runner.tasks()[0]
    if not (task.has_sketches and task.has_texts):
        raise ConfigError(f"{task.data.name} lacks drawings or words: cost is measured on queries with both")
    systems = [each for each in runner.systems() if isinstance(each, ModelSystem)]
    encoders = [each.embedder.encoder for each in systems]
    models = [each for each in encoders if isinstance(each, Encoder)]
    if not models:
        raise ConfigError("none of the systems is a model: name one with --system model or bundle:DIR")
    tables = [_sizes([each.bundle for each in models]), _times(task, models)]
    experiment = experiment_of(
        "cost",
        TITLE,
        runner,
        command,
        [],
        tables=tables,
        notes=(
            f"Times of {NUM_QUERIES} queries of {task.data.name} after {NUM_WARM_UP} that are not counted, one by "
            f"one; pictures per second of {NUM_PICTURES} pictures in batches, decoding included. Times depend on the "
            "machine and on what else it does: compare figures of one run only.",
        ),
    )
    return experiment.model_copy(update={"systems": tuple(each.record for each in systems)})


def _sizes(bundles: Sequence[Bundle]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for bundle in bundles:
        info = bundle.info
        sizes = [(bundle.path / name).stat().st_size / 1e6 for name in MODEL_FILES]
        seconds = info.provenance.get("training_seconds")
        rows.append(
            (
                f"{info.name} {info.version} ({info.fingerprint[:12]})",
                *sizes,
                bundle.num_bytes / 1e6,
                _parameters_in_millions(bundle),
                float(info.dims.total),
                float(4 * info.dims.total),
                float(seconds) / 60 if isinstance(seconds, int | float) else None,
            )
        )
    return Table(
        title="Models",
        columns=(
            Column(name="model"),
            *(Column(name=f"{name} MB", kind="number") for name in MODEL_FILES),
            Column(name="bundle MB", kind="number"),
            Column(name="parameters, millions", kind="number"),
            Column(name="dimensions", kind="count"),
            Column(name="vector bytes per picture", kind="count"),
            Column(name="training, minutes", kind="number"),
        ),
        rows=tuple(rows),
        notes=("Training time is known where the bundle's provenance records it.",),
    )


def _parameters_in_millions(bundle: Bundle) -> float | None:
    """Numbers stored in the three towers; None where the package onnx is not installed."""
    try:
        import onnx
    except ImportError:
        return None
    total = 0
    for name in MODEL_FILES:
        if name.endswith(".onnx"):
            graph = onnx.load_from_string(bundle.read(name)).graph
            total += sum(int(np.prod(each.dims)) for each in graph.initializer if len(each.dims) > 1)
    return total / 1e6


def _times(task: Task, encoders: Sequence[Encoder]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for encoder in encoders:
        encoder.warm_up("image", "sketch", "text")
        rate, vectors = _picture_rate(task, encoder)
        name = encoder.bundle.info.name
        rows += [(name, step, *_percentiles(call)) for step, call in _query_steps(task, encoder, vectors).items()]
        rows.append((name, "pictures per second", rate, None))
    return Table(
        title=f"Times on {task.data.name}, milliseconds",
        columns=(
            Column(name="model"),
            Column(name="what"),
            Column(name="p50", kind="number", digits=2),
            Column(name="p99", kind="number", digits=2),
        ),
        rows=tuple(rows),
    )


def _picture_rate(task: Task, encoder: Encoder) -> tuple[float, Vectors]:
    """Pictures decoded and encoded in a second, and the vectors of the last batch."""
    contents = [task.data.picture_bytes(row) for row in task.gallery[:NUM_PICTURES]]
    started = time.perf_counter()
    for start in range(0, len(contents), encoder.batch_size):
        batch = [encoder.load_image(content) for content in contents[start : start + encoder.batch_size]]
        vectors = encoder.encode_images(batch)
    return len(contents) / (time.perf_counter() - started), vectors


def _query_steps(task: Task, encoder: Encoder, vectors: Vectors) -> dict[str, Callable[[int], object]]:
    """What a query goes through, each step with a number that says which query it is."""
    info = encoder.bundle.info
    asked = [task.questions[i % len(task.questions)] for i in range(NUM_WARM_UP + NUM_QUERIES)]
    drawings = [task.drawings_of(question.row)[question.positions[0]] for question in asked]
    texts = [str(question.text) for question in asked]
    gallery = np.resize(vectors, (len(task.gallery), info.dims.total))

    def draw(number: int) -> Vectors:
        return np.asarray(encoder.encode_sketches([drawings[number]])[0])

    def read(number: int) -> Vectors:
        return np.asarray(encoder.encode_texts([texts[number]])[0])

    def ask(number: int) -> Vectors:
        return compose(info.dims, info.fusion, Weights(), sketch=draw(number), text=read(number))

    query = ask(0)

    def scan(_number: int) -> object:
        return np.argpartition(-scores(query, gallery), min(10, len(gallery) - 1))

    return {"drawing": draw, "words": read, "drawing, words, fused": ask, f"exact scan of {len(gallery):,}": scan}


def _percentiles(step: Callable[[int], object]) -> tuple[float, float]:
    """Median and 99th percentile of a step's time, milliseconds."""
    times = []
    for number in range(NUM_WARM_UP + NUM_QUERIES):
        started = time.perf_counter()
        step(number)
        times.append((time.perf_counter() - started) * 1e3)
    low, high = np.percentile(times[NUM_WARM_UP:], [50, 99])
    return float(low), float(high)
