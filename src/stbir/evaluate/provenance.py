"""What a figure rests on besides its data: the code, the machine, and the versions of what computes."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import stbir

# What decides vectors, without noise and with it: kept vectors hold as long as none of these changes.
ENCODING_PARTS = (
    "binarize.py",
    "datasets",
    "images.py",
    "model/encoder.py",
    "model/fusion.py",
    "raster.py",
    "simplify.py",
    "skeleton.py",
    "stroke_json.py",
    "strokes.py",
    "svg.py",
    "svg_path.py",
    "tracing.py",
)
CLASSIC_PARTS = (*ENCODING_PARTS, "evaluate/classic.py", "synth/palette.py")
NOISE_PARTS = ("corrupt",)
# What decides ranks and figures, given the vectors.
RANKING_PARTS = tuple(
    f"evaluate/{name}.py"
    for name in (
        "classic",
        "embed",
        "evaluation",
        "intervals",
        "metrics",
        "named",
        "noise",
        "outside",
        "protocols",
        "quality",
        "ranks",
        "record",
        "result",
        "run_files",
        "runs",
        "score_ranks",
        "systems",
        "task",
    )
)


@cache
def code_version(parts: Sequence[str] = (*ENCODING_PARTS, *NOISE_PARTS, *RANKING_PARTS)) -> str:
    """Hash of the installed package's source files, so that a figure names its code where there is no repository.

    Args:
        parts: Files and folders below the package.

    Returns:
        12 hex digits.
    """
    package = Path(stbir.__file__).parent
    digest = hashlib.sha256()
    for part in sorted(parts):
        place = package / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def environment() -> dict[str, str]:
    """Machine, interpreter and the packages that compute."""
    packages = ("numpy", "onnxruntime", "pillow")
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
    } | {package: version(package) for package in packages}


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
