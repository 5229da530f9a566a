"""The service's keys: what is sealed opens for them alone and in its place alone, and they are made once."""

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.errors import UserError
from residency.serve.store.keys import Seal, Unopened, fingerprint, signed


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return Seal(tmp_path_factory.mktemp("keys"))


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200), context=st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_is_sealed_opens_again_in_its_context(seal: Seal, content: bytes, context: str) -> None:
    sealed = seal.seal(content, context)
    assert seal.open(sealed, context) == content
    with pytest.raises(Unopened):
        seal.open(sealed, context + "x")


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 75), bit=st.integers(0, 7))
def test_a_changed_bit_does_not_open(seal: Seal, at: int, bit: int) -> None:
    sealed = bytearray(seal.seal(b"thirty-two bytes of a made-up note", "note"))
    sealed[at] ^= 1 << bit
    with pytest.raises(Unopened):
        seal.open(bytes(sealed), "note")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 28, b"\x01" * 29, b"\x02" * 60])
def test_what_is_no_sealed_text_does_not_open(seal: Seal, sealed: bytes) -> None:
    with pytest.raises(Unopened):
        seal.open(sealed, "note")


def test_the_same_text_is_sealed_differently_each_time(seal: Seal) -> None:
    assert len({seal.seal(b"same", "c") for _ in range(20)}) == 20


def test_another_service_opens_nothing_and_hashes_otherwise(seal: Seal, tmp_path: Path) -> None:
    other = Seal(tmp_path)
    with pytest.raises(Unopened):
        other.open(seal.seal(b"text", "c"), "c")
    assert other.digest("text") != seal.digest("text") and other.mark("text") != seal.mark("text")


def test_keys_are_the_same_after_a_restart(seal: Seal) -> None:
    again = Seal(seal.folder)
    assert again.open(seal.seal(b"text", "c"), "c") == b"text"
    assert (again.digest("text"), again.public) == (seal.digest("text"), seal.public)


def test_a_digest_is_hmac_by_a_key_that_hkdf_derives(seal: Seal) -> None:
    master = (seal.folder / "secret" / "master.key").read_bytes()
    drawn = hmac.new(b"\0" * 32, master, hashlib.sha256).digest()  # RFC 5869, extract and expand by hand
    key = hmac.new(drawn, b"residency digest 1\x01", hashlib.sha256).digest()
    assert seal.digest("Fieber") == hmac.new(key, b"Fieber", hashlib.sha256).hexdigest()


def test_any_text_has_a_digest(seal: Seal) -> None:
    assert len({seal.digest(one) for one in ("", "\0", "\ud800", "é", "e\u0301")}) == 5


def test_a_signature_holds_for_its_content_and_key_alone(seal: Seal, tmp_path: Path) -> None:
    signature = seal.sign(b"head")
    assert signed(b"head", signature, seal.public)
    assert not signed(b"heap", signature, seal.public)
    assert not signed(b"head", signature, Seal(tmp_path).public)
    assert not any(signed(b"head", bad, seal.public) for bad in ("", "zz", signature[:-2], signature + "00"))


def test_key_files_are_for_their_owner_alone(seal: Seal) -> None:
    secret = seal.folder / "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in secret.iterdir()} == {0o600}


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Seal(tmp_path)
    (tmp_path / "secret" / "master.key").chmod(0o640)
    with pytest.raises(UserError, match="others may read"):
        Seal(tmp_path)


@pytest.mark.parametrize("gone", ["master.key", "record.pem"])
def test_a_lost_key_is_never_made_anew(tmp_path: Path, gone: str) -> None:
    Seal(tmp_path)
    (tmp_path / "secret" / gone).unlink()
    with pytest.raises(UserError, match="bring it back from the backup"):
        Seal(tmp_path)
    assert not (tmp_path / "secret" / gone).exists()


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    Seal(tmp_path)
    for name in ("record.pem", "master.key"):
        (tmp_path / "secret" / name).write_bytes(b"short")
        with pytest.raises(UserError, match=name):
            Seal(tmp_path)


def test_whoever_only_reads_makes_no_keys(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        Seal(tmp_path, make=False)
    assert not list(tmp_path.iterdir())


def test_two_that_start_at_once_have_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len({seal.public for seal in pool.map(lambda _: Seal(tmp_path), range(4))}) == 1


def test_nothing_of_a_key_is_shown(seal: Seal) -> None:
    master = (seal.folder / "secret" / "master.key").read_bytes()
    assert master.hex() not in repr(seal) and repr(seal) == f"Seal({str(seal.folder)!r})"
    assert len(fingerprint(seal.public)) == 39
