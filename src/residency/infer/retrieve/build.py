"""Making an index and keeping it: only files that changed are read again, and what is gone from a source is gone here.

What is added goes to the table that is there; where anything goes or changes, the table is written anew, with the
vectors that are known, so that no file holds what was taken out.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import SourceError, UserError
from residency.core.legal import nearest
from residency.core.types import Model
from residency.infer.evidence import CHART, EVIDENCE
from residency.infer.retrieve import store
from residency.infer.retrieve.cut import Cut
from residency.infer.retrieve.gather import Given_, Unit, units_of
from residency.infer.retrieve.rows import Work, rows_of
from residency.infer.retrieve.tell import report_of, state_of, still_bad

if TYPE_CHECKING:
    import pyarrow as pa

CUT = Cut()


def build(
    sources: Sequence[Given_],
    out: Path | str,
    *,
    shelf: str = EVIDENCE,
    embedder: str | Model | None = "minilm",
    language: str | None = None,
    cut: Cut = CUT,
    fresh: bool = False,
) -> dict[str, Any]:
    """Return a report of the index that was made of some sources in the folder ``out``.

    A source is a folder or file of any format, a recipe's entry such as ``{"hpo": {}}``, or a Document. Documents of a
    patient go to the chart shelf; ``shelf="chart"`` takes no others. ``embedder`` is a model's name or the model
    (None: words alone, BM25), ``language`` the one that words are stemmed by (None: English) and that of documents
    which do not state theirs (None: found by their words). Raises UserError where there is an index already and not
    ``fresh``, SourceError for a source that is absent.
    """
    out = Path(out).expanduser()
    _check(out, shelf, fresh)
    with store.locked(out):
        units, names, left = units_of(sources, out / ".scratch")
        model, about = embedder_of(embedder)
        settings = {"embedder": about, "cut": asdict(cut), "language": language, "shelf": shelf}
        work = Work(model, about["width"] if about else 0, settings, left=left)
        return _written(out, work, units, before=None, began=time.monotonic())


def update(
    index: Path | str, sources: Sequence[Given_], *, embedder: Model | None = None, again: bool = False
) -> dict[str, Any]:
    """Return a report of bringing an index up to date with some of its sources, or with new ones.

    Files with other bytes are read again (``again``: all of them), those that a given source no longer has are taken
    out, other sources stay as they are. What could not be read before, and has not changed, is told again
    (``still_bad``). ``embedder`` is needed where the index was made by a model without a name.
    """
    path = Path(index).expanduser()
    store.read_state(path)  # where there is no index none is begun
    with store.locked(path):
        state = store.read_state(path)
        units, names, left = units_of(sources, path / ".scratch")
        model, _ = embedder_of(embedder or (state["embedder"] or {}).get("name"), state["embedder"])
        work = Work(model, (state["embedder"] or {}).get("width", 0), state, left=left)
        began = time.monotonic()
        known = state["units"]
        gone = [key for key, one in known.items() if one["source"] in names and key not in {u.key for u in units}]
        wanted = [u for u in units if again or known.get(u.key, {}).get("hash") != u.hash]
        wanted = _with_shadowed(path, state, units, wanted, gone)
        report = _written(path, work, wanted, before=state, gone=gone, began=began)
        kept = {unit.key for unit in units} - {unit.key for unit in wanted}
        return {**report, **still_bad([work.units[key] for key in sorted(kept)])}


def delete(index: Path | str, documents: Iterable[str] = (), *, sources: Iterable[str] = ()) -> dict[str, Any]:
    """Return a report of taking documents, or all of some sources, out of an index; no file holds their words then.

    Their own files are left alone, and one that changes comes back with the next update. Raises UserError, and changes
    nothing, where the index has no such document or source.
    """
    path = Path(index).expanduser()
    store.read_state(path)
    with store.locked(path):
        state = store.read_state(path)
        owners, _ = _held(path, state)
        sources = set(sources)
        gone = [key for key, one in state["units"].items() if one["source"] in sources]
        wanted = set([documents] if isinstance(documents, str) else documents)
        said = _sources(path, state)
        _check_known(wanted, owners, "document")
        _check_known(sources, {**dict.fromkeys(said.values(), ""), **_of_units(state)}, "source")
        wanted |= {document for document, source in said.items() if source in sources}
        if not wanted and not gone:
            raise UserError("say which documents to take out, by the ids that a search shows")
        work = Work(None, (state["embedder"] or {}).get("width", 0), state)
        return _written(path, work, [], before=state, gone=gone, without=wanted, began=time.monotonic())


def _check(out: Path, shelf: str, fresh: bool) -> None:
    if shelf not in (EVIDENCE, CHART):
        raise UserError(f"there is no shelf {shelf!r}; legal: {EVIDENCE}, {CHART}")
    if (out / store.STATE).exists() and not fresh:
        raise UserError(f"{out} holds an index; update it, or say that it is to be made anew (--fresh)")
    others = [file.name for file in out.iterdir()] if out.is_dir() else []
    ours = (store.STATE, store.LOCK, ".scratch")
    if out.exists() and any(name not in ours and not name.startswith("table-") for name in others):
        raise UserError(f"{out} holds other files; give a folder of its own for the index")


def _check_known(names: set[str], known: dict[str, str], what: str) -> None:
    for name in sorted(names - set(known)):
        raise UserError(f"the index has no {what} {name!r}; {nearest(name, known)}")


def embedder_of(named: str | Model | None, before: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any] | None]:
    """Return a model that gives vectors with what is recorded of it; UserError where an index was made by another."""
    if named is None:
        return None, None
    from residency.models.load import load

    model = load(named) if isinstance(named, str) else named
    if before and model.hash != before["hash"]:
        raise UserError(f"the index was made by {before['name']} ({before['hash'][:12]}), not by {model.name}")
    known = named if isinstance(named, str) else model.name
    width = before["width"] if before else int(model.embed(["width"]).shape[1])
    return model, {"name": known, "hash": model.hash, "width": width}


# --- what is read again ----------------------------------------------------------------------------------------------


def _with_shadowed(
    path: Path, state: dict[str, Any], units: list[Unit], wanted: list[Unit], gone: list[str]
) -> list[Unit]:
    """Return the units to read: those wanted, and others that hold a document of theirs, or of those gone, too."""
    changed = {unit.key for unit in wanted} | set(gone)
    if not any(one["shadowed"] for one in state["units"].values()):
        return wanted
    owners, _ = _held(path, state)
    more = True
    while more:
        freed = {document for document, key in owners.items() if key in changed}
        again = {key for key, one in state["units"].items() if key not in changed and freed & set(one["shadowed"])}
        changed |= again
        more = bool(again)
    absent = sorted(changed - {unit.key for unit in units} - set(gone))
    if absent:
        raise SourceError(f"{absent[0]} holds documents that now count again; give its source to the update as well")
    return [unit for unit in units if unit.key in changed]


def _held(path: Path, state: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the unit that each document is of, and the hash of each document."""
    owners: dict[str, str] = {}
    digests: dict[str, str] = {}
    table = store.open_table(path / state["folder"], state["version"])
    for batch in store.rows_of(table, ["document", "unit", "digest"]):
        documents = batch.column("document").to_pylist()
        owners.update(zip(documents, batch.column("unit").to_pylist(), strict=True))
        digests.update(zip(documents, batch.column("digest").to_pylist(), strict=True))
    return owners, digests


