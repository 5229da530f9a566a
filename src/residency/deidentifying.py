"""The verb of de-identification: find what identifies patients, hide it, measure how well, and leave a receipt."""

from __future__ import annotations

import argparse
import getpass
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import UserError
from residency.core.progress import say
from residency.core.store import dumps
from residency.core.types import Document
from residency.examine import Answer

if TYPE_CHECKING:
    from residency.corpus.deidentify.score import Scored
    from residency.corpus.deidentify.shares import Share
    from residency.corpus.deidentify.stage import Deidentify
    from residency.corpus.records import Source

FHIR = (".json", ".ndjson", ".jsonl")


def deidentify(args: argparse.Namespace) -> Answer:
    """Find or hide the identifiers of a folder, draw a sheet of it, score one, or learn from it."""
    _agree(args)
    if args.key and Path(args.key).is_dir():
        raise UserError(f"--key: {args.key} is a folder; give a file")
    if args.key and not Path(args.key).exists():
        from residency.corpus.deidentify.vault import create_key_file

        create_key_file(Path(args.key))
        say(f"a new secret key is in {args.key}: who has it can tell which surrogate stands for whom")
    source, settings = _opened(args), _settings(args)
    if args.learn:
        return _learned(args, source)
    if args.spans:
        return _found(source, settings)
    if args.sample:
        return _drawn(args, source)
    if args.score:
        return _scored(args, source, settings)
    return _hidden(args, source, settings)


def _agree(args: argparse.Namespace) -> None:
    """Raise UserError where the options do not go together, before anything is read."""
    wanted = [name for name in ("spans", "sample", "score", "learn") if getattr(args, name)]
    if len(wanted) > 1:
        raise UserError(f"one thing at a time; found {', '.join('--' + name for name in wanted)}")
    if not args.out and wanted not in (["spans"], ["score"]):
        raise UserError("say where to write with --out DIR, or print what is found with --spans")
    if args.vault and not args.key:
        raise UserError("a vault is locked with the key: give --key FILE too (a new one is made where there is none)")
    if args.detector == "encoder" and not args.tagger:
        raise UserError("--detector encoder needs --tagger: the folder of an encoder, such as runs/latest:encoded")
    for name in ("score", "learn", "sign"):
        path = getattr(args, name)
        if path and not Path(path).is_file():
            raise UserError(f"--{name}: there is no file {path}")
    if args.sign and (wanted in (["spans"], ["sample"], ["learn"]) or not args.out):
        raise UserError(
            "--sign signs a receipt: give it with --out DIR, to hide or to write a score into the receipt there"
        )
    _check_out(args, hides=not wanted)


def _check_out(args: argparse.Namespace, *, hides: bool) -> None:
    """Raise UserError where nothing can be written to the output, or what stands there would be lost."""
    if not args.out:
        return
    out, given = Path(args.out), Path(args.path)
    if out.resolve().is_relative_to(given.resolve()) and given.is_dir():
        raise UserError("--out lies in the folder that is read, and would be read the next time; give one beside it")
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".residency"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"--out: {out} is no folder that can be written to ({error.strerror})") from None
    receipt = out / "receipt.json"
    if hides and receipt.is_file() and '"measured": null' not in receipt.read_text(encoding="utf-8", errors="replace"):
        raise UserError(
            f"{receipt} tells a measured recall, which would be lost; give another folder, or remove that one. (To "
            "sign it, give --score LABELS --sign KEY again; no text is hidden anew for that.)"
        )


def _settings(args: argparse.Namespace) -> Deidentify:
    from residency.corpus.deidentify.stage import Deidentify

    names = ("detector", "mode", "threshold", "language", "operator")
    given = {name: getattr(args, name) for name in names} | {"latest": datetime.now(UTC).year}
    return Deidentify(**given, tagger=args.tagger or "", key=args.key or "", vault=args.vault or "")


def _opened(args: argparse.Namespace) -> Source:
    """Return what is read: a FHIR export whose files belong together, or any files."""
    from residency.corpus.formats import read_files
    from residency.corpus.readers.detect import detect
    from residency.corpus.readers.fhir import read_fhir
    from residency.corpus.readers.folder import files_under

    path, columns = Path(args.path), _columns(args.columns)
    _, files, _ = files_under(path)
    ending = all(file.name.lower().removesuffix(".gz").endswith(FHIR) for file in files)
    if not columns and ending and detect(files[0]) == "fhir":
        return read_fhir(path=path, language=args.language, waiver=args.waiver or "")
    encoding = args.encoding
    return read_files(path=path, language=args.language, columns=columns, encoding=encoding, waiver=args.waiver or "")


