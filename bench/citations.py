"""How right citations are, and how many unsupported sentences are caught: on questions whose source is known.

    RESIDENCY_DATA=../shared/data python bench/citations.py --work FOLDER [--questions 200] [--judge MODEL] [--json]

The questions are those of MedQuAD's test part (``--part validation``: those that the defaults were chosen on); all
16,407 answers are indexed, each a document with the name of its disease as title and without its question.

1. ``quoted``: each question is answered in quotations of what is found. Right is a citation of the question's own
   answer (precision); ``recall`` is the share of questions with such a citation, ``found`` the share whose own answer
   was among the passages, and ``same`` the share of citations of the same disease.
2. ``cited``: three sentences of the question's own answer are put otherwise (findings under another name, no asides)
   and handed to the check with the passages found and the answer's own. Precision and recall are those of the
   characters cited, against the sentence that each claim was made of.
3. ``caught``: the same sentences with another number, a "not", an opposite word, another disease, or a sentence of
   another disease's answer in their place. The share of them that is refused by words, by the encoder, and by both;
   beside it the share of the true sentences that is refused. For the encoder name one with --judge: runs/latest.
4. ``absent``: the same questions while every document titled by their disease is out of what is found: the share
   without an answer (others may mention the disease, and answer rightly). ``contradicted``: a further document says one
   quoted sentence with a "not" or with another number: the share without an answer for that reason. ``quoted: taken for
   contradictory`` is the share that has this reason without one planted.

Intervals are 95%, by the bootstrap over diseases.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.cited_questions import Question, drawn, index_at
from parts.shares import table
from residency.infer.answer import Support, answer
from residency.infer.answer.cited import CONTRADICTS
from residency.infer.answer.enough import names
from residency.infer.answer.falsify import negated, other_number, put_otherwise, turned
from residency.infer.answer.parts import UNSUPPORTED, Citation
from residency.infer.answer.sentences import spans
from residency.infer.answer.support import all_supported, judge_of
from residency.infer.evidence import Evidence, Found
from residency.measure.intervals import bootstrap, mean_of
from residency.models.scripted import ScriptedModel
from residency.supporting import other_names

Row = dict[str, Any]
SILENT = ScriptedModel(lambda said: None)
"""Quotations need no model."""
DEEP = 8
CHANGES = {"number": other_number, "not": negated, "word": turned}


def main() -> None:
    """Measure all four and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where the index is kept between calls")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--part", default="test", choices=("test", "validation"))
    parser.add_argument("--embedder", help="vectors beside BM25 (minilm); default: none")
    parser.add_argument("--judge", help="an encoder of `residency run support`")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    index = index_at(args.work / f"answers-{args.embedder or 'words'}", args.embedder)
    asked = drawn(args.part, args.questions)
    rows = [*quoted(asked, index), *sentences(asked, index, judge(args.judge)), *absent(asked, index)]
    print(
        json.dumps({"questions": len(asked), "part": args.part, "rows": rows}, indent=1) if args.json else table(rows)
    )


def judge(name: str | None) -> Any:
    """Return the second check of a model's name; None without one."""
    if not name:
        return None
    from residency.models.load import load

    return judge_of(load(name))


# --- quotations ------------------------------------------------------------------------------------------------------


def quoted(asked: Sequence[Question], index: Any) -> Iterator[Row]:
    """Yield how right the citations of quotations are."""
    citations: list[Row] = []
    questions: list[Row] = []
    for one in asked:
        given = answer(one.text, SILENT, lambda text: index.search(text, k=DEEP, how=how(index)), still=index.passage)
        cited = [c for sentence in given.sentences for c in sentence.citations]
        for c in cited:
            same = any(e.title == one.group for e in given.evidence if e.id == c.evidence)
            citations.append(_row(one, right=c.document in one.own, same=same))
        found = any(e.document in one.own for e in index.search(one.text, k=DEEP, how=how(index)).evidence)
        hit = any(c.document in one.own for c in cited)
        against = given.why == CONTRADICTS
        questions.append(_row(one, hit=hit, found=found, given=not given.abstained, against=against))
    yield _told("quoted: precision", citations, "right")
    yield _told("quoted: of the same disease", citations, "same")
    yield _told("quoted: recall", questions, "hit")
    yield _told("quoted: own answer found", questions, "found")
    yield _told("quoted: answered", questions, "given")
    yield _told("quoted: taken for contradictory", questions, "against")


def absent(asked: Sequence[Question], index: Any) -> Iterator[Row]:
    """Yield how often there is no answer where no document of the disease is there, and where two contradict."""
    rows: list[Row] = []
    planted: dict[str, list[Row]] = {"not": [], "number": []}
    for one in asked:
        found = index.search(one.text, k=4 * DEEP, how=how(index))
        left = [e for e in found.evidence if e.title != one.group and not names(one.text, e.title)][:DEEP]
        given = answer(one.text, SILENT, _finds(replace(found, evidence=left)))
        rows.append(_row(one, silent=given.abstained))
        for kind, copies in planted.items():
            if turned_round := _contradicted(one, found.evidence[:DEEP], kind):
                given = answer(one.text, SILENT, _finds(replace(found, evidence=turned_round)))
                copies.append(_row(one, silent=given.why == CONTRADICTS))
    yield _told("absent: no answer", rows, "silent")
    for kind, copies in planted.items():
        yield _told(f"contradicted ({kind}): no answer", copies, "silent")


