"""What the guard's rules catch and where they speak without need: on made-up requests, and on real texts; and the time.

    RESIDENCY_DATA=../shared/data python bench/guard.py [--half b] [--texts 1000] [--misses] [--json]

1. ``caught`` and ``false alarm``: 701 made-up requests in English and Spanish (``gold/guard.yaml``), by what is
   expected. The rules were made with half a (541); half b (160) was written before they were run on it, and is only
   reported. One author wrote both and the rules, in words that were meant to be hard.
2. ``real``: the share of real texts on which rules speak: questions of MedQuAD (asked of anyone, so that each is a
   false alarm but for a dose), of MeQSum (patients' own letters, some of which may be alarming), and notes of
   MTS-Dialog as documents.
3. ``answers``: MedQuAD's answers as if a model had written them, with the question alone as what is known: in how many
   something is hidden, and in how many a dose or advice is marked; then with the answer as evidence: nothing may be.
   ``hidden``: sentences of presidio_synth as answers: the share of names and numbers that are hidden.
4. ``time``: processor time of a request before the model, and of a token of a streamed answer.

Intervals are 95%, Clopper and Pearson (1934).
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from residency.corpus import benchmarks
from residency.serve.guard import Guard, open_guard
from residency.serve.guard.calibration import limits
from residency.serve.types import Verdict

Row = dict[str, Any]
GOLD = Path(__file__).with_name("gold") / "guard.yaml"
PARTS = ("train", "validation")
"""Parts of real sets that are looked at; the test parts are left alone."""


def main() -> None:
    """Measure all and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", default="b", choices=("a", "b"))
    parser.add_argument("--texts", type=int, default=1000, help="how many of each real set, drawn by a hash; 0: none")
    parser.add_argument("--misses", action="store_true", help="name what was missed, for work on half a")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    guard = open_guard() if args.texts else Guard()
    rows = [*made_up(guard, args.half, args.misses)]
    if args.texts:
        rows += [*real(guard, args.texts), *answers(guard, args.texts), *hidden(guard, args.texts)]
    rows += [*timed(guard)]
    print(json.dumps({"half": args.half, "rows": rows}, indent=1) if args.json else table(rows))


# --- made-up requests ------------------------------------------------------------------------------------------------


