"""An endpoint, played by a real HTTP server here: answers, pauses, garbage, and what is never asked twice."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from residency.core.errors import ModelError, Unsupported, UserError
from residency.evaluate.jobs import Bench, Job, Worker, finished
from residency.models.load import find
from residency.models.remote import RemoteModel, open_remote


class Server:
    """An OpenAI-compatible server whose answers are played from a list of (status, body) and then repeat the last."""

    def __init__(self):
        self.plays, self.asked, self.models, self.keys, self.headers = [], [], ["tiny"], [], {}
        self.status = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send(200, {"data": [{"id": name} for name in outer.models]})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                outer.keys.append(self.headers.get("Authorization"))
                status, answer = outer.plays.pop(0) if len(outer.plays) > 1 else outer.plays[0]
                status = outer.status(body) if outer.status else status
                self.send(status, answer(body) if callable(answer) else answer)

            def send(self, status, answer):
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def saying(text, finish="stop"):
    return {"choices": [{"message": {"content": text}, "finish_reason": finish}], "usage": {"completion_tokens": 3}}


@pytest.fixture
def server():
    made = Server()
    made.plays = [(200, saying("B. Aspirin"))]
    yield made
    made.http.shutdown()


def model(server, **settings):
    return RemoteModel("tiny", server.url, "tiny", pause=lambda seconds: None, at_once=1, **settings)


ASK = [[{"role": "user", "content": "Which?"}]]


def test_it_asks_as_the_field_does_and_reads_the_answer(server, monkeypatch):
    monkeypatch.setenv("RESIDENCY_API_KEY", "sesame")
    (reply,) = model(server).generate(ASK, max_tokens=9, stop=["Asp"], schema={"type": "object"})
    assert (reply.text, reply.tokens, reply.finish) == ("B. ", 3, "stop")
    (body,) = server.asked
    assert body["model"] == "tiny" and body["max_tokens"] == 9 and body["temperature"] == 0.0
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert server.keys == ["Bearer sesame"]


def test_a_busy_server_is_asked_again_and_garbage_too(server):
    server.plays = [(429, {}), (503, {}), (200, b"<html>"), (200, {"choices": []}), (200, saying("yes"))]
    assert model(server).generate(ASK, max_tokens=9)[0].text == "yes" and len(server.asked) == 5


def test_what_cannot_be_got_is_not_scored_and_the_rest_goes_on(server):
    server.plays = [(500, {}), (500, {}), (200, saying("no"))]
    asked = model(server, tries=2)
    first, second = asked.generate(ASK * 2, max_tokens=9)
    assert asked.faults == {"HTTP 500": 2}
    assert first.text is None and first.finish == "failed" and second.text == "no"


def test_a_refusal_that_asking_again_will_not_mend_is_told_at_once(server):
    server.plays = [(401, {"error": "secret"})]
    with pytest.raises(ModelError, match=r"answers 401 .*RESIDENCY_API_KEY") as found:
        model(server).generate(ASK, max_tokens=9)
    assert "secret" not in str(found.value) and len(server.asked) == 1


def usage(value):
    return (200, b'{"choices": [{"message": {"content": "A"}}], "usage": %s}' % value)


def test_garbage_of_every_kind_is_asked_again_and_then_not_scored(server):
    deep = b'{"a":' * 200_000
    plays = [usage(b'["x"]'), usage(b'{"completion_tokens": 1e999}'), (200, deep), (200, b"[1]"), (200, b"\xff")]
    server.plays = plays
    asked = model(server, tries=5)
    assert asked.generate(ASK, max_tokens=9)[0].finish == "failed" and asked.faults == {"no chat completion": 5}
    server.plays, server.headers = [(200, saying("no gzip"))], {"Content-Encoding": "gzip"}
    asked = model(server, tries=2)
    assert asked.generate(ASK, max_tokens=9)[0].finish == "failed" and asked.faults == {"DecodingError": 2}


@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_refused_question_is_not_scored_and_the_rest_goes_on(server, status):
    server.plays = [(200, saying("yes")), (status, {}), (200, saying("no"))]
    replies = model(server).generate(ASK * 3, max_tokens=9)
    assert [(r.text, r.finish) for r in replies] == [("yes", "stop"), (None, "refused"), ("no", "stop")]
    assert len(server.asked) == 3  # not again


def test_an_endpoint_that_refuses_the_very_first_questions_is_told(server):
    server.plays = [(400, {})]
    with pytest.raises(ModelError, match=r"answers 400 .*URL#NAME"):
        model(server).generate(ASK * 16, max_tokens=9)
    with pytest.raises(ModelError, match=r"answers 400 "):
        next(model(server).stream(ASK[0]))


def test_the_only_model_needs_no_name_and_one_of_several_does(server):
    assert open_remote(server.url).model == "tiny"
    server.models = ["a", "b"]
    with pytest.raises(ModelError, match=r"lists 2 models .a, b.; name one"):
        open_remote(server.url)
    source = find(f"{server.url}#a")
    assert source.is_remote and not source.is_gguf


@pytest.mark.parametrize("name", ["127.0.0.1:18765/v1#m", "localhost:8000/v1"])
def test_an_address_without_http_is_told_what_to_write(name):
    with pytest.raises(UserError, match=f"looks like an endpoint; write http://{name}"):
        find(name)


def test_nobody_there_is_said(server):
    with pytest.raises(ModelError, match="cannot be asked for its models"):
        open_remote("http://127.0.0.1:9/v1")


def test_it_has_no_likelihoods(server):
    with pytest.raises(Unsupported, match="no likelihood"):
        model(server).loglik(ASK, ["a"])


def test_an_endpoint_that_answers_nothing_is_a_failure_and_one_that_stammers_is_asked_again(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr("residency.models.remote.time.sleep", lambda seconds: None)
    items = [{"id": str(i), "question": "q", "choices": ["a", "b"], "answer": 0} for i in range(2)]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    (tmp_path / "t.yaml").write_text("task: mine\nitems: i.jsonl\nkind: choice\n")
    job = Job("there", "mine", find(f"{server.url}#tiny"), own=str(tmp_path / "t.yaml"))
    bench = Bench(None, tmp_path / "items", "fp32", 1)
    server.plays = [(503, {})]
    with pytest.raises(ModelError, match="answered none of 2 questions of mine; is it running"):
        Worker(bench).do(job)
    server.plays = [(200, saying("A")), (503, {})]
    Worker(bench).do(job)
    assert not finished(job, bench)
    server.plays = [(200, saying("A"))]
    Worker(bench).do(job)
    assert finished(job, bench)


def job_of(server, folder, count):
    items = [{"id": str(i), "question": f"q{i}", "choices": ["a", "b"], "answer": i % 2} for i in range(count)]
    (folder / "i.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    (folder / "t.yaml").write_text("task: mine\nitems: i.jsonl\nkind: choice\n")
    return Job("there", "mine", find(f"{server.url}#tiny"), own=str(folder / "t.yaml"))


def test_a_refused_item_does_not_lose_the_others_and_all_refused_is_an_error(server, tmp_path):
    job, bench = job_of(server, tmp_path, 3), Bench(None, tmp_path / "items", "fp32", 1)
    server.plays = [(400, {})]
    with pytest.raises(ModelError, match="answers 400"):
        Worker(bench).do(job)
    server.plays = [(200, lambda body: saying("A"))]
    refuse = lambda body: "q1" in body["messages"][-1]["content"]  # noqa: E731
    server.status = lambda body: 400 if refuse(body) else 200
    Worker(bench).do(job)
    assert finished(job, bench)
    rows = [json.loads(line) for line in (tmp_path / "items/mine/there.jsonl").read_text().splitlines()]
    assert [(r["prediction"], r["score"]) for r in rows] == [("A", 1.0), (None, None), ("A", 1.0)]


def test_an_evaluation_goes_on_without_asking_again_for_what_it_has(server, tmp_path, monkeypatch):
    monkeypatch.setattr("residency.models.remote.time.sleep", lambda seconds: None)
    monkeypatch.setattr("residency.evaluate.jobs.ENDPOINT", 2)
    items = [{"id": str(i), "question": "q", "choices": ["a", "b"], "answer": i % 2} for i in range(5)]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    (tmp_path / "t.yaml").write_text("task: mine\nitems: i.jsonl\nkind: choice\n")
    job = Job("there", "mine", find(f"{server.url}#tiny"), own=str(tmp_path / "t.yaml"))
    bench = Bench(None, tmp_path / "items", "fp32", 1)
    server.plays = [(200, saying("A")), (200, saying("A")), (404, {})]
    with pytest.raises(ModelError):
        Worker(bench).do(job)
    asked = len(server.asked)
    server.plays = [(200, saying("I think it is hard to say"))]
    Worker(bench).do(job)
    assert len(server.asked) == asked + 3
    rows = [json.loads(line) for line in (tmp_path / "items/mine/there.jsonl").read_text().splitlines()]
    assert [r["prediction"] for r in rows] == ["A", "A", "", "", ""]
    assert [r["score"] for r in rows] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert [r["parsed"] for r in rows] == [True, True, False, False, False]
