"""An index that is open for searching: by words (BM25), by vectors, or by both, fused, and ranked again where asked.

What one patient's chart says is found for that patient alone. What is no longer valid is not found, but counted. The
index may change while it is open: every call sees the state that counts at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.legal import nearest
from residency.core.types import Model
from residency.infer.evidence import CHART, EVIDENCE, Evidence, Found
from residency.infer.retrieve import store
from residency.infer.retrieve.fuse import ALL_EXPIRED, EXPIRED, blended, fused
from residency.infer.retrieve.said import days_of
from residency.infer.retrieve.store import quoted

Rerank = Callable[[str, Sequence[str]], Sequence[float]]
HOW = ("fused", "rrf", "bm25", "vector")
DEEP, AGAIN = 100, 30
"""Passages that each way of searching hands over to be fused, and how many of those are ranked again."""
GROUPS = 48
"""Groups of vectors that are looked through, in an index that is too large to look through all."""
EMPTY, NOTHING, CHARTS = (
    "the index holds no passage",
    "no passage was found",
    "this index holds charts alone: give --patient",
)
NAMED = 5
"""Documents that are no longer valid which are named, at most."""
_SHOWN = ("document", "start", "end", "title", "section", "page", "source", "licence", "language", "date", "edition",
          "valid_until", "study", "patient", "shelf")  # fmt: skip
_COLUMNS = ["id", "words", "lead", *_SHOWN]
TRIES = 5
"""How often a question is asked again where the table was replaced meanwhile."""
Row = dict[str, Any]


@dataclass
class Index:
    """An open index; ``open_index`` makes it. ``given`` is the embedder where it has no name to be loaded by."""

    path: Path
    given: Model | None = None
    _at: tuple[tuple[int, int], dict[str, Any], Any] | None = field(default=None, repr=False)
    _model: Any = field(default=None, repr=False)

    @property
    def snapshot(self) -> str:
        """Return the hash of what the index holds at this moment."""
        return str(self._now()[0]["snapshot"])

    @property
    def about(self) -> dict[str, Any]:
        """Return what the index holds: counts, embedder, cut, the oldest and newest day; not its list of files."""
        state = self._now()[0]
        return {name: value for name, value in state.items() if name not in ("units", "folder", "version", "format")}

    def search(
        self,
        question: str,
        *,
        k: int = 10,
        how: str = "fused",
        rerank: Rerank | None = None,
        patient: str | None = None,
        since: str | None = None,
        until: str | None = None,
        sources: Sequence[str] = (),
        languages: Sequence[str] = (),
        shelf: str = EVIDENCE,
        today: date | None = None,
    ) -> Found:
        """Return the ``k`` best passages for a question, the best first.

        ``how`` is "fused" (BM25 and vectors by their scores), "rrf" (by their ranks), "bm25" or "vector".
        ``patient`` searches that patient's chart and nothing else. ``since`` and ``until`` (ISO 8601, as precise as
        wished) keep documents whose date may lie between them; one without a date is left out then. ``today`` decides
        what is still valid: of the ``k`` best those that are not are counted, and ``why`` names them, whether others
        are found or not. ``rerank`` is given the question and texts, and returns a score each, higher is better.
        Raises UserError for what cannot be asked.
        """
        where = _where(shelf, patient, since, until, sources, languages)
        state, table = self._now()
        if how not in HOW:
            raise UserError(f"there is no search {how!r}; {nearest(how, HOW)}")
        if how == "vector" and not state["embedder"]:
            raise UserError("this index has no vectors (it was built without an embedder); search it by bm25")
        if not state["passages"] or k < 1:
            return Found([], state["snapshot"], 0, EMPTY if k > 0 else NOTHING)
        if not patient and set(state["shelves"]) == {CHART}:
            return Found([], state["snapshot"], 0, CHARTS)
        day = (today or date.today()).isoformat()
        rows = self._ranked(question, how, where, max(DEEP, 4 * k))
        valid = [row for row in rows if not _expired(row, day)]
        gone = [row for row in rows[:k] if _expired(row, day)]
        if len(valid) < min(k, len(rows)):
            still = f"{where} AND (valid_until IS NULL OR valid_until >= {quoted(day)})"
            valid = self._ranked(question, how, still, max(DEEP, 4 * k))
        if rerank:
            valid = _again(question, valid[: max(AGAIN, k)], rerank)
        found = [_evidence(row) for row in valid[:k]]
        why = _old(gone, EXPIRED if found else ALL_EXPIRED) if gone else None if found else NOTHING
        return Found(found, state["snapshot"], len(gone), why)

    def passage(self, id: str) -> Evidence | None:
        """Return a passage by its id; None where its document was taken out of the index, or changed."""
        rows = self._rows(f"id = {quoted(id)}", 1)
        return _evidence(rows[0]) if rows else None

    def passages(self, document: str) -> list[Evidence]:
        """Return all passages of a document in their order; none where the index does not have it."""
        found = [_evidence(row) for row in self._rows(f"document = {quoted(document)}", None)]
        return sorted(found, key=lambda one: one.start)

    def has(self, document: str) -> bool:
        """Return whether the index holds a document."""
        return bool(self._rows(f"document = {quoted(document)}", 1))

    def has_patient(self, patient: str) -> bool:
        """Return whether the index holds anything of a patient's chart."""
        return bool(self._rows(f"patient = {quoted(patient)}", 1))

    # --- how it is found -----------------------------------------------------------------------------------------

    def _now(self) -> tuple[dict[str, Any], Any]:
        """Return the state that counts now, and its table; Damaged where that cannot be read and is not replaced."""
        for _ in range(TRIES):
            at = store.stamp(self.path)
            try:
                if self._at is None or self._at[0] != at:
                    state = store.read_state(self.path)
                    self._at = at, state, store.open_table(self.path / state["folder"], state["version"])
                return self._at[1], self._at[2]
            except store.Damaged:
                if store.stamp(self.path) == at:
                    raise
        raise UserError(f"{self.path} changes too fast to be read; try again")

    def _asked(self, ask: Callable[[dict[str, Any], Any], list[Row]]) -> list[Row]:
        """Return what the table answers; where it was replaced while it was asked, what the new one does."""
        for _ in range(TRIES):
            at = store.stamp(self.path)
            try:
                with store.whole(self.path):
                    return ask(*self._now())
            except Exception as error:
                if (
                    store.stamp(self.path) == at
                    or isinstance(error, UserError)
                    and not isinstance(error, store.Damaged)
                ):
                    raise
        raise UserError(f"{self.path} changes too fast to be read; try again")

    def _rows(self, where: str, limit: int | None) -> list[Row]:
        return self._asked(lambda _, table: table.search().where(where).select(_COLUMNS).limit(limit).to_list())

    def _ranked(self, question: str, how: str, where: str, deep: int) -> list[Row]:
        return self._asked(lambda state, table: self._found(state, table, question, how, where, deep))

    def _found(self, state: dict[str, Any], table: Any, question: str, how: str, where: str, deep: int) -> list[Row]:
        ways = []
        if how != "vector":
            ways.append(_by_words(table, question, where, deep))
        if how != "bm25" and state["embedder"]:
            ways.append(_by_vector(table, self._vector(question, state), where, deep))
        if len(ways) == 1:
            return ways[0]
        rows = {row["id"]: row for way in ways for row in way}
        if how == "rrf":
            ranked = fused([[row["id"] for row in way] for way in ways])
        else:
            words, cosines = ({row["id"]: float(row["score"]) for row in way} for way in ways)
            ranked = blended(words, cosines)
        return [{**rows[id], "score": score} for id, score in ranked]

    def _vector(self, question: str, state: dict[str, Any]) -> Any:
        if self._model is None:
            from residency.infer.retrieve.build import embedder_of

            self._model = embedder_of(self.given or state["embedder"]["name"], state["embedder"])[0]
        return self._model.embed([question])[0]