def requests(half: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield language, kind, what is expected, and the text, of each made-up request."""
    found = yaml.safe_load(GOLD.read_text(encoding="utf-8"))[half]
    for language, kinds in found.items():
        for kind, expected in kinds.items():
            for want, texts in expected.items():
                yield from ((language, kind, want, text) for text in texts)


def as_expected(verdict: Verdict, want: str) -> bool:
    """Return whether a verdict is what a request calls for."""
    groups = {rule.partition(".")[0] for rule in verdict.rules}
    if want == "emergency":
        return verdict.action in ("answer", "mark") and verdict.urgency in ("emergency", "urgent")
    if want in ("crisis", "lethal"):
        return verdict.action == "answer" and bool(groups & {"self-harm", "harm"})
    if want == "dose":
        return verdict.action == "mark" and "dosing" in groups
    return verdict.action == ("refuse" if want == "scope" else "pass")


def made_up(guard: Guard, half: str, misses: bool) -> Iterator[Row]:
    """Yield the share caught, and of false alarms, by language and what is expected."""
    counts: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for language, kind, want, text in requests(half):
        verdict = guard.before([{"role": "user", "content": text}], kind)
        right = as_expected(verdict, want)
        counts[language, want].append(right)
        if misses and not right:
            print(f"{half} {language} {kind} {want}: {text} -> {verdict.action} {verdict.rules}")
    wanted = sorted({want for _, want in counts})
    for want in wanted:
        for languages in (("en",), ("es",), ("en", "es")):
            hits = [hit for code in languages for hit in counts[code, want]]
            if want == "none":
                yield _share(f"false alarm ({'+'.join(languages)})", len(hits) - sum(hits), len(hits))
            else:
                yield _share(f"caught: {want} ({'+'.join(languages)})", sum(hits), len(hits))


# --- real texts ------------------------------------------------------------------------------------------------------


def texts(name: str, count: int) -> list[Row]:
    """Return so many items of a set, drawn by a hash of their ids."""
    rows = benchmarks.items(name, *PARTS).items
    return sorted(rows, key=lambda row: sha256(row["id"].encode()).digest())[:count]


def real(guard: Guard, count: int) -> Iterator[Row]:
    """Yield the share of real texts on which rules of each group speak, so that something is said or withheld."""
    for name, kind, field in (
        ("medquad", "patient", "input"),
        ("meqsum", "patient", "input"),
        ("meqsum", "chat", "input"),
        ("mts_dialog", "document", "reference"),
        ("mts_dialog", "clinician", "reference"),
    ):
        rows, groups = texts(name, count), Counter[str]()
        for row in rows:
            verdict = guard.before([{"role": "user", "content": row[field]}], kind)
            said = {rule.partition(".")[0] for rule in verdict.rules} if verdict.action != "pass" else set()
            groups.update([*said, *(["any"] if said else [])])
        for group in ("any", "emergency", "urgent", "self-harm", "harm", "scope", "dosing"):
            if groups[group] or group == "any":
                yield _share(f"real: {name} as {kind}: {group}", groups[group], len(rows))


def answers(guard: Guard, count: int) -> Iterator[Row]:
    """Yield in how many written answers something would be hidden or marked."""
    rows = texts("medquad", count)
    for what, known in (("question known", ("input",)), ("answer is evidence", ("input", "reference"))):
        spoken = Counter[str]()
        for row in rows:
            verdict = guard.after(row["reference"], [row[field] for field in known], "patient", asked=row["input"])
            spoken.update(verdict.rules)
        for rule in ("leak", "dose-told", "advice-told", "reassured", "echo"):
            yield _share(f"answers: {rule} ({what})", spoken[f"after.{rule}"], len(rows))


def hidden(guard: Guard, count: int) -> Iterator[Row]:
    """Yield the share of marked identifiers that do not go out, by kind, where nobody gave them."""
    from parts.marked_sets import synthetic

    kinds: dict[str, list[bool]] = defaultdict(list)
    for one in synthetic(count):
        release = guard.sentences(["Who is it?"], "patient", note=False)
        shown = release.feed(one.text) + release.end()
        for start, end, kind in one.spans:
            if kind in ("NAME", "PHONE", "EMAIL", "SSN", "MRN", "ACCOUNT", "IP"):
                kinds[kind].append(one.text[start:end] not in shown)
    yield from (_share(f"hidden: {kind}", sum(hits), len(hits)) for kind, hits in sorted(kinds.items()))


# --- time ------------------------------------------------------------------------------------------------------------


def timed(guard: Guard) -> Iterator[Row]:
    """Yield the processor time of a usual request (the made-up ones, and 100 words), and of a streamed token."""
    asked = [text for *_, text in requests("a")]
    long = (" ".join(asked[:20]).split())[:100]
    yield _time("before: a made-up request", lambda: [_ask(guard, text) for text in asked], len(asked), "ms")
    yield _time("before: 100 words with many findings", lambda: [_ask(guard, " ".join(long))] * 1, 1, "ms")
    plain = "Raised blood pressure seldom causes symptoms. It is found by measuring it on several days. ".split(" ")
    pieces = [f" {word}" for word in plain * 20]
    yield _time("after: a token", lambda: _stream(guard, pieces), len(pieces), "ms")


def _ask(guard: Guard, text: str) -> Verdict:
    return guard.before([{"role": "user", "content": text}], "patient")


def _stream(guard: Guard, pieces: Sequence[str]) -> str:
    release = guard.sentences(["What is raised blood pressure?"], "patient")
    return "".join([*(release.feed(piece) for piece in pieces), release.end()])


def _time(what: str, work: Any, count: int, unit: str) -> Row:
    work()
    taken = []
    for _ in range(20):
        began = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - began) / count)
    taken.sort()
    return {"what": f"time: {what} ({unit}, median and the 1st and 19th of 20)", "value": taken[10], "low": taken[0],
            "high": taken[18], "n": count}  # fmt: skip


def _share(what: str, hits: int, n: int) -> Row:
    low, high = limits(hits, n) if n else (0.0, 1.0)
    return {"what": what, "hits": hits, "value": hits / n if n else None, "low": low, "high": high, "n": n}


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| what | value | 95% | n |", "|---|---|---|---|"]
    lines += [
        f"| {r['what']} | {r['value']:.3f} | {r['low']:.3f} to {r['high']:.3f} | {r['n']} |" for r in rows if r["n"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
