"""The one way that every request goes, whoever asks for what: guard, engine, guard, record, and only then the reply.

A whole answer is one entry of the record, durable before it is sent. A stream is two: "request" before its first byte
and "finish" before its last chunk, also where the client leaves or the engine breaks. A request that fails is on record
as failed, or as interrupted where the service was stopped. Who asks and how often is settled before it comes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Required, TypedDict, TypeVar, Unpack

from residency.serve.engine.ending import Ending, Stopping
from residency.serve.engine.forms import CHAT, Form, fingerprint
from residency.serve.engine.guarded import calls, described, guarded, ruled
from residency.serve.engine.leaving import Leave, Wanted
from residency.serve.engine.plain import PlainModel, plain_body
from residency.serve.engine.relay import Relay, first_words
from residency.serve.engine.threads import Threads
from residency.serve.engine.told import STOPS, Asked, Told, said_in, why
from residency.serve.types import Engine, Principal, Recorder, Refused, Unrecorded, Verdict

if TYPE_CHECKING:
    from residency.core.types import Model
    from residency.serve.guard import Guard

T = TypeVar("T")
Body = Mapping[str, Any]
__all__ = ["CHAT", "Flow", "How", "Told"]


class How(TypedDict, total=False):
    """How a body is asked: the guard's kind, what is known beside the messages, and the names for the record.

    ``known`` are texts whose identifiers may come back, ``evidence`` what the answer stands on (each with its ``id``),
    ``engine`` the model's name (else that of the body, else the default), ``form`` chat or plain text.
    """

    kind: Required[str]
    known: Sequence[str]
    application: str
    evidence: Sequence[Mapping[str, Any]]
    engine: str
    form: Form
    route: str


class Flow:
    """The way of a request. ``watch`` is told the line of the record that each request ends with (for /metrics).

    ``workers`` strategies run at once in threads, and ``waiting`` more may wait; the next raises Busy.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        guard: Guard,
        recorder: Recorder,
        *,
        watch: Callable[[Body], None] | None = None,
        workers: int = 4,
        waiting: int = 64,
    ) -> None:
        self.engines, self.guard, self.recorder, self.watch = engines, guard, recorder, watch
        self._threads = Threads(workers, waiting)
        self._later: set[asyncio.Task[Any]] = set()
        self._ending = Ending()

    def engine(self, name: str = "") -> Engine:
        """Return the engine of a name, without one the default; Refused (404) where there is none of it."""
        if not name:
            return next(iter(self.engines.values()))
        if name not in self.engines:
            held = ", ".join(self.engines)
            raise Refused(f"no such model here; there is: {held}", status=404, code="model_not_found", param="model")
        return self.engines[name]

    def stop(self) -> None:
        """End all requests in flight with Stopping, and those that come; each is on record. For the event loop."""
        self._ending.stop()

    async def settle(self) -> None:
        """Wait until what was left behind by clients that went away is on record (at shutdown)."""
        while self._later:
            await asyncio.gather(*self._later, return_exceptions=True)
        self._threads.close()

    # --- a whole answer ----------------------------------------------------------------------------------------------

    async def ask(self, principal: Principal, body: Body, **how: Unpack[How]) -> Told:
        """Return an answer that is on record.

        Raises Busy, Down and Refused of the engine, and Unrecorded; where one is raised nothing was answered.
        """
        form = how.get("form", CHAT)
        asked = self._asked(principal, body, **how)
        return await self._whole(asked, self._before(asked), form)

    async def _whole(self, asked: Asked, before: Verdict, form: Form) -> Told:
        if before.action in STOPS:
            return await self._finish(asked, ruled(asked, before, form))
        engine = asked.engine
        try:
            asking = (engine.chat if form.chat else engine.complete)(self._sent(asked, stream=False))
            written = await self._ending.whole(asking)
            reply = guarded(asked, self.guard, form.own(written, asked.request, engine), form)
        except BaseException as error:
            if calls(before, error):
                asked.decided = "answered by rule"
                return await self._finish(asked, ruled(asked, before, form))
            await self._failed(asked, error)
            raise
        return await self._finish(asked, reply)

    async def warn(self, principal: Principal, body: Body, **how: Unpack[How]) -> Told:
        """Return what the guard says of a request before it, on record, where no model is to be asked."""
        asked = self._asked(principal, body, **how)
        asked.decided = "answered by rule"
        return await self._finish(asked, ruled(asked, self._before(asked), how.get("form", CHAT)))

    # --- a stream ----------------------------------------------------------------------------------------------------

    async def stream(self, principal: Principal, body: Body, **how: Unpack[How]) -> AsyncIterator[dict[str, Any]]:
        """Yield the chunks of an answer; the last with a finish reason has ``residency``. Raises as ``ask`` does.

        What a rule answers comes whole; what a model writes comes sentence by sentence, as the guard lets it go.
        """
        form = how.get("form", CHAT)
        asked = self._asked(principal, body, **how)
        before = self._before(asked)
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        if before.action in STOPS:
            told = await self._whole(asked, before, form)
            for chunk in form.pieces(told.reply, usage=usage):
                yield chunk
            return
        await self._write(asked, "request", "streamed")
        async with contextlib.aclosing(self._relayed(asked, before, form, usage)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _relayed(self, asked: Asked, before: Verdict, form: Form, usage: bool) -> Any:
        """Yield what may go out of the engine's stream, and put on record how it ended before its last chunks."""
        engine, recorded = asked.engine, False
        head = {"id": form.prefix + asked.request, "object": form.piece, "created": int(time.time())}
        head |= {"model": engine.name, "system_fingerprint": fingerprint(engine)}
        relay = Relay(asked, self.guard, form, head)
        pieces = (engine.chat_stream if form.chat else engine.complete_stream)(self._sent(asked, stream=True))
        try:
            for chunk in first_words(before, form.chat, relay.head) if not asked.wants_json else ():
                yield chunk
            async for piece in self._ending.pieces(pieces):
                asked.first = asked.first or time.monotonic()
                if out := relay.feed(piece):
                    yield out
            last = relay.end(usage=usage)
            recorded = True
            seq = await self._write(asked, "finish", asked.outcome())
            for chunk in last:
                if "residency" in chunk:
                    chunk["residency"]["seq"] = seq
                yield chunk
        except BaseException as error:
            if not recorded:
                asked.answer = relay.said()
                await self._failed(asked, error, "finish")
            raise
        finally:
            await _closed(pieces)

    # --- a strategy --------------------------------------------------------------------------------------------------

    async def run(
        self,
        principal: Principal,
        work: Callable[[Model], T],
        *,
        kind: str,
        known: Sequence[str] = (),
        application: str = "",
        describe: Callable[[T], Body],
        engine: str = "",
        route: str = "",
    ) -> tuple[T | None, Told]:
        """Return what a strategy of ``infer/`` comes to in a thread, guarded and on record, and its answer as told.

        ``known`` is what was given: the question and the texts. ``describe`` tells of the result: ``answer`` (its text,
        None where it abstained), and where there are such ``known`` (texts that it stands on, whose identifiers may be
        in the answer), ``evidence`` (ids), ``snapshots``, ``tokens`` ({"in", "out"}), ``choice_logprobs`` (of a
        question's options, for calibration). The result is None where a rule answered instead, before or after the
        strategy, or where not all of the answer may go out: then only what is told may. A strategy that nobody waits
        for any more ends at its model's next word.
        """
        body = {"messages": [{"role": "user", "content": "\n\n".join(known)}]}  # the guard reads all of it as asked now
        asked = self._asked(principal, body, kind=kind, application=application, engine=engine, route=route)
        asked.question = ""  # which of the texts it is, only the strategy knows
        before = self._before(asked)
        if before.action in STOPS:
            return None, await self._finish(asked, ruled(asked, before, CHAT))
        leave = Leave()
        try:
            model = asked.engine.of(principal.user, leave).as_model()
            running = self._threads.run(lambda: work(PlainModel(Wanted(model, leave))))
            result = await self._ending.whole(running)
            reply = described(asked, self.guard, describe(result))
        except BaseException as error:
            leave.now()
            await self._failed(asked, error)
            raise
        told = await self._finish(asked, reply)
        return (None if asked.altered or any(one.action in STOPS for one in told.verdicts) else result), told

    # --- vectors -----------------------------------------------------------------------------------------------------

    async def embed(
        self, principal: Principal, texts: Sequence[str], *, engine: str = "", route: str = "/v1/embeddings"
    ) -> tuple[list[list[float]], int, dict[str, Any]]:
        """Return a unit vector for each text, how many tokens they have, and what is known of it; on record, too."""
        body = {"messages": [{"role": "user", "content": text} for text in texts]}
        asked = self._asked(principal, body, kind="embed", engine=engine, route=route)
        try:
            vectors, tokens = await self._ending.whole(asked.engine.embed(texts))
        except BaseException as error:
            await self._failed(asked, error)
            raise
        asked.tokens["in"] = tokens
        seq = await self._write(asked, "request", "answered")
        return vectors, tokens, asked.about() | {"seq": seq, "draft": False}

    # --- what all of them do -----------------------------------------------------------------------------------------

    def _asked(self, principal: Principal, body: Body, **how: Unpack[How]) -> Asked:
        form, application = how.get("form", CHAT), how.get("application", "")
        engine = self.engine(how.get("engine") or body.get("model") or "").of(principal.user)
        ids = tuple(str(one["id"]) for one in how.get("evidence", ()))
        route = how.get("route") or (f"/v1/applications/{application}" if application else form.route)
        known, messages = tuple(how.get("known", ())), form.messages(body)
        question = said_in([one for one in messages if one.get("role") == "user"][-1:])
        texts = ("\n".join(question), known, application, ids)
        return Asked(principal, engine, body, messages, how["kind"], route, *texts)

    def _before(self, asked: Asked) -> Verdict:
        verdict = self.guard.before(asked.messages, asked.kind)
        asked.verdicts.append(verdict)
        return verdict

    def _sent(self, asked: Asked, *, stream: bool) -> dict[str, Any]:
        """Return the body that the engine gets."""
        body = {**asked.body, "model": asked.engine.name, "stream": stream, **plain_body(asked.body)}
        body.pop("stream_options", None)
        if stream:
            body["stream_options"] = {"include_usage": True}
        return body

    async def _finish(self, asked: Asked, reply: dict[str, Any]) -> Told:
        """Put a whole answer on record and return it."""
        seq = await self._write(asked, "request", asked.outcome())
        reply["residency"] = asked.about() | {"seq": seq}
        return Told(reply, asked.verdicts, asked.confidence, asked.request, seq)

    async def _failed(self, asked: Asked, error: BaseException, kind: str = "request") -> None:
        """Put on record that nothing, or no more, was answered; without waiting where the client has gone."""
        gone = isinstance(error, asyncio.CancelledError | GeneratorExit)
        if isinstance(error, Unrecorded):
            return
        decision = "disconnected" if gone else "failed"
        if isinstance(error, Stopping) or (gone and self._ending.stopped):
            decision = "interrupted"
        writing = self._write(asked, kind, decision, why=why(error))
        if not gone:
            await writing
            return
        task = asyncio.get_running_loop().create_task(writing)
        self._later.add(task)
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._later.discard(task)
        if not task.cancelled():
            task.exception()

    async def _write(self, asked: Asked, kind: str, decision: str, **more: Any) -> int:
        line = asked.line(decision, self.recorder.digest, **more)
        seq = await self.recorder.write(asked.entry(kind, line))
        if self.watch and decision != "streamed":
            self.watch(line)
        return seq


async def _closed(pieces: Any) -> None:
    """Close an engine's stream, which stops the generation."""
    if hasattr(pieces, "aclose"):
        with contextlib.suppress(RuntimeError):
            await pieces.aclose()
