"""A process that is killed at any moment loses no signature that it has told of, and leaves none that is half there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from residency.serve.record.head import FILE
from residency.serve.record.verify import verify
from residency.serve.review import drafts
from residency.serve.review.check import check
from residency.serve.store.tables import DRAFTS
from serve.review.desk import desk, furnished, run

SIGNS = """
import asyncio, sys
from pathlib import Path
from serve.review.desk import desk, run
from residency.serve.review import drafts

async def sign_on(ward, who):
    while True:
        about = {"application": "a", "input": "in", "output": "out", "model": "m", "model_hash": "h", "request": "r"}
        draft = await drafts.make(ward, ward.people[who], **about)
        for number, step in enumerate(("accepted", "signed"), start=1):
            await drafts.decide(ward, ward.people[who], draft.id, version=number, decision=step)
        print(draft.id, flush=True)

async def both(ward):
    await asyncio.gather(*(sign_on(ward, who) for who in ("ana", "ben", "rosa")))

with desk(Path(sys.argv[1]), again=True) as ward:
    print("ready", flush=True)
    run(both(ward))
"""

PLACES = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}


@pytest.mark.slow
def test_no_signature_that_was_told_of_is_lost(tmp_path: Path) -> None:
    with furnished(tmp_path):
        pass
    told: set[str] = set()
    chance = random.Random(9)
    for _ in range(6):
        command = [sys.executable, "-c", SIGNS, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=PLACES)
        assert process.stdout and process.stdout.readline() == "ready\n"
        time.sleep(0.2 + 0.8 * chance.random())
        process.kill()
        told |= {line.strip() for line in process.stdout if line.endswith("\n")}
        process.wait()
        with desk(tmp_path, again=True) as ward:
            assert check(ward) == []
            assert verify(ward.database, ward.seal, tmp_path / FILE).ok
            with ward.database.connect() as connection:
                signed = {row.id for row in connection.execute(DRAFTS.select().where(DRAFTS.c.status == "signed"))}
            assert told <= signed
            assert all(run(drafts.get(ward, ward.people["rosa"], id)).content for id in list(told)[:20])
    assert len(told) > 6
