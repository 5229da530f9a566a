"""Getting sets from their publishers, who are played by a server on this machine; and reading what a hub lays out."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residency.core.errors import SourceError
from residency.core.store import read_json, sha256_file, sha256_text
from residency.corpus import benchmarks
from residency.corpus.benchmarks import fetch as fetching
from residency.corpus.benchmarks import get as getting
from residency.corpus.benchmarks.hub import SUBJECTS
from residency.corpus.benchmarks.publishers import LAYOUTS, PUBLISHERS


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folder of $RESIDENCY_DATA and the user's own, both empty."""
    given, own = tmp_path / "given", tmp_path / "home" / "residency" / "data"
    given.mkdir()
    monkeypatch.setenv("RESIDENCY_DATA", str(given))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return given, own


@pytest.fixture
def server(monkeypatch):
    """A publisher that holds ``files`` by path, sends what begins with /moved on, and notes what was ``asked``.

    ``how`` maps a path to functions of (handler, body), one for each time that it is asked for; then it is served well.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/moved"))
                self.end_headers()
                return
            body = server.files.get(self.path)
            if server.how.get(self.path):
                server.how[self.path].pop(0)(self, body)
                return
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            self.send_response(404 if body is None else 206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.end_headers()
            self.wfile.write((body or b"")[start:])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.asked, server.how = {}, [], {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(getting, "GITHUB", host)
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    monkeypatch.setenv("HF_ENDPOINT", f"{host}/moved")
    yield server
    server.shutdown()
    server.server_close()


def path_of(folder, file):
    made = PUBLISHERS[folder]
    start = f"/datasets/{made.repository}/resolve" if made.host == "hub" else f"/{made.repository}"
    return f"{start}/{made.commit}/{made.files[file]}"


PUBMEDQA = {
    "ori_pqal.json": '{"7": {"CONTEXTS": ["a"], "QUESTION": "q?", "final_decision": "yes"}}',
    "test_ground_truth.json": '{"7": "yes"}',
}
MEDQA = {"question": "Which?", "answer": "d", "options": {"D": "d", "A": "a", "C": "c", "B": "b"}, "answer_idx": "D"}


@pytest.fixture
def pubmedqa(server, monkeypatch):
    """A PubMedQA of one question at its publisher, with the hashes of these very files."""
    made = PUBLISHERS["pubmedqa"]
    for file, text in PUBMEDQA.items():
        server.files[path_of("pubmedqa", file)] = text.encode()
        monkeypatch.setitem(made.sha256, file, sha256_text(text))
        monkeypatch.setitem(made.sizes, file, len(text))
    return server


def test_a_set_is_fetched_whole_and_its_hashes_are_written_down(pubmedqa, folders):
    found = getting.get("pubmedqa")
    folder = folders[1] / "pubmedqa"
    assert found["fetched"] and found["folder"] == str(folder)
    record = read_json(folder / "SOURCE.json")
    assert record["commit"] == PUBLISHERS["pubmedqa"].commit and record["licence"] == "MIT"
    assert {file: about["sha256"] for file, about in record["files"].items()} == {
        file: sha256_text(text) for file, text in PUBMEDQA.items()
    }
    (item,) = benchmarks.items("pubmedqa", "test").items
    assert item["question"] == "q?"
    asked = len(pubmedqa.asked)
    again = getting.get("pubmedqa")
    assert not again["fetched"] and again["files"] == record["files"] and len(pubmedqa.asked) == asked


def test_a_file_with_another_hash_is_refused_and_nothing_is_kept(pubmedqa, folders):
    pubmedqa.files[path_of("pubmedqa", "test_ground_truth.json")] = b'{"8": "yes"}'  # as long as the right one
    with pytest.raises(
        SourceError, match="test_ground_truth.json has the SHA-256 .*, not .*not the file that was read"
    ):
        getting.get("pubmedqa")
    assert not list(folders[1].iterdir())


def test_what_was_changed_after_it_was_fetched_is_named(pubmedqa, folders):
    getting.get("pubmedqa")
    (folders[1] / "pubmedqa" / "ori_pqal.json").write_text("{}")
    with pytest.raises(SourceError, match=r"is not as it was fetched: ori_pqal.json; remove the folder"):
        getting.get("pubmedqa")


def test_what_a_publisher_does_not_hold_is_told_with_its_address(server, folders):
    with pytest.raises(SourceError, match=r"MIRAGE/392943af.*/dev.json answered 404; nothing was kept"):
        getting.get("medmcqa")
    assert not list(folders[1].iterdir())


def test_without_a_network_the_files_and_their_place_are_told(folders, monkeypatch):
    monkeypatch.setattr(getting, "GITHUB", "http://127.0.0.1:9")
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    with pytest.raises(SourceError) as found:
        getting.get("presidio_synth")
    for words in ("127.0.0.1 cannot be reached (ConnectError)", "synth_dataset_v2.json of microsoft/presidio-research",
                  "at commit 7622dec1", str(folders[1]), "$RESIDENCY_DATA"):  # fmt: skip
        assert words in str(found.value), words
    assert found.value.exit_code == 2


def test_sets_that_are_no_plain_files_say_where_they_lie_and_what_their_folder_holds(folders):
    with pytest.raises(SourceError, match="medquad cannot be fetched file by file.*577bd37b.*medquad.jsonl.gz"):
        getting.get("medquad")
    with pytest.raises(SourceError, match="icd10_coding is made from the package simple-icd-10-cm"):
        getting.get("icd10_coding")
    with pytest.raises(SourceError, match="no data set is called pubmed"):
        getting.get("pubmed")


def test_the_hub_is_asked_at_the_pinned_commit_and_may_send_us_on(server, folders, monkeypatch):
    for part, rows in (("train", [MEDQA]), ("test", [{**MEDQA, "answer_idx": "B", "meta_info": "step1"}])):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        server.files[path_of("medqa", f"phrases_no_exclude_{part}.jsonl")] = text.encode()
    with pytest.raises(SourceError, match="medqa is not here: .*get it with: residency data get medqa"):
        benchmarks.items("medqa", "test")
    assert getting.get("medqa")["fetched"]
    assert {path.startswith("/moved") for path, _ in server.asked} == {True, False}
    (item,) = benchmarks.items("medqa", "test").items
    assert item["choices"] == ["a", "b", "c", "d"] and item["answer"] == 1 and item["meta"] == {"exam": "step1"}
    (shown,) = benchmarks.items("medqa", "train").items
    assert shown["answer"] == 3 and shown["id"] == "train-00000"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE=1 keeps data from being fetched"):
        getting.get("mmlu_anatomy")


ORI = path_of("pubmedqa", "ori_pqal.json")


def cut(at):
    """The server tells the whole length, and hangs up after so many bytes."""

    def serve(handler, body):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:at])

    return serve


def answer(code):
    def serve(handler, body):
        handler.send_response(code)
        handler.end_headers()

    return serve


def whole(length=None, extra=b"", headers=()):
    """The server sends the whole file whatever was asked for, with a length that it makes up."""

    def serve(handler, body):
        handler.send_response(200)
        for name, value in (*headers, *([("Content-Length", str(length))] if length is not None else [])):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body + extra)

    return serve


def onward(to):
    def serve(handler, body):
        handler.send_response(302)
        handler.send_header("Location", to + handler.path)
        handler.end_headers()

    return serve


def asked_of(server, path):
    return [headers for found, headers in server.asked if found == path]


def test_licence_address_commit_and_size_are_shown_before_anything_is_fetched(pubmedqa, folders, capsys):
    getting.get("pubmedqa")
    first, second, *_ = capsys.readouterr().err.splitlines()
    size = sum(map(len, PUBMEDQA.values()))
    assert first.startswith(
        f"pubmedqa: licence MIT; 2 files, {size:,} bytes, each with its SHA-256; from http://127.0.0.1"
    )
    assert PUBLISHERS["pubmedqa"].commit in first and second.startswith("fetching http")


def test_a_licence_that_is_not_known_must_be_accepted_by_name_before_anything_is_fetched(
    pubmedqa, folders, monkeypatch
):
    import dataclasses

    for licence, words in (("ask Fred", "is not known here"), ("CC BY-NC 4.0", "does not allow everything")):
        changed = dataclasses.replace(benchmarks.SETS["pubmedqa"], licence=licence)
        monkeypatch.setitem(benchmarks.SETS, "pubmedqa", changed)
        with pytest.raises(SourceError, match=f"{words}: read it at .* data get pubmedqa --accept-licence pubmedqa"):
            getting.get("pubmedqa")
    assert not pubmedqa.asked and not folders[1].exists()
    with pytest.raises(SourceError, match="--accept-licence pubmedqa"):
        getting.get("pubmedqa", accepted=["medqa"])
    assert getting.get("pubmedqa", accepted=["pubmedqa"])["licence"] == "CC BY-NC 4.0"


def test_a_broken_line_is_gone_on_with_where_it_broke(pubmedqa, folders):
    pubmedqa.how[ORI] = [cut(10), cut(4)]  # the second serves from the start, and breaks sooner
    assert getting.get("pubmedqa")["fetched"]
    assert [h.get("range") for h in asked_of(pubmedqa, ORI)] == [None, "bytes=10-", "bytes=4-"]
    assert (folders[1] / "pubmedqa" / "ori_pqal.json").read_text() == PUBMEDQA["ori_pqal.json"]
    assert sorted(path.name for path in folders[1].rglob("*")) == sorted(["pubmedqa", *PUBMEDQA, "SOURCE.json"])


def test_what_has_arrived_is_kept_and_the_next_command_goes_on_there(pubmedqa, folders, monkeypatch):
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    second = path_of("pubmedqa", "test_ground_truth.json")
    pubmedqa.how[second] = [cut(5)]
    with pytest.raises(SourceError, match="cannot be reached .*bytes are kept, and the same command goes on there"):
        getting.get("pubmedqa")
    assert not (folders[1] / "pubmedqa").exists()
    assert getting.get("pubmedqa")["fetched"]
    assert len(asked_of(pubmedqa, ORI)) == 1  # it was whole
    assert [h.get("range") for h in asked_of(pubmedqa, second)] == [None, "bytes=5-"]
    assert not [path for path in folders[1].iterdir() if path.name.startswith(".")]


def test_a_server_that_cannot_go_on_is_asked_for_the_whole_again(pubmedqa, folders):
    pubmedqa.how[ORI] = [cut(10), answer(416)]
    assert getting.get("pubmedqa")["fetched"]
    assert [h.get("range") for h in asked_of(pubmedqa, ORI)] == [None, "bytes=10-", None]
    assert (folders[1] / "pubmedqa" / "ori_pqal.json").read_text() == PUBMEDQA["ori_pqal.json"]


def test_a_server_that_is_busy_is_asked_again(pubmedqa, folders):
    pubmedqa.how[ORI] = [answer(503), answer(429)]
    assert getting.get("pubmedqa")["fetched"] and len(asked_of(pubmedqa, ORI)) == 3
    assert (folders[1] / "pubmedqa").is_dir()


def test_a_server_that_stays_busy_is_told_with_its_answer(pubmedqa, folders):
    pubmedqa.how[ORI] = [answer(503)] * 3
    with pytest.raises(SourceError, match="ori_pqal.json answered 503; nothing was kept"):
        getting.get("pubmedqa")
    assert not list(folders[1].iterdir())


def test_a_length_that_is_told_wrong_is_refused_or_never_believed(pubmedqa, folders):
    size = len(PUBMEDQA["ori_pqal.json"])
    for serve, words in (
        (whole(length=size - 3), f"has {size - 3} bytes, not {size}: it is not the file"),
        (whole(length=size + 3), f"has {size + 3} bytes, not {size}: it is not the file"),
        (whole(extra=b"x" * 100_000), f"sends more than {size} bytes: it is not the file"),
    ):
        pubmedqa.how[ORI] = [serve]
        with pytest.raises(SourceError, match=words):
            getting.get("pubmedqa")
        assert not list(folders[1].iterdir())


def test_a_file_of_unknown_size_that_ends_too_soon_is_not_taken_for_whole(server, folders, monkeypatch):
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    path = path_of("medqa", "phrases_no_exclude_train.jsonl")
    server.files[path] = b'{"a": 1}\n' * 10
    server.how[path] = [cut(30)]
    with pytest.raises(SourceError, match=r"cannot be reached \(RemoteProtocolError\); 30 bytes are kept"):
        getting.get("medqa")
    assert not (folders[1] / "medqa").exists()


def test_a_file_without_end_is_stopped(server, folders, monkeypatch):
    monkeypatch.setattr(fetching, "MOST", 1000)
    path = path_of("medqa", "phrases_no_exclude_train.jsonl")
    server.files[path] = b"x" * 50_000
    with pytest.raises(SourceError, match="sends more than 1,000 bytes"):
        getting.get("medqa")


def test_a_server_that_falls_silent_is_left(pubmedqa, folders, monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    monkeypatch.setattr(fetching, "ATTEMPTS", 1)
    pubmedqa.how[ORI] = [lambda handler, body: time.sleep(1.0)]
    began = time.monotonic()
    with pytest.raises(SourceError, match=r"127.0.0.1 cannot be reached \(ReadTimeout\); nothing was kept"):
        getting.get("pubmedqa")
    assert time.monotonic() - began < 0.9


def test_another_host_is_only_followed_where_the_hash_is_known_beforehand(server, folders, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    train, test = (f"phrases_no_exclude_{part}.jsonl" for part in ("train", "test"))
    for file in (train, test):
        server.files["/cdn" + path_of("medqa", file)] = (json.dumps(MEDQA) + "\n").encode()
    away = onward(f"http://localhost:{server.server_port}/cdn")
    server.how[path_of("medqa", train)] = [away]
    with pytest.raises(SourceError, match="127.0.0.1 sends on to another host, localhost, and the file's SHA-256"):
        getting.get("medqa")
    assert [path for path, _ in server.asked] == [path_of("medqa", train)] and not list(folders[1].iterdir())
    server.asked.clear()
    for file in (train, test):
        server.how[path_of("medqa", file)] = [away]
        monkeypatch.setitem(PUBLISHERS["medqa"].sha256, file, sha256_text(json.dumps(MEDQA) + "\n"))
    assert getting.get("medqa")["fetched"]
    assert [headers.get("authorization") for _, headers in server.asked] == ["Bearer hf_secret", None] * 2
    assert "127.0.0.1 sends on to localhost" in capsys.readouterr().err


def test_a_way_without_encryption_is_not_taken():
    asked = httpx.Request("GET", "https://publisher.example/file")
    for to, words in (
        ("http://publisher.example/file", "without encryption"),
        ("https://evil.example/", "another host"),
    ):
        with pytest.raises(SourceError, match=words):
            fetching._check_way(httpx.Response(302, headers={"location": to}, request=asked), pinned=False)
    for to in ("/elsewhere", "https://cas-bridge.xethub.hf.co/file"):
        fetching._check_way(httpx.Response(302, headers={"location": to}, request=asked), pinned=False)
    with pytest.raises(SourceError, match="another host"):
        away = httpx.Response(302, headers={"location": "https://nothf.co/file"}, request=asked)
        fetching._check_way(away, pinned=False)


def test_the_hash_that_the_hub_tells_of_a_large_file_is_held(server, folders, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    path = path_of("medqa", "phrases_no_exclude_train.jsonl")
    server.files[path] = b"{}\n"
    server.how[path] = [whole(headers=[("X-Linked-Etag", f'"{"0" * 64}"'), ("X-Linked-Size", "3")])]
    with pytest.raises(SourceError, match=f"has the SHA-256 .*, not {'0' * 64}"):
        getting.get("medqa")


def test_the_command_shows_the_licence_on_standard_error_and_answers_in_json(pubmedqa, folders, monkeypatch, capsys):
    import dataclasses

    from residency import cli

    odd = dataclasses.replace(benchmarks.SETS["pubmedqa"], licence="ask Fred")
    monkeypatch.setitem(benchmarks.SETS, "pubmedqa", odd)
    assert cli.main(["data", "get", "pubmedqa", "--json"]) == 2
    assert not pubmedqa.asked and "licence ask Fred" in capsys.readouterr().err
    assert cli.main(["data", "get", "pubmedqa", "--accept-licence", "pubmedqa", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["sets"][0]["fetched"] and "licence ask Fred" in said.err
    assert cli.main(["data", "get", "pubmedqa", "--accept-licence", "nothing"]) == 2
    assert cli.main(["data", "list"]) == 0
    listed = capsys.readouterr().out
    assert "ask Fred" in listed and "4.0 MB" in listed


def test_two_commands_do_not_write_into_one_folder(pubmedqa, folders):
    fcntl = pytest.importorskip("fcntl")
    half = folders[1] / f".pubmedqa.{PUBLISHERS['pubmedqa'].commit[:12]}.part"
    half.mkdir(parents=True)
    with (half / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(SourceError, match="another command is fetching"):
            getting.get("pubmedqa")
    assert not pubmedqa.asked and getting.get("pubmedqa")["fetched"]


def test_mmlu_is_read_from_parquet_by_subject(folders):
    folder = folders[0] / "mmlu" / "medical_genetics"
    folder.mkdir(parents=True)
    for part, count in (("dev", 1), ("validation", 2), ("test", 3)):
        rows = [
            {"question": f"{part} {n}", "subject": "x", "choices": ["a", "b", "c", "d"], "answer": n}
            for n in range(count)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{part}-00000-of-00001.parquet")
    counts = {s: len(benchmarks.items("mmlu_medical_genetics", s).items) for s in ("train", "validation", "test")}
    assert counts == {"train": 1, "validation": 2, "test": 3}
    item = benchmarks.items("mmlu_medical_genetics", "test").items[2]
    assert item["id"] == "medical_genetics-test-0002" and item["choices"][item["answer"]] == "c"
    with pytest.raises(SourceError, match="does not hold mmlu_anatomy as published .FileNotFoundError"):
        benchmarks.items("mmlu_anatomy", "test")
    (folder / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(SourceError, match="no .jsonl or .parquet of the part test"):
        benchmarks.items("mmlu_medical_genetics", "test")


def test_every_set_is_fetched_at_the_commit_that_it_names_or_its_layout_is_told():
    for name, about in benchmarks.SETS.items():
        if about.folder in PUBLISHERS:
            made = PUBLISHERS[about.folder]
            assert made.commit.startswith(about.commit) and len(made.commit) == 40, name
            assert about.url.endswith(made.repository) and set(made.sha256) <= set(made.files), name
            assert set(made.sizes) == set(made.sha256), name
        else:
            assert not about.folder or about.folder in LAYOUTS, name
    assert [n for n in benchmarks.SETS if n.startswith("mmlu_")] == [f"mmlu_{s}" for s in SUBJECTS]


@pytest.mark.parametrize("folder", [name for name, made in PUBLISHERS.items() if made.sha256])
def test_the_hashes_are_those_of_the_files_that_our_numbers_rest_on(folder):
    here = next((f / folder for f in benchmarks.data_folders() if (f / folder).is_dir()), None)
    if here is None:
        pytest.skip(f"the folder {folder} is not here (RESIDENCY_DATA)")
    assert {file: sha256_file(here / file) for file in PUBLISHERS[folder].files} == PUBLISHERS[folder].sha256
    assert {file: (here / file).stat().st_size for file in PUBLISHERS[folder].files} == PUBLISHERS[folder].sizes
