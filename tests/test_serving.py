"""What is settled before a model is loaded: the address, TLS, and what goes together."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from residency.cli import main, make_parser
from residency.serving import settings_of
from serve.tiny_gguf import tiny_gguf  # noqa: F401


def settings(*given):
    return settings_of(make_parser().parse_args(["serve", "runs/latest", *given]))


def test_loopback_is_the_default_and_needs_nothing():
    assert settings().host == "127.0.0.1" and not settings().secure
    assert settings().url.endswith("service/service.sqlite")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "ward.example"])
def test_a_public_address_without_tls_or_a_declared_proxy_is_refused(host, capsys):
    assert main(["serve", "runs/latest", "--host", host]) == 2
    assert "--certificate" in capsys.readouterr().err
    assert settings("--host", host, "--proxy").secure


def test_a_certificate_and_its_key_go_together_and_must_be_there(tmp_path, capsys):
    (tmp_path / "cert.pem").write_text("x")
    assert main(["serve", "m", "--host", "0.0.0.0", "--certificate", str(tmp_path / "cert.pem")]) == 2
    assert "go together" in capsys.readouterr().err
    given = ["--certificate", str(tmp_path / "cert.pem"), "--private-key", str(tmp_path / "none.pem")]
    assert main(["serve", "m", "--host", "0.0.0.0", *given]) == 2
    assert "is no file" in capsys.readouterr().err


def test_a_certificate_that_cannot_be_used_is_refused_before_a_model_is_loaded(tmp_path, capsys):
    junk, empty = tmp_path / "junk.pem", tmp_path / "empty.pem"
    junk.write_text("junk")
    empty.write_text("")
    for file in (junk, empty):
        assert main(["serve", "no-model", "--certificate", str(file), "--private-key", str(file)]) == 2
        said = capsys.readouterr().err
        assert str(file) in said and "one is no PEM file" in said and "fault of ours" not in said


def test_a_port_that_is_taken_is_told_before_a_model_is_loaded(capsys, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", str(tmp_path / "none.gguf"), "--port", port, "--folder", str(tmp_path / "s")]) == 2
    assert f"cannot listen at 127.0.0.1:{port}" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_a_model_that_is_not_there_leaves_nothing_open(capsys, tmp_path):
    assert main(["serve", str(tmp_path / "none.gguf"), "--port", "0", "--folder", str(tmp_path / "s")]) == 2
    assert main(["serve", str(tmp_path / "none.gguf"), "--port", "0", "--folder", str(tmp_path / "s")]) == 2
    assert "none.gguf" in capsys.readouterr().err


def test_a_stopped_service_leaves_its_whole_database_in_one_file(tmp_path, tiny_gguf):  # noqa: F811
    folder = tmp_path / "service"
    command = [sys.executable, "-m", "residency", "serve", str(tiny_gguf), "--folder", str(folder), "--port", "0"]
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told = json.loads(process.stdout.readline())
    assert told["models"] == ["tiny"] and told["one_time_key"].startswith("once_")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0 and b"Traceback" not in said
    assert not (folder / "service.sqlite-wal").exists() and (folder / "service.sqlite").stat().st_size > 50_000
    assert main(["log", "verify", "--folder", str(folder)]) == 0


def test_the_names_that_the_service_is_called_by_are_those_that_are_let_in_behind_a_proxy_too():
    from residency.serve.access.hosts import known_host, names

    for given in (["--proxy", "--host", "10.0.0.5"], []):
        allowed = names(settings(*given, "--name", "Ward.example", "--name", "*.clinic.example"))
        for host in (b"ward.example", b"ward.example:443", b"a.clinic.example", b"localhost:8000"):
            assert known_host([host], allowed)
        for host in (b"evil.example", b"clinic.example", b"a.b.clinic.example", b"ward.example.evil.example"):
            assert not known_host([host], allowed)
    assert known_host([b"any.example"], names(settings("--proxy")))


def test_what_an_engine_is_told_comes_from_the_command_line(capsys):
    assert (settings().hung, settings().share_prefix, settings().names) == (300, False, ())
    assert settings("--hung", "20").hung == 20 and settings("--share-prefix").share_prefix
    with pytest.raises(SystemExit):
        settings("--hung", "1")
    assert "from 5 to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "why"),
    [(["--proxy", "banana"], "address of the proxy"), (["--name", "http://x/"], "host name is expected")],
)
def test_names_and_proxies_that_cannot_be_are_refused(given, why, capsys):
    assert main(["serve", "m", *given]) == 2
    said = capsys.readouterr().err
    assert why in said and said.startswith("residency serve: ")
    assert settings("--proxy", "10.0.0.0/8,::1").proxy_address == "10.0.0.0/8,::1"


def test_a_record_that_was_changed_is_told_of_when_the_service_starts(tmp_path, capsys):
    from sqlalchemy import text

    from residency.serve.types import Entry
    from residency.serving import _look_at_record
    from serve.scripted_engine import ScriptedEngine
    from serve.service import made, user

    with made(tmp_path / "service", ScriptedEngine()) as service:
        for _ in range(3):
            service.recorder.write_now(Entry("request", "user:anna", {"n": 1}))
        user(service, "anna")
        _look_at_record(service)
        assert "NOT" not in capsys.readouterr().err
        with service.database.begin() as connection:
            connection.execute(text("UPDATE users SET role = 'administrator'"))
        _look_at_record(service)
        said = "WHAT THE TABLES HOLD IS NOT WHAT THE RECORD SAYS (user anna: their role is administrator"
        assert said in capsys.readouterr().err
        with service.database.begin() as connection:
            for name in (
                connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            ):
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(text("UPDATE record SET actor = 'user:ben' WHERE seq = 2"))
        _look_at_record(service)
        assert "NOT AS IT WAS WRITTEN, first at entry 2" in capsys.readouterr().err


def test_an_export_is_not_written_over(tmp_path, capsys):
    (tmp_path / "november.jsonl").write_text("kept")
    assert main(["log", "export", "--folder", str(tmp_path), "--out", str(tmp_path / "november.jsonl")]) == 2
    assert "not written over" in capsys.readouterr().err and (tmp_path / "november.jsonl").read_text() == "kept"