def open_index(path: Path | str, *, embedder: Model | None = None) -> Index:
    """Return an index of this machine; SourceError where there is none. The embedder is loaded when it is needed."""
    path = Path(path).expanduser()
    store.read_state(path)
    return Index(path, embedder)


def _where(
    shelf: str, patient: str | None, since: str | None, until: str | None, sources: Sequence[str],
    languages: Sequence[str],
) -> str:  # fmt: skip
    """Return what a passage must fulfil, as SQL."""
    if shelf not in (EVIDENCE, CHART):
        raise UserError(f"there is no shelf {shelf!r}; legal: {EVIDENCE}, {CHART}")
    if shelf == CHART and not patient:
        raise UserError("a chart is searched for one patient: say which (patient)")
    parts = [f"shelf = {quoted(CHART if patient else EVIDENCE)}"]
    parts += [f"patient = {quoted(patient)}"] if patient else []
    for name, day, sign, end in (("last", since, ">=", 0), ("first", until, "<=", 1)):
        if day and not days_of(day):
            raise UserError(f"{day!r} is no date; give one such as 2024, 2024-05 or 2024-05-11")
        parts += [f"{name} {sign} {quoted((days_of(day) or '')[end])}"] if day else []
    if since and until and (days_of(since) or "")[0] > (days_of(until) or "")[1]:
        raise UserError(f"no day lies between {since} and {until}: the first date is the earlier one")
    for name, wanted in (("source", sources), ("language", languages)):
        some = [wanted] if isinstance(wanted, str) else wanted
        parts += [f"{name} IN ({', '.join(map(quoted, some))})"] if some else []
    return " AND ".join(parts)


