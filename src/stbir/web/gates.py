"""How much may go on at once: admission gates that send the surplus away, and a rate for each client."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stbir.web.problems import Problem, overloaded

MAX_CLIENTS = 10_000


class Gate:
    """Lets a number of requests in at the same time and sends the others away; used from one event loop.

    Args:
        what: For the message, for example `searches`.
        capacity: How many may run or wait at once.
    """

    def __init__(self, what: str, capacity: int) -> None:
        self._what = what
        self._capacity = capacity
        self._mean_s = 0.05
        self.num_inside = 0
        self.num_refused = 0

    def check(self) -> None:
        """Refuse if nobody more may come in; cheap, so that it can be done before a request is even read.

        Raises:
            Problem: As many as may be are inside; 503 with the time in which half of them should be done.
        """
        if self.num_inside >= self._capacity:
            self.num_refused += 1
            wait_s = math.ceil(self._mean_s / 2)
            raise overloaded(f"the service is busy with {self._capacity} {self._what}", min(30, max(1, wait_s)))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside for the time of the block.

        Raises:
            Problem: As `check`.
        """
        self.check()
        self.num_inside += 1
        started = time.monotonic()
        try:
            yield
        finally:
            self.num_inside -= 1
            self._mean_s += 0.1 * (time.monotonic() - started - self._mean_s)


class Rate:
    """A token bucket for each client; used from one event loop.

    Args:
        per_s: Requests per second on average; None sets no rate.
        burst: How many may come at once.
        clock: Seconds, never going back.
    """

    def __init__(self, per_s: float | None, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Count one request of a client.

        Raises:
            Problem: It asks too often; 429 with the time after which the next one is let in.
        """
        if self._per_s is None:
            return
        now = self._clock()
        tokens, last = self._buckets.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - last) * self._per_s)
        is_let_in = tokens >= 1
        self._buckets[client] = (tokens - 1 if is_let_in else tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        if not is_let_in:
            wait_s = max(1, math.ceil((1 - tokens) / self._per_s))
            raise Problem(
                429,
                f"more than {self._per_s:g} requests per second from one client: wait {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )
