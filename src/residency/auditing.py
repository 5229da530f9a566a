"""The verb of the service's record: check that nothing was changed, export a part of it, show what stands there.

All of it may be done while the service runs, but to show texts: who reads patients' words is itself put on record, and
a running service holds that for itself. An exported file is checked without database or keys.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.arguments import whole, words
from residency.core.errors import UserError
from residency.core.legal import Range

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from residency.serve.record.chain import Row
    from residency.serve.record.head import Head
    from residency.serve.record.search import Wanted
    from residency.serve.record.verify import Report
    from residency.serve.store.keys import Seal

Answer = tuple[Any, str]
FILTERS = ("since", "until", "actor", "kind", "request")
FOR_ONE = {
    **dict.fromkeys(FILTERS, ("export", "show")),
    "out": ("export",),
    "head": ("verify",),
    "public_key": ("verify",),
    "last": ("show",),
    "texts": ("show",),
}
"""Options that go with some of the actions alone."""
SHOWN = Range(least=1, most=100_000)


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what is done, with which record, and which entries."""
    text = "verify (is every entry as it was written), export (to --out) or show (the newest entries)"
    one.add_argument("what", choices=["verify", "export", "show"], metavar="verify|export|show", help=text)
    text = "verify: an exported file, which needs neither the database nor the service's keys"
    one.add_argument("file", nargs="?", default="", metavar="FILE", help=text)
    text = "the service's folder, with its keys and the record's signed head (default: service)"
    one.add_argument("--folder", type=words, default="service", metavar="DIR", help=text)
    text = "the service's database, where it is not the file in its folder"
    one.add_argument("--database", type=words, metavar="URL", help=text)
    text = "verify: a head that was kept elsewhere (an earlier export, or a copy of record.head); may be given again"
    one.add_argument("--head", action="append", type=words, metavar="FILE", help=text)
    text = "verify: the service's public key in hex, as you know it (default: that of --folder, or the one in FILE)"
    one.add_argument("--public-key", type=words, metavar="HEX", help=text)
    one.add_argument("--out", type=words, metavar="FILE", help="export: the file to write (JSON lines, signed)")
    text = "export, show: entries since this day or time (2026-11-27, 2026-11-27T09:30)"
    one.add_argument("--since", type=words, metavar="TIME", help=text)
    one.add_argument("--until", type=words, metavar="TIME", help="export, show: entries until this day or time")
    text = "export, show: entries of this actor, such as user:anna, key:ID or service"
    one.add_argument("--actor", type=words, metavar="WHO", help=text)
    one.add_argument("--kind", type=words, metavar="KIND", help="export, show: entries of this kind, such as request")
    one.add_argument("--request", type=words, metavar="ID", help="export, show: the entries of one request")
    text = f"show: how many of the newest, {SHOWN.legal} (default: 20)"
    one.add_argument("--last", type=whole(SHOWN), metavar="N", help=text)
    text = "show: with the texts, where they are kept: words of patients; that you read them is put on record"
    one.add_argument("--texts", action="store_true", default=None, help=text)


def log(args: argparse.Namespace) -> Answer:
    """Check the record, or export or show entries of it."""
    _agree(args)
    actions: dict[str, Callable[[argparse.Namespace], Answer]] = {"verify": _verify, "export": _export, "show": _show}
    try:
        return actions[args.what](args)
    except OSError as error:
        raise UserError(f"{error.filename or args.folder} cannot be read or written ({error.strerror})") from None


def _agree(args: argparse.Namespace) -> None:
    """Raise UserError where what is given does not go together, before anything is opened."""
    if args.file and args.what != "verify":
        raise UserError(f"FILE goes with verify alone; residency log {args.what} reads the record of --folder")
    for name, takes in FOR_ONE.items():
        if getattr(args, name) is not None and args.what not in takes:
            raise UserError(f"--{name.replace('_', '-')} goes with {' and '.join(takes)} alone, not with {args.what}")
    if args.what == "export" and not args.out:
        raise UserError("say where to write it: residency log export --out FILE.jsonl")
    if args.what == "export" and Path(args.out).exists():
        raise UserError(f"{args.out} is there already, and an export is not written over: name another file")


# --- what is done ----------------------------------------------------------------------------------------------------


def _verify(args: argparse.Namespace) -> Answer:
    """Return whether the record, or an exported part of it, is as it was written."""
    from residency.serve.record.export import verify_export
    from residency.serve.record.head import FILE
    from residency.serve.record.verify import verify

    kept, tables = [_kept(Path(name)) for name in args.head or ()], None
    if args.file:
        report, what = verify_export(Path(args.file), args.public_key or "", kept=kept), args.file
    else:
        key = args.public_key or _seal(args)
        database = _database(args)
        report, what = verify(database, key, Path(args.folder) / FILE, kept=kept), f"the record of {args.folder}"
        tables = _tables(database, key)
    holds = report.ok and not tables
    document = {"what": what, **report.told(), "ok": holds, "tables": tables, "exit_code": 0 if holds else 1}
    text = _verdict(report, what, known=bool(args.public_key or not args.file))
    return document, f"{text}\n{_compared(tables)}" if tables is not None else text


def _tables(database: Engine, key: Seal | str) -> list[str] | None:
    """Return what of users, keys and drafts is not as the record says; None where that takes the service's key."""
    from types import SimpleNamespace

    from residency.serve.agreed import disagreeing

    return None if isinstance(key, str) else disagreeing(SimpleNamespace(database=database, seal=key))


