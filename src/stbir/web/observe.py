"""What can be seen from outside: Prometheus metrics, and one log line for each request, without what was asked."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

LOGGER = "stbir.web"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.4, 0.7, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16)


class Metrics:
    """The metrics of one service; each has its own registry, so that several fit into one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        labels = ["route", "method", "status"]
        self.requests = Counter("stbir_requests", "Requests answered.", labels, registry=self._registry)
        self.seconds = Histogram(
            "stbir_request_seconds", "Time from head to last byte.", ["route"], buckets=SECONDS, registry=self._registry
        )
        self.in_progress = Gauge("stbir_requests_in_progress", "Requests being answered.", registry=self._registry)
        self.batches = Histogram(
            "stbir_batch_size", "Parts encoded together.", ["tower"], buckets=SIZES, registry=self._registry
        )
        self.refused = Counter("stbir_refused", "Requests sent away.", ["code"], registry=self._registry)
        self.waiting = Gauge("stbir_waiting_parts", "Parts that wait to be encoded.", registry=self._registry)
        self.kept = Gauge("stbir_encoded_part_hits", "Parts that needed no encoding.", registry=self._registry)
        self.encoded = Gauge("stbir_encoded_part_misses", "Parts that were encoded.", registry=self._registry)
        self.pictures = Gauge("stbir_gallery_pictures", "Pictures in the gallery.", registry=self._registry)

    def observe_batch(self, tower: str, size: int) -> None:
        """Count a batch; called from the encoder's threads."""
        self.batches.labels(tower).observe(size)

    def observe_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def as_text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return bytes(generate_latest(self._registry))


class JsonFormatter(logging.Formatter):
    """One JSON object a line; fields given as `extra={"fields": {...}}` stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        fields = " ".join(f"{name}={value}" for name, value in getattr(record, "fields", {}).items())
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = f"{moment} {record.levelname.lower()} {record.getMessage()} {fields}".rstrip()
        safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        if record.exc_info and record.exc_info[0] is not None:
            safe += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return safe


def set_up_logs(log_format: Literal["json", "text"], stream: TextIO | None = None) -> None:
    """Send the service's and uvicorn's messages to stderr in one format; uvicorn's own line per request is left out."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    for name, level in ((LOGGER, logging.INFO), ("uvicorn", logging.WARNING), ("uvicorn.access", logging.CRITICAL)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.propagate = False
        logger.handlers = [handler]
    logging.getLogger("uvicorn.error").handlers = []
    logging.getLogger("uvicorn.error").propagate = True