def _contradicted(one: Question, evidence: list[Evidence], kind: str) -> list[Evidence]:
    """Return the evidence with a further document that says the opposite of what would be quoted; none if it cannot."""
    rng = random.Random(f"contradicted:{one.id}")
    given = answer(one.text, SILENT, _finds(Found(evidence)))
    for sentence in given.sentences:
        if (text := CHANGES[kind](sentence.text, rng)) != sentence.text:
            source = next(e for e in evidence if e.id == sentence.citations[0].evidence)
            planted = replace(source, id="planted#0", document="planted", text=text, start=0, end=len(text))
            return [*evidence[:3], planted, *evidence[3:]]
    return []


def how(index: Any) -> str:
    """Return how an index is searched: fused where it has vectors."""
    return "fused" if index.about["embedder"] else "bm25"


def _finds(found: Found) -> Callable[[str], Found]:
    return lambda _: found


# --- sentences whose source is known ---------------------------------------------------------------------------------


def sentences(asked: Sequence[Question], index: Any, second: Any) -> Iterator[Row]:
    """Yield how right the places of true sentences are, and how many false ones are refused by each check."""
    renamed = other_names()
    right: list[Row] = []
    refused: dict[str, list[Row]] = {}
    checks = {"words": Support(), **({"encoder": Support(judge=second)} if second else {})}
    for place, one in enumerate(asked):
        evidence = _evidence(one, index)
        claims = list(_claims(one, asked[place - 1], renamed))
        texts = [text for _, text, _ in claims]
        told = {name: all_supported(texts, evidence, check) for name, check in checks.items()}
        for number, (kind, _, at) in enumerate(claims):
            for name, found in told.items():
                row = _row(one, refused=found[number].support == UNSUPPORTED)
                refused.setdefault(f"{kind} ({'both' if name == 'encoder' else name})", []).append(row)
            if kind.startswith("true"):
                precision, recall = _overlap(told["words"][number].citations, one, at)
                right.append(_row(one, precision=precision, recall=recall))
    yield _told("cited: precision of characters", right, "precision")
    yield _told("cited: recall of characters", right, "recall")
    for name in sorted(refused):
        yield _told(f"refused: {name}", refused[name], "refused")
    for check in ("words", "both") if second else ("words",):
        planted = [row for name, rows in refused.items() if name.endswith(f"({check})") for row in rows
                   if not name.startswith("true")]  # fmt: skip
        yield _told(f"caught of all planted ({check})", planted, "refused")


def _evidence(one: Question, index: Any) -> list[Evidence]:
    """Return what is found for a question, with all passages of its own answer."""
    own = [e for document in sorted(one.own)[:1] for e in index.passages(document)]
    found = index.search(one.text, k=DEEP, how=how(index)).evidence
    return [*own, *(e for e in found if e.document not in one.own)]


def _claims(
    one: Question, other: Question, renamed: Callable[[str, random.Random], str]
) -> Iterator[tuple[str, str, Any]]:
    """Yield (kind, text, place in the answer) of three true sentences, and of what was made of them."""
    rng = random.Random(f"citations:{one.id}")
    own = [at for at in spans(one.reference) if 40 <= at[1] - at[0] <= 400]
    far = [other.reference[a:b] for a, b in spans(other.reference) if 40 <= b - a <= 400]
    for start, end in sorted(rng.sample(own, min(3, len(own)))):
        sentence = one.reference[start:end]
        true = put_otherwise(renamed(sentence, rng))
        yield "true, word for word" if true == sentence else "true, put otherwise", true, (start, end)
        for kind, change in CHANGES.items():
            if (changed := change(sentence, rng)) != sentence:
                yield kind, put_otherwise(changed), None
        if one.group in sentence.lower() and other.group != one.group:
            at = sentence.lower().index(one.group)
            yield "disease", f"{sentence[:at]}{other.group}{sentence[at + len(one.group) :]}", None
        if far and other.group != one.group:
            yield "elsewhere", rng.choice(far), None


def _overlap(citations: Sequence[Citation], one: Question, at: tuple[int, int]) -> tuple[float, float]:
    """Return the share of cited characters that are the sentence's, and of the sentence's that are cited."""
    cited = {(c.document in one.own, place) for c in citations for place in range(c.start, c.end)}
    right = {place for own, place in cited if own} & set(range(*at))
    return len(right) / max(1, len(cited)), len(right) / (at[1] - at[0])


# --- told ------------------------------------------------------------------------------------------------------------


def _row(one: Question, **values: float) -> Row:
    return {"id": one.id, "group": one.group, **{name: float(value) for name, value in values.items()}}


def _told(name: str, rows: Sequence[Row], field: str) -> Row:
    found = bootstrap(rows, mean_of(name, field)) if rows else None
    value = {"value": found.value, "low": found.low, "high": found.high} if found else {}
    return {"what": name, "n": len(rows), **value}


if __name__ == "__main__":
    main()