def _compared(tables: list[str]) -> str:
    if not tables:
        return "users, keys, comparisons, drafts and signed notes are what the record says of them"
    return "\n".join(["WHAT THE TABLES HOLD IS NOT WHAT THE RECORD SAYS:", *(f"  {one}" for one in tables)])


def _verdict(report: Report, what: str, known: bool) -> str:
    from residency.serve.store.keys import fingerprint

    entries = f"{report.entries} {'entry' if report.entries == 1 else 'entries'}"
    last = f", the last is {report.last.seq} of {report.last.at}" if report.entries else ""
    key = f"key: {fingerprint(report.key)}" + ("" if known else " (as the file says: compare it, or give --public-key)")
    if report.ok:
        return f"{what}: {entries}{last}; every one is as it was written\n{key}"
    lines = [f"  {'head' if one.seq is None else f'entry {one.seq}'}: {one.what}" for one in report.faults]
    more = [f"  and {report.more} more"] if report.more else []
    return "\n".join([f"{what} IS NOT AS IT WAS WRITTEN ({entries}{last}):", *lines, *more, key])


def _export(args: argparse.Namespace) -> Answer:
    """Write the entries that are wanted to a signed file."""
    from residency.core.store import atomic_path
    from residency.serve.record.export import export
    from residency.serve.store.keys import fingerprint

    seal, wanted = _seal(args), _wanted(args)
    count = -2  # the first and the last line are no entries
    with atomic_path(Path(args.out)) as temporary, open(temporary, "wb") as handle:
        for line in export(_database(args), seal, wanted):
            handle.write(line)
            count += 1
    document = {"out": args.out, "entries": count, "wanted": wanted.asked, "key": seal.public}
    shown = f"{count} entries in {args.out}, signed by {fingerprint(seal.public)}"
    return document, f"{shown}\nresidency log verify {args.out} --public-key {seal.public}"


def _show(args: argparse.Namespace) -> Answer:
    """Return the newest entries that are wanted, the last of them at the end."""
    from residency.serve.record.search import newest

    database = _database(args)
    rows = newest(database, _wanted(args), most=args.last or 20)[::-1]
    seal = _seal(args) if args.texts else None
    if seal and (read := [row.seq for row in rows if row.sealed is not None]):
        _put_on_record(database, seal, read)
    told = [_told(row, seal) for row in rows]
    return {"entries": told}, "\n".join(map(_line, told)) or "no entries"


def _put_on_record(database: Engine, seal: Seal, read: list[int]) -> None:
    """Put on record, before they are shown, whose account reads the texts of which entries."""
    from residency.serve.record.writer import open_record
    from residency.serve.types import Entry

    try:
        with open_record(database, seal) as record:
            record.write_now(Entry("texts-read", f"console:{_account()}", {"entries": read}))
    except UserError as error:
        why = "who reads texts is put on record, and a running service holds that: stop it first, or leave --texts out"
        raise UserError(f"{error}; {why}") from None


def _account() -> str:
    """Return the account of the machine that this runs under, and from which one it came (sudo)."""
    import os
    import pwd

    user = os.getuid()
    name = next((one.pw_name for one in pwd.getpwall() if one.pw_uid == user), str(user))
    came = os.environ.get("SUDO_USER", "")
    return f"{name} (from {came[:32]})" if came else name


def _told(row: Row, seal: Seal | None) -> dict[str, Any]:
    from residency.serve.record.search import texts_of

    said = {"seq": row.seq, "at": row.at, "kind": row.kind, "request": row.request, "actor": row.actor}
    texts = {"texts": texts_of(row, seal)} if seal else {}
    return {**said, "body": row.content, "sealed": row.sealed is not None, **texts, "hash": row.hash}


def _line(told: dict[str, Any]) -> str:
    from residency.core.store import dumps

    head = f"{told['seq']}  {told['at']}  {told['kind']}  {told['actor']}  {told['request']}".rstrip()
    return "\n    ".join([head, dumps(told["body"]), *(f"{k}: {v}" for k, v in told.get("texts", {}).items())])


# --- what it is done to ----------------------------------------------------------------------------------------------


def _wanted(args: argparse.Namespace) -> Wanted:
    from residency.serve.record.search import Wanted

    return Wanted(**{name: getattr(args, name) or "" for name in FILTERS})


def _database(args: argparse.Namespace) -> Engine:
    from residency.serve.settings import Settings
    from residency.serve.store.database import name_of, open_database, version

    database = open_database(Settings(Path(args.folder), database=args.database or ""), must_exist=True)
    with database.connect() as connection:
        if version(connection) is None:
            raise UserError(f"{name_of(database)} holds no record: name the service's --folder, or its --database")
    return database


def _seal(args: argparse.Namespace) -> Seal:
    from residency.serve.store.keys import Seal

    return Seal(Path(args.folder), make=False)


def _kept(path: Path) -> Head:
    """Return the head in a file that was kept: of an export, or the newest of a copy of record.head."""
    import json

    from residency.serve.record.head import from_told

    found = []
    with open(path, encoding="utf-8", errors="replace") as handle:
        for line in (handle.readline(), handle.readline()):
            told = json.loads(line) if line.strip().startswith("{") and line.strip().endswith("}") else {}
            found.append(from_told(told.get("head", told)))
    heads = [head for head in found if head]
    if not heads:
        raise UserError(f"{path} holds no head: give an earlier export, or a copy of record.head")
    return max(heads, key=lambda head: head.seq)