def _columns(text: str | None) -> dict[str, str]:
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    if wrong := [field for field, sign, column in pairs if not (field and sign and column)]:
        raise UserError(f"--columns: {', '.join(wrong)} names no column; legal: text=note_body,patient=mrn")
    return {field: column for field, _, column in pairs}


def _documents(source: Source) -> Iterator[Document]:
    """Yield the documents of a source; what cannot be read is told by its place."""
    from residency.corpus.records import Bad

    for record in source.records:
        if isinstance(record, Document):
            yield record
        elif isinstance(record, Bad):
            say(f"not read: {record}")


# --- what is asked for -----------------------------------------------------------------------------------------------


def _found(source: Source, settings: Deidentify) -> Answer:
    """Print the spans of each document, a JSON line each."""
    from residency.corpus.deidentify.stage import finder_of
    from residency.corpus.deidentify.tongue import LOOKED, foreign, tongues

    finder, count, first = finder_of(settings), 0, list[str]()
    for document in _documents(source):
        if len(first) < LOOKED:
            first.append(document.text)
        spans = [found.as_row() for found in finder.find(document.text, document.person)]
        print(dumps({"id": document.id, "spans": spans}), flush=not count % 100)
        count += 1
    if not count:
        raise UserError("no document was found there; what was passed over is told above")
    if warning := foreign(tongues(first), settings.language):
        say(warning)
    return None, ""


def _drawn(args: argparse.Namespace, source: Source) -> Answer:
    from residency.corpus.deidentify.sheet import write_sheet

    made = write_sheet(_documents(source), args.sample, Path(args.out), seed=args.seed)
    strata = ", ".join(f"{name} {row['sheet']} of {row['source']}" for name, row in made["strata"].items())
    words = [
        f"{made['drawn']} of {made['documents']} documents drawn ({strata})",
        *made["files"],
        "Open sheet.html in a browser (it holds the texts: keep it as you keep the notes), mark every identifier, tick "
        "each document, save labels.csv; then:",
        f"residency deidentify {args.path} --score {Path(args.out) / 'labels.csv'}",
    ]
    return made, "\n".join(words)


def _scored(args: argparse.Namespace, source: Source, settings: Deidentify) -> Answer:
    from residency.corpus.deidentify.admission import scored
    from residency.corpus.deidentify.labels import read_labels
    from residency.corpus.deidentify.receipt import measured, read_receipt

    receipt = read_receipt(Path(args.out)) if args.out else None  # which --out DIR without --score has written
    found = scored(settings, source, read_labels(args.score))
    document: dict[str, Any] = {"scored": found.as_row()}
    words = _table(found)
    if receipt is not None:
        document["receipt"] = _written(args, measured(receipt, found))
        words += f"\nWritten into {document['receipt']}"
    return document, words


def _hidden(args: argparse.Namespace, source: Source, settings: Deidentify) -> Answer:
    from residency.corpus.deidentify.admission import hiding_of, waiver_of_source
    from residency.corpus.deidentify.receipt import Work, make
    from residency.corpus.deidentify.run import DOCUMENTS, hide_source
    from residency.corpus.deidentify.stage import finder_of
    from residency.corpus.deidentify.tongue import foreign

    out = Path(args.out)
    made = hide_source(source, settings, out, workers=args.workers)
    tally, engine = made.tally, finder_of(settings).about()
    work = Work(source.name, tally.before, tally.after, engine, hiding_of(settings), tally.hidden)
    if not tally.after.documents:
        raise UserError(f"no document was found in {args.path}{_why_none(made)}")
    path = _written(args, make(work, waiver=waiver_of_source(source, _now()["user"] or "--waiver"), made=_now()))
    counts = dict(sorted(tally.hidden.items()))
    if warning := foreign(tally.languages, settings.language):
        say(warning)
    document = {"documents": tally.after.documents, "hidden": counts, "bad": len(made.bad), "left_out": made.left}
    document |= {"files": [str(out / DOCUMENTS), path]}
    told = ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "nothing"
    words = [f"{tally.after.documents:,} documents; hidden: {told}", f"{out / DOCUMENTS}\n{path}"]
    if made.bad or made.left:
        words.append(
            f"Not read: {len(made.bad)} damaged, {made.left.total()} left out; all are in {out / 'aside.json'}"
        )
    if not args.waiver:
        words.append(
            "What was missed is not known yet. Draw a sheet, label it, and score it:\n"
            f"residency deidentify {args.path} --sample 118 --out SHEET\n"
            f"residency deidentify {args.path} --score SHEET/labels.csv --out {args.out}"
        )
    return document, "\n\n".join(words)


