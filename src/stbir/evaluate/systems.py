"""What can be evaluated: anything that ranks a task's gallery for its queries.

A `System` gets a task and answers with ranks for every way of asking. Here: a model by itself and under other rules of
fusion; `stbir.evaluate.outside` has systems of others, `stbir.evaluate.classic` one without learning. Ranks come from
`stbir.evaluate.ranks` in every case, so ties count against everybody alike.

Where a query's drawing or words are missing (a noise left nothing of them), that part alone finds nothing and ranks
last; both together fall back on the part that is there, as a user would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from stbir.errors import ConfigError
from stbir.evaluate.embed import Embedded, Embedder, Progress
from stbir.evaluate.ranks import Ranks, ranks_in_pools
from stbir.evaluate.record import WAYS, Mode, SystemRecord
from stbir.evaluate.score_ranks import Scores, ranked_by_scores, worst_ranks
from stbir.evaluate.task import Task
from stbir.model.bundle import Fusion, ModelInfo
from stbir.model.fusion import compose
from stbir.query import Weights

RRF_CONSTANT = 60

Vectors = NDArray[np.float32]


class System(Protocol):
    """Anything that ranks pictures for queries."""

    @property
    def record(self) -> SystemRecord:
        """What it is called in results."""
        ...

    def rank(self, task: Task, progress: Progress | None = None) -> dict[Mode, Ranks]:
        """Rank the right picture of every query.

        Args:
            task: Queries and gallery.
            progress: Told (what, how many done, of how many).

        Returns:
            For every way of asking that the system and the task allow [Q] ranks, 1-based.
        """
        ...


class ModelSystem:
    """A model; drawing and words fused into one query vector, as a search does.

    Args:
        embedder: The model and its vectors.
        info: The model's description: dimensions, learned balance, fingerprint.
        weights: The user's weights; None takes 1 each.
        fusion: `learned` uses the balance that the model learned, `mean` gives both cosines the same weight.
        name: What results call it; None takes the model's name.

    Source: `mean`: TASK-former, Sangkloy et al., A Sketch Is Worth a Thousand Words, ECCV 2022 (sum of the features).
    """

    def __init__(
        self,
        embedder: Embedder,
        info: ModelInfo,
        *,
        weights: Weights | None = None,
        fusion: Literal["learned", "mean"] = "learned",
        name: str | None = None,
    ) -> None:
        self.embedder = embedder
        self.info = info
        self.weights = weights or Weights()
        self.balance = info.fusion if fusion == "learned" else Fusion()
        self.fusion = fusion
        self.name = name or (info.name if fusion == "learned" else "mean fusion")

    @property
    def record(self) -> SystemRecord:
        """Name, model and balance."""
        return _model_record(
            self.name,
            self.info,
            {"fusion": self.fusion, "scale_sketch": self.balance.scale.sketch, "scale_text": self.balance.scale.text}
            | ({} if self.balance.gate is None else {"gate": self.balance.gate.digest})
            | {f"weight_{part}": getattr(self.weights, part) for part in ("sketch", "text")},
        )

    def rank(self, task: Task, progress: Progress | None = None) -> dict[Mode, Ranks]:
        """Rank by the one query vector."""
        vectors = self.embedder.embed(task, progress)
        pools, targets = task.pool_numbers, task.targets
        found: dict[Mode, Ranks] = {}
        for mode, (queries, is_asked) in self.queries(vectors).items():
            ranks = task.pool_sizes.copy()
            asked = np.flatnonzero(is_asked)
            ranks[asked] = ranks_in_pools(queries[asked], vectors.gallery, targets[asked], pools[targets[asked]], pools)
            found[mode] = ranks
        return found

    def queries(self, vectors: Embedded) -> dict[Mode, tuple[Vectors, NDArray[np.bool_]]]:
        """Fuse the parts of every query.

        Args:
            vectors: The encoded task.

        Returns:
            For each way of asking the query vectors [Q, Ds + Dt] and which queries have anything to ask with [Q].
        """
        dims = self.info.dims
        made: dict[Mode, tuple[Vectors, NDArray[np.bool_]]] = {}
        for mode in _modes(vectors):
            sketches = vectors.sketches if "sketch" in mode else None
            texts = vectors.texts if "text" in mode else None
            num = len(cast(Vectors, sketches if sketches is not None else texts))
            is_asked = _is_there(sketches, num) | _is_there(texts, num)
            weights = self.weights if mode == "sketch+text" else Weights()
            queries = np.zeros((num, dims.total), np.float32)
            for row in np.flatnonzero(is_asked):
                sketch = None if sketches is None or not sketches[row].any() else sketches[row]
                text = None if texts is None or not texts[row].any() else texts[row]
                alone = sketch is None or text is None
                queries[row] = compose(dims, self.balance, Weights() if alone else weights, sketch=sketch, text=text)
            made[mode] = queries, is_asked
        return made


class ScoreFusion:
    """A model whose drawings and words search apart; their results are then put together, as search engines do.

    Args:
        embedder: The model and its vectors.
        info: The model's description.
        fusion: `weighted`: the scores of each part, made zero mean and unit variance for each query, added by weight;
            `rrf`: reciprocal rank fusion.
        share: Of the drawing, in 0..1; for `weighted`.

    Source: `weighted`: CombSUM on z-scores, Fox and Shaw, TREC-2 1994; `rrf`: Cormack et al., SIGIR 2009, k = 60.
    """

    def __init__(
        self, embedder: Embedder, info: ModelInfo, fusion: Literal["weighted", "rrf"], *, share: float = 0.5
    ) -> None:
        if not 0 <= share <= 1:
            raise ConfigError(f"the share {share} of the drawing is out of range: give a number between 0 and 1")
        self.embedder = embedder
        self.info = info
        self.fusion = fusion
        self.share = share

    @property
    def record(self) -> SystemRecord:
        """Name, model and rule."""
        settings: dict[str, float | str] = {"fusion": self.fusion}
        settings |= {"share_sketch": self.share} if self.fusion == "weighted" else {"k": RRF_CONSTANT}
        name = f"weighted scores ({self.share:g})" if self.fusion == "weighted" else "reciprocal rank fusion"
        return _model_record(name, self.info, settings)

    def rank(self, task: Task, progress: Progress | None = None) -> dict[Mode, Ranks]:
        """Rank by each part alone, and by the fused scores."""
        vectors = self.embedder.embed(task, progress)
        dims = self.info.dims
        parts = {
            "sketch": (vectors.sketches, vectors.gallery[:, : dims.sketch]),
            "text": (vectors.texts, vectors.gallery[:, dims.sketch :]),
        }

        def scores(mode: Mode, rows: NDArray[np.int64], members: NDArray[np.int64]) -> Scores:
            total = np.zeros((len(rows), len(members)))
            for name, (queries, gallery) in parts.items():
                if queries is None or name not in mode or not queries.any():
                    continue
                cosines = queries[rows].astype(np.float64) @ gallery[members].astype(np.float64).T
                total += self._fused(name, cosines)
            return total

        return ranked_by_scores(task, _modes(vectors), scores)

    def _fused(self, part: str, cosines: Scores) -> Scores:
        """What one part adds, [B, N]; the same for every picture where the part is missing (all cosines 0)."""
        if self.fusion == "rrf":
            return np.asarray(1.0 / (RRF_CONSTANT + worst_ranks(cosines)))
        share = self.share if part == "sketch" else 1 - self.share
        spread = cosines.std(axis=1, keepdims=True)
        centred = cosines - cosines.mean(axis=1, keepdims=True)
        return np.asarray(share * np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12))


def _is_there(parts: Vectors | None, num: int) -> NDArray[np.bool_]:
    return np.zeros(num, bool) if parts is None else np.asarray(parts.any(axis=1))


def _modes(vectors: Embedded) -> list[Mode]:
    has = {"sketch": vectors.sketches is not None, "text": vectors.texts is not None}
    return [mode for mode in WAYS if all(has[part] for part in mode.split("+"))]


def _model_record(name: str, info: ModelInfo, settings: Mapping[str, float | str]) -> SystemRecord:
    return SystemRecord(
        name=name,
        kind="model" if info.fingerprint else "baseline",
        version=info.version,
        fingerprint=info.fingerprint,
        settings=dict(settings),
    )
