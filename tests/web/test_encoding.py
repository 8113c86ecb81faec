from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from stbir.model.encoder import Encoder
from stbir.web.encoding import BatchEncoder
from stbir.web.problems import Problem


class SlowEncoder:
    """Encodes words as their length, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()

    def encode_texts(self, texts):
        self.gate.wait(10)
        self.batches.append(list(texts))
        if "broken" in texts:
            raise ValueError("broken")
        return np.array([[len(text)] for text in texts], np.float32)

    encode_sketches = encode_images = encode_texts


def run(test, **settings):
    async def inside():
        encoder = SlowEncoder()
        batches = BatchEncoder(encoder, **settings)
        try:
            await asyncio.wait_for(test(encoder, batches), 10)
        finally:
            encoder.gate.set()
            await asyncio.to_thread(batches.close)

    asyncio.run(inside())


def test_what_waits_together_is_encoded_together():
    async def test(encoder, batches):
        first = asyncio.create_task(batches.encode("text", "a", "a"))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(batches.encode("text", word, word)) for word in ("bb", "ccc", "dddd")]
        await asyncio.sleep(0.05)
        encoder.gate.set()
        found = await asyncio.gather(first, *rest)
        assert [int(vector[0]) for vector in found] == [1, 2, 3, 4]
        assert encoder.batches == [["a"], ["bb", "ccc", "dddd"]]

    run(test)


def test_a_batch_is_bounded():
    async def test(encoder, batches):
        first = asyncio.create_task(batches.encode("sketch", "a", "a"))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(batches.encode("sketch", str(n), str(n))) for n in range(8)]
        await asyncio.sleep(0.05)
        encoder.gate.set()
        await asyncio.gather(first, *rest)
        assert [len(batch) for batch in encoder.batches] == [1, 6, 2]

    run(test)


def test_the_first_waits_a_moment_for_others():
    async def test(encoder, batches):
        encoder.gate.set()
        first = asyncio.create_task(batches.encode("text", "a", "a"))
        await asyncio.sleep(0.05)
        await asyncio.gather(first, batches.encode("text", "bb", "bb"))
        assert encoder.batches == [["a", "bb"]]

    run(test, gather_s=0.5)


def test_the_same_part_is_encoded_once():
    async def test(encoder, batches):
        encoder.gate.set()
        await asyncio.gather(*(batches.encode("text", "a", "a") for _ in range(5)))
        await batches.encode("text", "a", "a")
        assert encoder.batches == [["a"]]
        assert (batches.num_hits, batches.num_misses) == (5, 1)
        await batches.encode("sketch", "a", "a")
        assert len(encoder.batches) == 2

    run(test)


def test_a_full_queue_sends_away_and_recovers():
    async def test(encoder, batches):
        tasks = [asyncio.create_task(batches.encode("text", str(n), str(n))) for n in range(4)]
        await asyncio.sleep(0.05)
        tasks += [asyncio.create_task(batches.encode("text", f"more {n}", "x")) for n in range(4)]
        done = asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)
        encoder.gate.set()
        refused = [each for each in await done if isinstance(each, Problem)]
        assert refused
        assert {each.status for each in refused} == {503}
        assert "Retry-After" in refused[0].headers
        assert await batches.encode("text", "later", "later") is not None

    run(test, max_waiting=3)


def test_an_error_reaches_those_who_wait_and_nobody_else():
    async def test(encoder, batches):
        encoder.gate.set()
        with pytest.raises(ValueError, match="broken"):
            await batches.encode("text", "broken", "broken")
        assert int((await batches.encode("text", "fine", "fine"))[0]) == 4
        with pytest.raises(ValueError, match="broken"):
            await batches.encode("text", "broken", "broken")

    run(test)


def test_one_who_leaves_does_not_stop_the_others():
    async def test(encoder, batches):
        tasks = [asyncio.create_task(batches.encode("text", "same", "same")) for _ in range(2)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        await asyncio.sleep(0.05)
        encoder.gate.set()
        assert int((await tasks[1])[0]) == 4

    run(test)


def test_batches_do_not_change_the_vectors(tiny_bundle):
    async def inside():
        encoder = Encoder(tiny_bundle, 1)
        batches = BatchEncoder(encoder, num_workers=2)
        words = ["red", "the green bar", "a blue disc", "frame"] * 5
        found = await asyncio.gather(*(batches.encode("text", f"{n}", word) for n, word in enumerate(words)))
        await asyncio.to_thread(batches.close)
        np.testing.assert_allclose(np.stack(found), encoder.encode_texts(words), atol=1e-6)

    asyncio.run(inside())
