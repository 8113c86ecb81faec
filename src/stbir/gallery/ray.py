"""Encode pictures on a Ray cluster: the machine that indexes reads names and writes the gallery, the others work.

Files are cut into partitions, and a partition into tasks of some files each, which Ray Data streams through the cluster
in order; what comes back is what `Decoder` gives on one machine, bit for bit, so commits, resuming and reports are the
same. A task whose worker or machine is lost is done again elsewhere. The workers must see the pictures at the same
paths, and have this stbir and the gallery's model; both are checked.

Ray is an optional part (`pip install 'stbir[ray]'`), imported when a cluster is really used.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import socket
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np

import stbir
from stbir.errors import BundleError, GalleryError, ImageError, MissingExtraError, StbirError
from stbir.gallery.decode import Decoded, Decoder
from stbir.gallery.scan import Found
from stbir.model.bundle import Bundle
from stbir.model.encoder import Encoder

FILES_PER_TASK = 32
MEMBERS_PER_TASK = 2000
TASKS_PER_PARTITION = 1000
MAX_RETRIES = 5
CONNECT_S = 10.0
AUTO, LOCAL = "auto", "local"

Outcome = tuple[Found, Decoded | ImageError]


class RayDecoder(Decoder):
    """A `Decoder` whose `decode_all` works on a cluster.

    Args:
        address: `auto` for the cluster that this machine belongs to, `local` for one of this machine's cores alone, or
            an address such as `10.0.0.1:6379` or `ray://head:10001`.
        encoder: The gallery's model.
        is_known: As for `Decoder`; the workers cannot ask it, so content that only moved is encoded once more.

    Raises:
        GalleryError: There is no cluster there.
        MissingExtraError: Ray is not installed.
    """

    def __init__(self, address: str, encoder: Encoder, is_known: Callable[[str], bool]) -> None:
        super().__init__(encoder, is_known)
        self._address = address
        self._model = (str(encoder.bundle.path), encoder.bundle.info.fingerprint, stbir.__version__)
        connect(address)

    def decode_all(self, files: Iterable[Found]) -> Generator[Outcome]:
        """Decode and encode on the cluster, hand over in the given order.

        Args:
            files: The files; those of one archive together and in its order.

        Yields:
            Each file with what it holds, or with the reason why it cannot be decoded.

        Raises:
            GalleryError: The cluster is lost, or a task fails again and again.
        """
        tasks = _tasks(files)
        while partition := list(islice(tasks, TASKS_PER_PARTITION)):
            with _ray_failures(self._address):
                yield from self._partition(partition)

    def _partition(self, tasks: list[list[Found]]) -> Iterator[Outcome]:
        import ray

        rows = [{"files": pickle.dumps(files)} for files in tasks]
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _work,
            fn_args=self._model,
            batch_size=1,
            batch_format="numpy",
            num_cpus=1,
            max_retries=MAX_RETRIES,
        )
        num_files = 0
        for batch in data.iter_batches(batch_size=1, batch_format="numpy", prefetch_batches=2):
            for packed in batch["outcomes"]:
                outcomes: list[Outcome] = pickle.loads(packed)  # what our own workers wrote
                num_files += len(outcomes)
                yield from outcomes
        if num_files != sum(map(len, tasks)):
            raise GalleryError(
                f"the Ray cluster {self._address} gave back {num_files} of {sum(map(len, tasks))} files: run the same "
                "command again"
            )


def connect(address: str) -> None:
    """Join a cluster, quietly; one that this process has joined already is used on.

    Args:
        address: As for `RayDecoder`.

    Raises:
        GalleryError: There is none.
        MissingExtraError: Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("encoding on a cluster (--ray)", "ray") from None
    if not ray.is_initialized():
        _refuse_nobody(os.environ.get("RAY_ADDRESS", address) if address == AUTO else address)
    settings: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    if not ray.is_initialized():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **settings)
            except (ConnectionError, OSError, RuntimeError, ValueError, AssertionError) as error:
                raise _no_cluster(address, error) from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.execution_options.verbose_progress = False
    context.log_internal_stack_trace_to_stdout = False


def leave() -> None:
    """Leave the cluster that `connect` joined, if any."""
    ray = sys.modules.get("ray")
    if ray is not None:
        ray.shutdown()


def _refuse_nobody(address: str) -> None:
    """Ray itself waits for minutes where nobody listens.

    Raises:
        GalleryError: Nobody listens at an address with a port.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, error: Exception) -> GalleryError:
    reason = " ".join(str(error).split())[:200]
    return GalleryError(
        f"there is no Ray cluster at {address}: {reason}; start one with ray start --head, or leave --ray out"
    )


def _tasks(files: Iterable[Found]) -> Iterator[list[Found]]:
    """Cut files into what one task does: some of their own, or many of one archive, which is read in one go."""
    for archive, group in groupby(files, key=lambda file: file.archive):
        size = FILES_PER_TASK if archive is None else MEMBERS_PER_TASK
        while task := list(islice(group, size)):
            yield task


def _work(batch: dict[str, Any], path: str, fingerprint: str, version: str) -> dict[str, Any]:
    """What a worker does with one task."""
    decoder = Decoder(_encoder(path, fingerprint, version), _never)
    outcomes = [pickle.dumps(list(decoder.decode_all(pickle.loads(packed)))) for packed in batch["files"]]
    column = np.empty(len(outcomes), object)
    column[:] = outcomes
    return {"outcomes": column}


@lru_cache(maxsize=2)
def _encoder(path: str, fingerprint: str, version: str) -> Encoder:
    """The gallery's model on this worker, kept from task to task: one thread, as Ray counts cores."""
    if stbir.__version__ != version:
        raise GalleryError(f"a Ray worker has stbir {stbir.__version__}, this machine {version}: install the same")
    bundle = Bundle.load(path if Path(path).exists() else None)
    if bundle.info.fingerprint != fingerprint:
        raise BundleError(
            f"a Ray worker has not the gallery's model {fingerprint[:12]} at {path}: copy the bundle there"
        )
    return Encoder(bundle, 1)


def _never(_digest: str) -> bool:
    return False


@contextlib.contextmanager
def _ray_failures(address: str) -> Iterator[None]:
    """Raise what a worker raised on purpose, and `GalleryError` in place of what Ray raises."""
    from ray.exceptions import RayError

    try:
        yield
    except StbirError:
        raise
    except (RayError, ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason: BaseException | None = error
        while reason is not None:
            cause = getattr(reason, "cause", None) or reason.__cause__
            if isinstance(reason, StbirError):
                raise reason from None
            reason = cause if cause is not reason else None
        line = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
        raise GalleryError(
            f"the Ray cluster {address} failed: {line.strip()[:300]}; what was committed before is safe, run the same "
            "command again"
        ) from error