def _sources(path: Path, state: dict[str, Any]) -> dict[str, str]:
    """Return the source that each document is of, as a search shows it: its own words go before its folder's."""
    found: dict[str, str] = {}
    for batch in store.rows_of(store.open_table(path / state["folder"], state["version"]), ["document", "source"]):
        found.update(zip(batch.column("document").to_pylist(), batch.column("source").to_pylist(), strict=True))
    return found


def _of_units(state: dict[str, Any]) -> dict[str, str]:
    return {one["source"]: "" for one in state["units"].values()}


# --- writing ---------------------------------------------------------------------------------------------------------


def _written(
    path: Path,
    work: Work,
    units: Sequence[Unit],
    *,
    began: float,
    before: dict[str, Any] | None,
    gone: Sequence[str] = (),
    without: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the report of an index that was written with these units read, and those gone left out."""
    known = before["units"] if before else {}
    dropped = {unit.key for unit in units if unit.key in known} | set(gone)
    if before:
        owners, _ = _held(path, before)
        work.owners = {d: key for d, key in owners.items() if key not in dropped and d not in set(without)}
        work.units = {key: dict(one) for key, one in known.items() if key not in dropped}
        rewritten = len(work.owners) < len(owners)
    rows = rows_of(units, work)
    if before and not rewritten:
        folder = before["folder"]
        table = store.add_rows(path / folder, rows, work.width, before["version"]) if units else None
        version = table.version if table is not None else before["version"]
        if work.taken:
            old = store.open_table(path / folder, version)
            folder, version = _anew(path, work, _kept(old, work))
    else:
        old = store.open_table(path / before["folder"], before["version"]) if before else None
        old_rows = _kept(old, work, dropped) if before else ()
        folder, version = _anew(path, work, chain(rows, old_rows))
    state = state_of(path, work, folder, version)
    store.publish(path, state)
    return report_of(path, state, work, units, dropped, began)


def _anew(path: Path, work: Work, rows: Iterable[pa.RecordBatch]) -> tuple[str, int]:
    used = [int(folder.name.split("-")[1]) for folder in path.glob("table-*")]
    folder = f"table-{max(used, default=0) + 1}"
    table = store.write_table(path / folder, rows, work.width, work.state["language"] or "en")
    return folder, table.version


def _kept(table: Any, work: Work, dropped: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table whose documents are still of the unit that they came from, and not of those dropped:
    a unit that was read again has its new rows, and none of the old ones.
    """
    import pyarrow as pa

    for batch in store.rows_of(table):
        pairs = zip(batch.column("document").to_pylist(), batch.column("unit").to_pylist(), strict=True)
        keep = [work.owners.get(document) == unit and unit not in dropped for document, unit in pairs]
        kept = batch.filter(pa.array(keep))
        if kept.num_rows:
            yield kept
