"""What the support check is worth: supported and unsupported statements of public sets, told apart by it.

    RESIDENCY_DATA=../shared/data python bench/support.py [--items 500] [--json]

Supported are texts that people wrote of a source: a conclusion of its abstract (PubMedQA), a note of its dialogue
(MTS-Dialog, ACI-Bench), the first sentences of an answer (MedQuAD, word for word). Unsupported are the text of another
item ("other"), the same text with one sentence of another ("mixed"), and the same sentence with another number or with
"not" ("number", "not"). MEDEC's wrong sentences and Evidence Inference's directions stand beside, where the check has
only the meaning to go by. The threshold "best" is chosen on validation items alone (training items where a set has no
validation part), "as set" is the default rule; all numbers are of test items.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable
from typing import Any

from residency.corpus.benchmarks import folder_of, items
from residency.corpus.make.support import RULE, Source, check, sentences_of

Claim = tuple[str, str, bool]  # a text, a source, whether the source supports it
Written = list[tuple[str, str]]
_NUMBER = re.compile(r"\d+")
_VERB = re.compile(r"\b(?:is|are|was|were|can|may|should)\b")
_NO = re.compile(r"\b(?:not|no|without|never|cannot)\b")
SAID = {"increased": "increased", "decreased": "decreased", "no difference": "did not change"}


def main() -> None:
    """Measure all and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=500, help="items a part at most (default: 500)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [measured(name, *(make(part, args.items) for part in ("validation", "test"))) for name, make in SETS.items()]
    print(json.dumps({"rule": str(RULE), "rows": rows}, indent=1) if args.json else table(rows))


def measured(name: str, validation: list[Claim], test: list[Claim]) -> dict[str, Any]:
    """Return the AUC on test, and what is accepted of both kinds at the best threshold and at the rule as it is set."""
    from sklearn.metrics import roc_auc_score

    seen, held = found(validation), found(test)
    best = max((step / 20 for step in range(1, 20)), key=lambda least: accuracy(seen, least))
    truth = [supported for _, _, supported in held]
    row: dict[str, Any] = {"set": name, "n": len(held), "auc": roc_auc_score(truth, [score for score, _, _ in held])}
    row |= {"best": best, "accuracy_best": accuracy(held, best)}
    for key, kind in (("supported", True), ("unsupported", False)):
        passed = [reason is None for _, reason, supported in held if supported is kind]
        row[f"accepted_{key}"] = sum(passed) / len(passed)
    return row


def found(claims: list[Claim]) -> list[tuple[float, str | None, bool]]:
    """Return the check's score and reason of each claim, beside the truth."""
    sources = {text: Source(text) for _, text, _ in claims}
    results = [(check(claim, sources[text]), supported) for claim, text, supported in claims]
    return [(result.score, result.reason, supported) for result, supported in results]


def accuracy(results: list[tuple[float, str | None, bool]], least: float) -> float:
    """Return the share told rightly where a score of ``least`` and more counts as supported."""
    return sum((score >= least) == supported for score, _, supported in results) / len(results)


# --- what people wrote, and what was made of it --------------------------------------------------------------------


def written(name: str, part: str, most: int) -> Written:
    """Return (text, source) of a set's part: validation, or where there is none train, and test."""
    part = "train" if part == "validation" and name != "medquad" else part
    rows = [row for split in ((part, "test2") if (name, part) == ("mts_dialog", "test") else (part,))
            for row in items(name, split).items]  # fmt: skip
    rows = random.Random(f"{name}:{part}").sample(rows, min(most, len(rows)))
    if name == "pubmedqa":
        raw = json.loads((folder_of(name) / "ori_pqal.json").read_text(encoding="utf-8"))
        return [(raw[row["id"]]["LONG_ANSWER"], row["context"]) for row in rows]
    if name == "medquad":
        found = [(" ".join(sentences_of(row["reference"])[:3]), row["reference"]) for row in rows]
        return [pair for pair in found if len(pair[1].split()) > 20]
    return [(row["reference"], row["input"]) for row in rows if len(row["reference"].split()) > 4]


