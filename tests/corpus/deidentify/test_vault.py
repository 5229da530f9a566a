"""The vault: rows and key behind a lock, and texts put back."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from residency.core.errors import UserError
from residency.corpus.deidentify import vault as vaults
from residency.corpus.deidentify.hide import Hider
from residency.corpus.deidentify.settings import Hiding
from residency.corpus.deidentify.vault import (
    Lock,
    Row,
    Vault,
    create_key_file,
    gather,
    lock_of_file,
    lock_of_passphrase,
    new_key,
    open_vault,
    rows_of,
    save_vault,
    write_part,
)
from residency.corpus.identify.found import Found

LOCK = Lock(b"l" * 32)
ROWS = [Row("p1", "NAME", "Ada Okonjo", "Mary Weller"), Row("p1", "NAME", "Jos\udc80", "[NAME]")]


@pytest.fixture(autouse=True)
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaults, "COST", 14)


def test_what_is_put_in_comes_out_and_only_the_owner_may_read_it(tmp_path: Path) -> None:
    key = new_key()
    save_vault(tmp_path / "v", Vault(key, set(ROWS)), LOCK)
    opened = open_vault(tmp_path / "v", LOCK)
    assert (opened.key, opened.rows) == (key, set(ROWS))
    assert stat.S_IMODE((tmp_path / "v").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_no_word_and_no_key_stands_in_the_file(tmp_path: Path) -> None:
    key = new_key()
    rows = [Row(f"patient-{n}", "NAME", f"Okonjo{n}", f"Weller{n}") for n in range(3000)]
    save_vault(tmp_path / "v", Vault(key, set(rows)), LOCK)
    part = write_part(tmp_path, key, rows)
    for data in ((tmp_path / "v").read_bytes(), part.read_bytes()):
        assert not [word for word in (b"Okonjo", b"Weller", b"patient", b"NAME", key, LOCK.secret) if word in data]


def test_many_rows_take_several_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaults, "FRAME", 10)
    rows = {Row("p", "MRN", str(n), str(-n)) for n in range(95)}
    save_vault(tmp_path / "v", Vault(b"k" * 32, rows), LOCK)
    assert open_vault(tmp_path / "v", LOCK).rows == rows


def test_another_key_or_passphrase_opens_nothing(tmp_path: Path) -> None:
    save_vault(tmp_path / "v", Vault(b"k" * 32, set(ROWS)), LOCK)
    save_vault(tmp_path / "w", Vault(b"k" * 32, set(ROWS)), lock_of_passphrase("correct horse battery"))
    assert open_vault(tmp_path / "w", lock_of_passphrase("correct horse battery")).rows == set(ROWS)
    for name, lock in (
        ("v", Lock(b"m" * 32)),
        ("w", lock_of_passphrase("incorrect horse")),
        ("v", lock_of_passphrase("correct horse battery")),
        ("w", LOCK),
    ):
        with pytest.raises(UserError) as refused:
            open_vault(tmp_path / name, lock)
        assert "Okonjo" not in str(refused.value)
        assert refused.value.exit_code == 2


def test_damage_anywhere_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaults, "FRAME", 1)
    save_vault(tmp_path / "v", Vault(b"k" * 32, set(ROWS)), LOCK)
    good = (tmp_path / "v").read_bytes()
    frames_from = good.index(b"\n", len(vaults.MAGIC)) + 1
    sizes = int.from_bytes(good[frames_from : frames_from + 4], "big") + 4
    damaged = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(0, len(good), 3)]
    damaged += [good[:-1], good[: frames_from + sizes], good[:frames_from], b"", good + b"\0\0\0\1x", b"{}"]
    for data in damaged:
        (tmp_path / "v").write_bytes(data)
        with pytest.raises(UserError) as refused:
            open_vault(tmp_path / "v", LOCK)
        assert "Okonjo" not in str(refused.value)


def test_a_file_that_asks_for_a_costly_passphrase_is_refused(tmp_path: Path) -> None:
    head = json.dumps({"lock": "passphrase", "salt": "AAAA", "cost": 40}).encode()
    (tmp_path / "v").write_bytes(vaults.MAGIC + head + b"\n")
    with pytest.raises(UserError, match="2\\^40"):
        open_vault(tmp_path / "v", lock_of_passphrase("correct horse battery"))


def test_a_key_file_is_its_owner_s_and_never_written_over(tmp_path: Path) -> None:
    lock = create_key_file(tmp_path / "key")
    assert lock_of_file(tmp_path / "key") == lock
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with pytest.raises(UserError, match="already"):
        create_key_file(tmp_path / "key")
    (tmp_path / "other").write_text("not a key")
    for name in ("other", "absent"):
        with pytest.raises(UserError, match="key file"):
            lock_of_file(tmp_path / name)
    with pytest.raises(UserError, match="12"):
        lock_of_passphrase("short")
    with pytest.raises(UserError, match="no such vault"):
        open_vault(tmp_path / "absent", lock)


def _part(folder: Path, number: int) -> None:
    write_part(folder, b"k" * 32, [Row(f"p{number}", "NAME", "Ada", f"Mary{number}"), ROWS[0]])


def test_parts_of_several_processes_are_gathered_once(tmp_path: Path) -> None:
    save_vault(tmp_path / "v", Vault(b"k" * 32, {ROWS[1]}), LOCK)
    parts = tmp_path / "parts"
    parts.mkdir()
    workers = [multiprocessing.get_context("fork").Process(target=_part, args=(parts, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(list(parts.iterdir())) == 3
    wanted = {*ROWS, *(Row(f"p{n}", "NAME", "Ada", f"Mary{n}") for n in range(3))}
    assert gather(tmp_path / "v", LOCK, parts).rows == wanted
    assert not list(parts.iterdir())
    assert open_vault(tmp_path / "v", LOCK).rows == wanted


def test_a_part_of_another_vault_is_refused_and_stays(tmp_path: Path) -> None:
    save_vault(tmp_path / "v", Vault(b"k" * 32, set(ROWS)), LOCK)
    part = write_part(tmp_path / "parts", b"other" * 8, ROWS)
    with pytest.raises(UserError):
        gather(tmp_path / "v", LOCK, part.parent)
    assert part.exists()


def test_a_text_is_put_back_but_for_what_stands_for_several_things(tmp_path: Path) -> None:
    text = "Ada Okonjo and J. Smith, seen 3/4/2020 and 3/9/2020, both female, one fem."
    pieces = [("Ada Okonjo", "NAME"), ("J. Smith", "NAME"), ("3/4/2020", "DATE"), ("3/9/2020", "DATE")]
    pieces += [("female", "SEX"), ("fem.", "SEX")]
    found = [Found(text.index(p), text.index(p) + len(p), kind, 1.0, "") for p, kind in pieces]
    key = new_key()
    hidden = Hider(Hiding(operator="surrogate"), key, "en").hide(text, found, "p")
    assert "Okonjo" not in hidden.text
    vault = Vault(key)
    vault.add(rows_of(text, hidden, "p"))
    restored, left = vault.restore(hidden, "p")
    assert restored == text.replace("female", "[SEX]").replace("fem.", "[SEX]")
    assert left == [4, 5]
    assert vault.restore(hidden, "another patient") == (hidden.text, list(range(6)))
