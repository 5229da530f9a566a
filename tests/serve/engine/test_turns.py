"""A bounded queue keeps its order and its places, for tasks and threads alike."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest

from residency.serve.engine.turns import Turns
from residency.serve.types import Busy


def test_those_who_wait_are_served_in_the_order_they_came():
    served: list[int] = []

    async def one(turns: Turns, number: int) -> None:
        async with turns.turn():
            served.append(number)
            await asyncio.sleep(0.001)

    async def all_of_them() -> None:
        turns = Turns(1, 10)
        await asyncio.gather(*(one(turns, i) for i in range(8)))

    asyncio.run(all_of_them())
    assert served == list(range(8))


def test_tasks_threads_and_those_who_give_up_never_exceed_the_places_and_lose_none():
    turns, most, now, lock = Turns(3, 1000), 0, 0, threading.Lock()
    draw = random.Random(1)

    def step(by: int) -> None:
        nonlocal most, now
        with lock:
            now += by
            most = max(most, now)

    def in_thread() -> None:
        with turns.turn_now():
            step(1)
            time.sleep(0.001)
            step(-1)

    async def in_task() -> None:
        async with turns.turn():
            step(1)
            try:
                await asyncio.sleep(0.001)
            finally:
                step(-1)

    async def crowd() -> None:
        tasks = [asyncio.create_task(in_task()) for _ in range(120)]
        threads = [asyncio.create_task(asyncio.to_thread(in_thread)) for _ in range(40)]
        for _ in range(60):
            await asyncio.sleep(0.0005)
            draw.choice(tasks).cancel()
        await asyncio.gather(*tasks, *threads, return_exceptions=True)

    asyncio.run(crowd())
    assert most == 3 and now == 0
    assert (turns.working, turns.waiting) == (0, 0)


def test_a_full_queue_says_when_to_come_back_by_what_work_took():
    async def fill() -> tuple[int, int]:
        turns = Turns(1, 1)
        async with turns.turn():
            waiting = asyncio.create_task(_wait(turns))
            await asyncio.sleep(0)
            with pytest.raises(Busy) as first:
                await _wait(turns)
            with pytest.raises(Busy), turns.turn_now():
                pass
            waiting.cancel()
        for _ in range(40):
            await _wait(turns)
        return first.value.after, turns.after

    first, later = asyncio.run(fill())
    assert first > later == 1


async def _wait(turns: Turns) -> None:
    async with turns.turn():
        await asyncio.sleep(0)
