"""A real Milvus server for tests: the standalone server that the package `milvus` brings, in its own environment.

It needs an old numpy-free environment of its own: `python -m venv .venv-milvus && .venv-milvus/bin/pip install
milvus==2.3.5` (Linux on x86-64), or STBIR_MILVUS_SERVER names the python of another one.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_S = 180.0
NUM_PORTS = 12
ETCD_PORT = 2380
# The server's own choice of ports does not see those that another one holds on other interfaces.
LAUNCH = """
import sys
from milvus import MilvusServer
folder, port, health_port, *others = sys.argv[1:]
names = [name for name in MilvusServer().config_keys if name.endswith("_port") and name != "proxy_port"]
ports = dict(zip(names, map(int, others)))
server = MilvusServer(data_dir=folder, proxy_port=int(port), wait_for_started=False, **ports)
server.webservice_port = int(health_port)
server.start()
server.server_proc.wait()
"""


class CannotStart(Exception):
    """Why there is no server here."""


class MilvusServer:
    """One server with its data in a folder; started again it goes on with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"milvus://127.0.0.1:{self.port}"

    def start(self) -> None:
        python = interpreter()
        if not soon_free(ETCD_PORT):
            raise CannotStart(f"port {ETCD_PORT} is taken, perhaps by another such server: its etcd has no other")
        health_port, *others = free_ports(NUM_PORTS)
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "start.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(python), "-c", LAUNCH, str(self.folder), *map(str, (self.port, health_port, *others))],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started = time.monotonic()
        while time.monotonic() - started < START_S:
            if self._process.poll() is not None:
                raise CannotStart(f"the Milvus server stopped: {(self.folder / 'start.log').read_text()[-300:]}")
            if is_healthy(health_port):
                return
            time.sleep(0.2)
        self.kill()
        raise CannotStart(f"the Milvus server was not up in {START_S:.0f} s")

    def resident(self) -> int:
        """Resident bytes of the server that are its own."""
        total = 0
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
                is_ours = os.getpgid(int(status.parent.name)) == self._process.pid if self._process else False
            except OSError:
                continue
            if is_ours and "RssAnon:" in text:
                total += 1024 * int(text.split("RssAnon:")[1].split()[0])
        return total

    def kill(self) -> None:
        """What a power cut or the kernel's out-of-memory killer does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def interpreter() -> Path:
    if sys.platform != "linux":
        raise CannotStart("the package milvus brings a server for Linux on x86-64 only")
    named = os.environ.get("STBIR_MILVUS_SERVER")
    python = Path(named) if named else ROOT / ".venv-milvus" / "bin" / "python"
    if not python.exists():
        raise CannotStart(f"no Milvus server: {python} is missing (python -m venv, pip install milvus==2.3.5)")
    return python


def is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return b"OK" in answer.read()
    except OSError:
        return False


def free_ports(number: int) -> list[int]:
    """Different ports that nobody holds on any interface."""
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def soon_free(port: int, patience_s: float = 10.0) -> bool:
    """Whether a port is free, or becomes so: a server that was just killed holds it a moment longer."""
    end = time.monotonic() + patience_s
    while not is_free(port):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