def _by_words(table: Any, question: str, where: str, deep: int) -> list[Row]:
    """Return rows by BM25 (Robertson and Zaragoza 2009), the best first; equal ones by id."""
    from lancedb.query import MatchQuery

    if not question.strip():
        return []
    query = table.search(MatchQuery(question, "words"), query_type="fts").where(where, prefilter=True)
    rows = query.select([*_COLUMNS, "_score"]).limit(deep).to_list()
    return _ordered([{**row, "score": row["_score"]} for row in rows])


def _by_vector(table: Any, vector: Any, where: str, deep: int) -> list[Row]:
    """Return rows by the cosine of their vectors with the question's, the best first; equal ones by id."""
    query = table.search(vector, vector_column_name="vector").distance_type("dot").where(where, prefilter=True)
    rows = query.select([*_COLUMNS, "_distance"]).nprobes(GROUPS).limit(deep).to_list()
    return _ordered([{**row, "score": 1 - row["_distance"]} for row in rows])


def _ordered(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row["score"], row["id"]))


def _expired(row: Row, day: str) -> bool:
    return bool(row["valid_until"]) and row["valid_until"] < day


def _old(rows: list[Row], words: str) -> str:
    """Return which documents are no longer valid, the best first: title, or name, and until when each was."""
    ends = {(row["title"] or row["document"], row["valid_until"]): None for row in rows}
    named = [f"{name} (until {until})" for name, until in list(ends)[:NAMED]]
    return f"{words}: {', '.join(named)}" + (f" and {len(ends) - NAMED} more" if len(ends) > NAMED else "")


def _again(question: str, rows: list[Row], rerank: Rerank) -> list[Row]:
    if not rows:
        return rows
    scores = rerank(question, [row["words"] for row in rows])
    return _ordered([{**row, "score": float(score)} for row, score in zip(rows, scores, strict=True)])


def _evidence(row: Row) -> Evidence:
    fields = {name: row[name] for name in _SHOWN}
    return Evidence(id=row["id"], text=row["words"][row["lead"] :], score=float(row.get("score") or 0.0), **fields)
