"""Getting sets from their publishers, who are played by a server on this machine; and reading what a hub lays out."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residency.core.errors import SourceError
from residency.core.store import read_json, sha256_file, sha256_text
from residency.corpus import benchmarks
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
    """A publisher that holds ``files`` by path, sends the first of them on, and notes what was ``asked``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append((self.path, dict(self.headers)))
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/moved"))
                self.end_headers()
                return
            body = server.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.asked = {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(getting, "GITHUB", host)
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
    pubmedqa.files[path_of("pubmedqa", "test_ground_truth.json")] = b'{"8": "yes"}'
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
        else:
            assert not about.folder or about.folder in LAYOUTS, name
    assert [n for n in benchmarks.SETS if n.startswith("mmlu_")] == [f"mmlu_{s}" for s in SUBJECTS]


@pytest.mark.parametrize("folder", [name for name, made in PUBLISHERS.items() if made.sha256])
def test_the_hashes_are_those_of_the_files_that_our_numbers_rest_on(folder):
    here = next((f / folder for f in benchmarks.data_folders() if (f / folder).is_dir()), None)
    if here is None:
        pytest.skip(f"the folder {folder} is not here (RESIDENCY_DATA)")
    assert {file: sha256_file(here / file) for file in PUBLISHERS[folder].files} == PUBLISHERS[folder].sha256