def other(name: str) -> Callable[[str, int], list[Claim]]:
    """Return a maker of claims: each text with its own source, and with another item's."""

    def make(part: str, most: int) -> list[Claim]:
        rows = written(name, part, most)
        return [
            c
            for (text, own), (_, far) in zip(rows, turned(rows), strict=True)
            for c in ((text, own, True), (text, far, False))
        ]

    return make


def mixed(name: str) -> Callable[[str, int], list[Claim]]:
    """Return a maker of claims: each text, and the same with the longest sentence of another item's."""

    def make(part: str, most: int) -> list[Claim]:
        claims: list[Claim] = []
        rows = written(name, part, most)
        for (text, own), (far, _) in zip(rows, turned(rows), strict=True):
            claims += [(text, own, True), (f"{text} {max(sentences_of(far), key=len)}", own, False)]
        return claims

    return make


def turned(rows: Written) -> Written:
    """Return the rows moved by seven: no text stands beside its own."""
    return [*rows[7:], *rows[:7]]


def changed(pattern: re.Pattern[str], into: Callable[[str], str]) -> Callable[[str, int], list[Claim]]:
    """Return a maker of claims: one sentence of each MedQuAD answer, and the same with one word changed."""

    def make(part: str, most: int) -> list[Claim]:
        claims: list[Claim] = []
        for _, source in written("medquad", part, most):
            fit = (s for s in sentences_of(source) if len(s.split()) > 6 and pattern.search(s) and not _NO.search(s))
            if sentence := next(fit, None):
                claims += [
                    (sentence, source, True),
                    (pattern.sub(lambda m: into(m[0]), sentence, count=1), source, False),
                ]
        return claims

    return make


def medec(part: str, most: int) -> list[Claim]:
    """Return corrected and wrong sentences of vignettes, the source being all others of the vignette."""
    claims: list[Claim] = []
    for row in [row for row in items("medec", part).items if row["wrong"] is not None][:most]:
        lines = row["sentences"]
        rest = " ".join([*lines[: row["wrong"]], *lines[row["wrong"] + 1 :]])
        claims += [(row["corrected"], rest, True), (lines[row["wrong"]], rest, False)]
    return claims


def directions(part: str, most: int) -> list[Claim]:
    """Return what a trial's sentence says of an outcome, and another direction."""
    draw, claims = random.Random(part), list[Claim]()
    rows = items("evidence_inference", part).items
    for row in draw.sample(rows, min(most, len(rows))):
        outcome, _, arms = row["text_b"].partition(": ")
        wrong = draw.choice([label for label in SAID if label != row["label"]])
        claims += [
            (f"{outcome} {SAID[label]} with {arms}", row["text"], label != wrong) for label in (row["label"], wrong)
        ]
    return claims


SETS: dict[str, Callable[[str, int], list[Claim]]] = {
    **{f"{name}, other": other(name) for name in ("medquad", "pubmedqa", "mts_dialog", "aci_bench")},
    **{f"{name}, mixed": mixed(name) for name in ("pubmedqa", "mts_dialog", "aci_bench")},
    "medquad, number": changed(_NUMBER, lambda number: str(2 * int(number[:9]) + 1)),
    "medquad, not": changed(_VERB, lambda verb: f"{verb} not"),
    "medec": medec,
    "evidence_inference": directions,
}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| set | claims | AUC | best threshold: accuracy | as set: supported accepted | unsupported accepted |"]
    lines.append("|---|---|---|---|---|---|")
    lines += [
        f"| {r['set']} | {r['n']} | {r['auc']:.3f} | {r['best']:.2f}: {r['accuracy_best']:.3f} | "
        f"{r['accepted_supported']:.3f} | {r['accepted_unsupported']:.3f} |"
        for r in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
