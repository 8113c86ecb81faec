"""Encoding on a Ray cluster of two nodes on this machine: the same bits, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stbir.errors import GalleryError, ImageError, MissingExtraError
from stbir.gallery import ray as on_ray
from stbir.gallery.decode import Decoder
from stbir.gallery.scan import Found
from stbir.model.bundle import Bundle
from stbir.search import Gallery

SOURCE = Path(__file__).resolve().parents[2] / "src"
NUM_PICTURES = 150
START_S = 180.0

# Two nodes and killed workers take minutes on two cores, and Ray's own waits grow with the load of the machine.
needs_a_cluster = pytest.mark.skipif(
    not os.environ.get("STBIR_TEST_RAY"), reason="starts Ray clusters, which takes minutes: set STBIR_TEST_RAY=1"
)


def never(_digest: str) -> bool:
    return False


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in folders, some twice, some in an archive, some no pictures at all."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for n in range(NUM_PICTURES):
        pixels = rng.integers(0, 255, (6, 8, 3), np.uint8) if n % 10 else np.zeros((6, 8, 3), np.uint8)
        file = folder / str(n % 3) / f"{n:03d}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).resize((160, 120)).save(file)
    for n in range(5):
        (folder / "0" / f"torn{n}.jpg").write_bytes(b"\xff\xd8 torn" + bytes([n]))
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for n in range(1, 8):
            archive.write(folder / str(n % 3) / f"{n:03d}.png", f"in/{n}.png")
    return folder


def test_files_are_cut_into_tasks_that_keep_archives_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "FILES_PER_TASK", 3)
    files = [Found(f"/a/{n}", "/a", 1, 1) for n in range(7)]
    members = [Found(f"/a/x.zip/{n}", "/a", 1, 1, "/a/x.zip", n) for n in range(9)]
    tasks = list(on_ray._tasks([*files, *members]))
    assert [len(task) for task in tasks] == [3, 3, 1, 9]
    assert [file for task in tasks for file in task] == [*files, *members]


def test_what_travels_survives_it(tiny_bundle: Bundle, photos: Path) -> None:
    encoder = on_ray._encoder(str(tiny_bundle.path), tiny_bundle.info.fingerprint, on_ray.stbir.__version__)
    files = [Found(str(photos / "0" / name), str(photos), 1, 1) for name in ("torn1.jpg", "003.png")]
    batch = {"files": np.array([pickle.dumps(files)], object)}
    worked = on_ray._work(batch, str(tiny_bundle.path), tiny_bundle.info.fingerprint, on_ray.stbir.__version__)
    (_, error), (file, decoded) = pickle.loads(worked["outcomes"][0])
    assert isinstance(error, ImageError)
    assert not error.is_passing
    assert file == files[1]
    here = Decoder(encoder, never).decode(files[1])
    assert np.array_equal(decoded.vector, here.vector)
    assert (decoded.content_hash, decoded.thumbnail) == (here.content_hash, here.thumbnail)


def test_a_worker_with_another_model_or_version_is_refused(tiny_bundle: Bundle, other_bundle: Bundle) -> None:
    with pytest.raises(Exception, match="has not the gallery's model"):
        on_ray._encoder(str(other_bundle.path), tiny_bundle.info.fingerprint, on_ray.stbir.__version__)
    with pytest.raises(GalleryError, match=r"stbir .*, this machine 0\.0\.1"):
        on_ray._encoder(str(tiny_bundle.path), tiny_bundle.info.fingerprint, "0.0.1")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"stbir\[ray\]"):
        on_ray.connect("auto")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9"])
def test_where_nobody_listens_is_said_at_once(address: str) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    with pytest.raises(GalleryError, match="there is no Ray cluster at"):
        on_ray.connect(address)


class Cluster:
    """Two Ray nodes of one core each on this machine, and `stbir` run as a process of its own that uses them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_TMPDIR": str(folder),
        }
        self.nodes: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        common = ["--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]
        self._start_node("--head", f"--port={self.port}", "--include-dashboard=false", *common)
        self._wait_for(1)
        self._start_node(f"--address={self.address}", *common)
        self._wait_for(2)

    def _wait_for(self, num_cores: int) -> None:
        code = f"import ray; ray.init('{self.address}', log_to_driver=False)\nprint(ray.cluster_resources()['CPU'])"
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            try:
                command = [sys.executable, "-c", code]
                done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=START_S)
            except subprocess.TimeoutExpired:
                break
            if done.stdout.strip() == f"{num_cores}.0":
                return
            time.sleep(1)
        pytest.skip(f"no Ray cluster of {num_cores} nodes came up in {START_S:.0f} s")

    def _start_node(self, *options: str) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *options]
        with (self.folder / f"node{len(self.nodes)}.log").open("wb") as log:
            node = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)
        self.nodes.append(node)

    def workers(self) -> list[int]:
        """Processes of this cluster that are doing tasks now; a node does not outlive its agents, so they are none."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                title = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            is_task = title.startswith(b"ray::") and not any(word in title for word in (b"IDLE", b"Agent"))
            if is_task and str(self.folder).encode() in environment:
                found.append(int(entry.name))
        return found

    def index(self, photos: Path, gallery: Path, model: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "stbir", "index", str(photos), "--gallery", str(gallery)]
        command += ["--model", str(model), "--ray", self.address, "--json"]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def stop(self) -> None:
        for node in reversed(self.nodes):
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGTERM)
        for node in self.nodes:
            try:
                node.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(node.pid, signal.SIGKILL)
                node.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    if sys.platform != "linux":
        pytest.skip("two nodes on one machine are for Linux")
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:  # sockets below it must have short paths
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def rows(path: Path) -> dict[str, tuple[object, ...]]:
    """All that the gallery holds, by path, but what depends on the order of ids for equal content."""
    gallery = Gallery.open(path)
    entries = gallery.entries()
    pictures = gallery.pictures([entry.id for entry in entries])
    return {e.path: (e, pictures[e.id].vector.tobytes(), pictures[e.id].thumbnail) for e in entries}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, photos: Path) -> dict[str, object]:
    path = tmp_path_factory.mktemp("local") / "my.gallery"
    Gallery.open(path, model=tiny_bundle.path).index(photos)
    return {**rows(path)}


@pytest.mark.slow
@needs_a_cluster
def test_two_nodes_give_the_same_gallery_to_the_bit(
    cluster: Cluster, tiny_bundle: Bundle, photos: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    process = cluster.index(photos, tmp_path / "ray.gallery", tiny_bundle.path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert (report["total"], len(report["skipped"])) == (NUM_PICTURES + 7, 5)
    assert rows(tmp_path / "ray.gallery") == expected


@pytest.mark.slow
@needs_a_cluster
def test_a_killed_worker_s_task_is_done_again(
    cluster: Cluster, tiny_bundle: Bundle, photos: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    process = cluster.index(photos, tmp_path / "ray.gallery", tiny_bundle.path)
    num_killed = 0
    while process.poll() is None and num_killed < 2:
        for worker in cluster.workers()[:1]:
            os.kill(worker, signal.SIGKILL)
            num_killed += 1
        time.sleep(0.05)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert num_killed > 0
    assert json.loads(out)["total"] == NUM_PICTURES + 7, "what Ray tells must not come between"
    assert rows(tmp_path / "ray.gallery") == expected


@pytest.mark.slow
@needs_a_cluster
def test_a_lost_machine_and_then_a_lost_cluster(
    cluster: Cluster, tiny_bundle: Bundle, photos: Path, tmp_path: Path, expected: dict[str, object]
) -> None:
    """The second node dies: the first does its part. Then there is no cluster: one line, and what is there stays."""
    process = cluster.index(photos, tmp_path / "ray.gallery", tiny_bundle.path)
    while process.poll() is None and not cluster.workers():
        time.sleep(0.05)
    os.killpg(cluster.nodes[1].pid, signal.SIGKILL)
    _, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert rows(tmp_path / "ray.gallery") == expected
    cluster.stop()
    process = cluster.index(photos, tmp_path / "ray.gallery", tiny_bundle.path)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 2
    assert err.startswith("stbir: there is no Ray cluster")
    assert err.count("\n") == 1
    assert rows(tmp_path / "ray.gallery") == expected
