"""Systems by the words of the command line: `model`, `mean`, `weighted=0.4`, `rrf`, `classic`, `random`, and others'.

model              the model given (or the one shipped with stbir), fused as it learned
bundle:DIR         another model
mean               the model's drawing and words with the same weight for both cosines
weighted[=SHARE]   z-scores of drawing and words searched apart, added; SHARE (0.5) is the drawing's
rrf                reciprocal rank fusion of drawing and words searched apart
classic            edge directions and colour words: nothing learned
random             chance
run:FILE           ranked lists of somebody else's system
MODULE:FUNCTION    a Python function, see `CallableSystem`
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from stbir.errors import ConfigError, InputError
from stbir.evaluate.classic import ClassicEncoder, classic_info
from stbir.evaluate.embed import Embedder
from stbir.evaluate.outside import CallableSystem, RandomSystem, RunSystem
from stbir.evaluate.provenance import CLASSIC_PARTS, ENCODING_PARTS, code_version
from stbir.evaluate.record import WAYS, Mode
from stbir.evaluate.systems import ModelSystem, ScoreFusion, System
from stbir.evaluate.vector_store import VectorStore
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder
from stbir.query import Weights

NAMES = ("model", "mean", "weighted", "rrf", "classic", "random")


class SystemFactory:
    """Makes systems that share their models and vectors.

    Args:
        model: Directory of the model that `model`, `mean`, `weighted` and `rrf` stand for; None takes the shipped one.
        threads: Threads for encoding; None takes every core.
        weights: The user's weights, for `model`.
        store: Where vectors are kept; None keeps the last ones in memory.
    """

    def __init__(
        self,
        model: Path | None = None,
        *,
        threads: int | None = None,
        weights: Weights | None = None,
        store: VectorStore | None = None,
    ) -> None:
        self.model = model
        self.threads = threads
        self.weights = weights
        self.store = store or VectorStore()
        self._bundles: dict[Path | None, tuple[Embedder, Bundle]] = {}

    def make(self, spec: str) -> System:
        """Make a system.

        Args:
            spec: As in this module's table.

        Returns:
            The system.

        Raises:
            ConfigError: No such system.
            BundleError: The model cannot be loaded.
        """
        name, _, value = spec.partition("=")
        if spec.startswith("bundle:"):
            embedder, bundle = self.embedder(Path(spec.removeprefix("bundle:")))
            return ModelSystem(embedder, bundle.info)
        if spec.startswith("run:"):
            return run_system([spec.removeprefix("run:")])
        if name == "classic":
            return ModelSystem(
                Embedder(
                    ClassicEncoder(),
                    f"classic-{code_version(CLASSIC_PARTS)}",
                    self.store,
                ),
                classic_info(),
                fusion="mean",
                name="classic",
            )
        if name == "random":
            return RandomSystem()
        if name in NAMES:
            embedder, bundle = self.embedder(self.model)
            if name == "weighted":
                return ScoreFusion(embedder, bundle.info, "weighted", share=_share(spec, value))
            if name == "rrf":
                return ScoreFusion(embedder, bundle.info, "rrf")
            if name == "mean":
                return ModelSystem(embedder, bundle.info, fusion="mean")
            return ModelSystem(embedder, bundle.info, weights=self.weights)
        if ":" in spec:
            return callable_system(spec)
        raise ConfigError(
            f"there is no system {spec!r}: choose {', '.join(NAMES)}, bundle:DIR, run:FILE or MODULE:FUNCTION"
        )

    def embedder(self, path: Path | None) -> tuple[Embedder, Bundle]:
        """The model at a path, loaded once; None is the shipped one."""
        if path not in self._bundles:
            bundle = Bundle.load(path)
            version = f"{bundle.info.fingerprint}-{code_version(ENCODING_PARTS)}"
            self._bundles[path] = Embedder(Encoder(bundle, self.threads), version, self.store), bundle
        return self._bundles[path]


def callable_system(spec: str) -> CallableSystem:
    """A function named `MODULE:FUNCTION`, looked up in the working directory too; runs that module's code."""
    module_name, _, function_name = spec.partition(":")
    if "" not in sys.path:
        sys.path.append("")  # last, so that no file of the working directory stands in for an installed module
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"cannot load the system {spec!r}: {error}; write MODULE:FUNCTION") from None
    if not callable(function):
        raise ConfigError(f"{spec} is not a function: it is a {type(function).__name__}")
    return CallableSystem(spec, function)


def run_system(files: list[str]) -> RunSystem:
    """Run files, each for one way of asking: `FILE` (sketch+text) or `MODE=FILE`."""
    runs: dict[Mode, Path] = {}
    for given in files:
        name, _, rest = given.partition("=")
        mode = next((way for way in WAYS if way == name and rest), None)
        mode, rest = (mode, rest) if mode else ("sketch+text", given)
        if mode in runs:
            raise InputError(f"two run files for {mode}: {runs[mode]} and {rest}; give one")
        runs[mode] = Path(rest)
    return RunSystem(runs)


def _share(spec: str, value: str) -> float:
    try:
        return float(value or 0.5)
    except ValueError:
        raise ConfigError(f"cannot read the share in {spec!r}: write for example weighted=0.4") from None