def _why_none(made: Any) -> str:
    """Return the first reasons why nothing was read."""
    reasons = [f"{row['file']}: {row['reason']}" for row in made.bad[:2]]
    reasons += [f"{count} left out: {why}" for why, count in list(made.left.items())[:2]]
    return f" ({'; '.join(reasons)})" if reasons else ""


def _learned(args: argparse.Namespace, source: Source) -> Answer:
    """Train the tagger on labels of documents of the source, and on texts of practice."""
    from residency.corpus.deidentify.labels import read_labels
    from residency.corpus.identify.finder import learn

    marks = {row.id: row for row in read_labels(args.learn).documents if row.checked}
    texts = [(d.text, marks[d.id].marks) for d in _documents(source) if d.id in marks]
    if not texts:
        raise UserError(f"none of the documents that {args.learn} has checked is in {args.path}; label that folder's")
    made = learn(texts, language=args.language, out=Path(args.out), seed=args.seed)
    words = f"learned from {len(texts)} labelled documents and {made['practice']:,} texts of practice; use it with "
    return made, f"{words}--tagger {args.out}"


# --- what a model says -----------------------------------------------------------------------------------------------


def leaked(answer: str, question: str) -> dict[str, int] | None:
    """Return how many identifiers of which kind an answer holds that the question did not, and say so.

    None where what looks for them is not installed.
    """
    try:
        from residency.corpus.deidentify.outgoing import leaks, told
        from residency.corpus.identify.finder import finder

        found = leaks(answer, finder(mode="default", at_hand=True), known=question)
    except (ImportError, UserError):
        return None
    if found:
        say(f"{told(found)}: it may be somebody's, and it may be made up")
    return dict(Counter(one.entity_type for one in found))


# --- receipts and tables ---------------------------------------------------------------------------------------------


def _written(args: argparse.Namespace, receipt: dict[str, Any]) -> str:
    """Return the receipt's file after signing it, where a key is given, and writing it."""
    from residency.corpus.deidentify.receipt import signed, write_receipt

    made = signed(receipt, Path(args.sign)) if args.sign else receipt
    return str(write_receipt(Path(args.out), made))


def _now() -> dict[str, str]:
    """Return when this was done and by whom: a note beside the receipt's content."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    return {"time": datetime.now(UTC).isoformat(timespec="seconds"), "user": user}


def _table(found: Scored) -> str:
    from residency.summary import table

    heads = ["type", "marked", "wholly masked [95%]", "right place and type [95%]", "precision [95%]"]
    rows = [
        [kind, f"{by['masked'].n}", *(_share(by[name]) for name in ("masked", "strict", "precision"))]
        for kind, by in found.types.items()
    ]
    rows.append(["all", f"{found.strict.n}", "", _share(found.strict), _share(found.precision)])
    direct = (
        f"Direct identifiers wholly masked: {_share(found.masked)}; lower 95% limit {_figure(found.masked.bound)} on "
        f"{found.masked.clusters} of {found.drawn} documents that hold one. Of what is masked, "
        f"{_share(found.characters)} was marked."
    )
    if found.drawn == found.documents:
        direct += " All documents were labelled, so there is no error of sampling."
    blind = "" if found.blind else "\nSome documents were marked again after seeing what is found: too kind a measure."
    return f"{table(heads, rows)}\n\n{direct}{blind}"


def _share(share: Share) -> str:
    return f"{_figure(share.value)} [{_figure(share.low)}, {_figure(share.high)}]"


def _figure(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.3f}"
