"""Killed without warning while many ask and sign: afterwards the record verifies, and holds all that was answered.

A real service in a process of its own, with the tiny GGUF. On SQLite it is killed (SIGKILL) twenty times at random
moments; on PostgreSQL the database is stopped and started besides, while the service goes on.
"""

import asyncio
import contextlib
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import select

from residency import admitting
from residency.cli import main
from residency.serve.review import drafts
from residency.serve.settings import Settings
from residency.serve.store.database import open_database, upgrade
from residency.serve.store.keys import Seal
from residency.serve.store.tables import DRAFTS, RECORD
from residency.serve.types import Principal

PASSWORD = "a stable full of quiet horses"
ROUNDS, DRAFT_COUNT = 20, 300


class Ward:
    """A service that is started and killed, and what its clients have been told."""

    def __init__(self, model, folder, database=""):
        self.model, self.folder, self.database = model, folder, database
        self.place = [*("--folder", str(folder)), *(("--database", database) if database else ())]
        self.answered, self.signed, self.statuses = [], [], []
        self.process = self.url = None
        self.going = threading.Event()
        Seal(folder)
        engine = open_database(Settings(folder=folder, database=database))
        upgrade(engine)
        engine.dispose()
        self.one_time, self.key = self._people()
        self.drafts = asyncio.run(self._drafts())

    def _people(self):
        with admitting.opened(self.folder, self.database) as access:
            from residency.serve.access import keys, users

            console = Principal("", "console", "administrator")
            user, token = users.make(access, console, name="rita", role="reviewer")
            self.user = user
            _, key = keys.make(access, console, user.id, name="load", scopes=["chat"], per_minute=1_000_000)
        return token, key

    async def _drafts(self):
        with admitting.opened(self.folder, self.database) as access:
            desk = SimpleNamespace(database=access.database, recorder=access.recorder, seal=access.seal)
            rita = Principal(self.user.id, "rita", "reviewer")
            given = {"input": "a note", "output": "a draft", "model": "tiny", "model_hash": "0", "request": "r"}
            made = [await drafts.make(desk, rita, application="structure-1", **given) for _ in range(DRAFT_COUNT)]
            return [one.id for one in made]

    def start(self):
        command = [sys.executable, "-m", "residency", "serve", str(self.model), *self.place, "--port", "0", "--json"]
        self.process = subprocess.Popen(
            [*command, "--context", "512"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.url = json.loads(self.process.stdout.readline())["url"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError("the service does not answer")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def sign_in(self):
        """Choose a password with the one-time key, and keep the session's cookie over all restarts."""
        client = httpx.Client(base_url=self.url)
        client.post("/login", data={"name": "rita", "password": self.one_time})
        csrf = token_in(client.get("/password").text)
        reply = client.post("/password", data={"old": "", "new": PASSWORD, "again": PASSWORD, "csrf": csrf})
        assert reply.status_code == 303, reply.status_code
        self.cookies = dict(client.cookies)

    # --- the load ---

    def load(self, threads):
        """Ask and sign until ``going`` is cleared; a request that breaks off has been told nothing."""
        self.going.set()
        work = [self._ask, self._ask, self._stream, self._stream, self._sign]
        running = [threading.Thread(target=self._until_stopped, args=(work[n % len(work)],)) for n in range(threads)]
        for one in running:
            one.start()
        return running

    def work_for(self, answers, seconds):
        """Return after so many more answers (at most half a minute), and a moment."""
        wanted, until = len(self.answered) + answers, time.monotonic() + 30
        while len(self.answered) < wanted and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(seconds)

    def _until_stopped(self, act):
        with httpx.Client(base_url=self.url, timeout=30) as client:
            while self.going.is_set():
                try:
                    act(client)
                except (httpx.HTTPError, OSError):
                    time.sleep(0.02)

    def _body(self, **more):
        body = {"messages": [{"role": "user", "content": "a b c"}], "max_tokens": 24, **more}
        return {"json": body, "headers": {"authorization": f"Bearer {self.key}"}}

    def _ask(self, client):
        reply = client.post("/v1/chat/completions", **self._body())
        self.statuses.append(reply.status_code)
        if reply.status_code == 200:
            self.answered.append(reply.json()["residency"]["request"])

    def _stream(self, client):
        with client.stream("POST", "/v1/chat/completions", **self._body(stream=True)) as reply:
            self.statuses.append(reply.status_code)
            lines = [line[6:] for line in reply.iter_lines() if line.startswith("data: ")]
        if lines and lines[-1] == "[DONE]":
            last = next(one for one in reversed([json.loads(line) for line in lines[:-1]]) if "residency" in one)
            self.answered.append(last["residency"]["request"])

    def _sign(self, client):
        if not self.drafts:
            time.sleep(0.05)
            return
        client.cookies.update(self.cookies)
        draft = self.drafts[-1]
        page = client.get(f"/review/{draft}")
        if page.status_code != 200:
            time.sleep(0.05)
            return
        version = re.search(r'name="version"[^>]*value="(\d+)"', page.text)
        offered = [one for one in ("signed", "accepted") if f'value="{one}"' in page.text]
        if not offered or not version:  # signed before it could say so
            self._done(draft)
            return
        given = {"csrf": token_in(page.text), "version": version[1], "decision": offered[0], "sure": "yes"}
        reply = client.post(f"/review/{draft}", data=given)
        self.statuses.append(reply.status_code)
        if reply.status_code == 303 and offered[0] == "signed":
            self.signed.append(draft)
            self._done(draft)

    def _done(self, draft):
        with contextlib.suppress(ValueError):  # another has taken it out
            self.drafts.remove(draft)

    # --- what must hold ---

    def verify(self, capsys):
        capsys.readouterr()
        assert main(["log", "verify", *self.place, "--json"]) == 0, capsys.readouterr().out

    def held(self):
        """Return the requests on record with how often each stands there, and the drafts that are signed."""
        engine = open_database(Settings(folder=self.folder, database=self.database))
        with engine.connect() as connection:
            rows = connection.execute(select(RECORD.c.request).where(RECORD.c.kind == "request")).scalars().all()
            signed = connection.execute(select(DRAFTS.c.id).where(DRAFTS.c.status == "signed")).scalars().all()
        engine.dispose()
        return rows, set(signed)


def token_in(page):
    return re.search(r'name="csrf"[^>]*value="([^"]+)"', page)[1]


def holds(ward):
    rows, signed = ward.held()
    assert len(rows) == len(set(rows)), "a request stands twice in the record"
    assert set(ward.answered) <= set(rows), "an answer is not on record"
    assert set(ward.signed) <= signed, "a signed note was lost"
    assert not set(ward.statuses) - {200, 303, 409, 503, 429}, set(ward.statuses)


@pytest.mark.slow
def test_twenty_kills_on_sqlite_lose_nothing_that_was_answered_or_signed(tmp_path, tiny_gguf, capsys):
    draw, ward = random.Random(9), Ward(tiny_gguf, tmp_path / "service")
    for number in range(ROUNDS):
        ward.start()
        if number == 0:
            ward.sign_in()
        threads = ward.load(10)
        ward.work_for(draw.randint(1, 12), draw.uniform(0.0, 0.5))
        ward.kill()
        ward.going.clear()
        for one in threads:
            one.join()
        ward.verify(capsys)
        holds(ward)
    assert len(ward.answered) > 5 * ROUNDS and len(ward.signed) > ROUNDS
    with capsys.disabled():
        print(f"\n{len(ward.answered)} answered, {len(ward.signed)} signed, {ROUNDS} kills: all on record")


@pytest.mark.slow
def test_a_database_that_goes_and_comes_and_twenty_kills_on_postgresql_lose_nothing(
    tmp_path,
    tiny_gguf,
    capsys,
    postgres,
):
    draw, ward = random.Random(10), Ward(tiny_gguf, tmp_path / "service", postgres.make())
    for number in range(ROUNDS):
        ward.start()
        if number == 0:
            ward.sign_in()
        threads = ward.load(10)
        ward.work_for(draw.randint(1, 8), draw.uniform(0.0, 0.3))
        before = len(ward.answered)
        (postgres.stop if number % 2 else postgres.kill)()
        time.sleep(draw.uniform(0.2, 1.0))
        if number % 3 == 0:  # the service dies while the database is gone
            ward.kill()
            postgres.start()
        else:
            postgres.start()
            until = time.monotonic() + 20
            while len(ward.answered) <= before + 2 and time.monotonic() < until:
                time.sleep(0.05)
            assert len(ward.answered) > before + 2, "the service does not come back with its database"
            time.sleep(draw.uniform(0.0, 0.5))
            ward.kill()
        ward.going.clear()
        for one in threads:
            one.join()
        ward.verify(capsys)
        holds(ward)
    assert 503 in ward.statuses and len(ward.answered) > 5 * ROUNDS and len(ward.signed) > ROUNDS
    with capsys.disabled():
        print(f"\n{len(ward.answered)} answered, {len(ward.signed)} signed, {ROUNDS} kills and stops: all on record")
