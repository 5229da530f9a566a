"""Small made-up sets in the form of the published ones, for tests that read public data without having it."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

DISEASES = ("gout", "asthma", "measles", "rickets", "scurvy", "anaemia")


def write_ncbi(root: Path, *, train: int = 6, dev: int = 2, test: int = 4) -> None:
    """Write NCBI-disease: abstracts that name one disease each, a different sentence around each."""
    folder = root / "ncbi_disease" / "original"
    folder.mkdir(parents=True)
    for name, count, first in (("train", train, 0), ("develop", dev, 100), ("test", test, 200)):
        blocks = [_abstract(first + i) for i in range(count)]
        (folder / f"NCBI{name}set_corpus.txt").write_text("\n\n".join(blocks) + "\n")


def _abstract(number: int) -> str:
    word = DISEASES[number % len(DISEASES)]
    title, body = f"Case {number}.", f"We saw {word} in family {number * 7919 % 1000}."
    start = len(title) + 1 + body.index(word)
    rows = f"{number}\t{start}\t{start + len(word)}\t{word}\tSpecificDisease\tD{number}"
    return f"{number}|t|{title}\n{number}|a|{body}\n{rows}"


def write_pubmedqa(root: Path, *, train: int = 30, test: int = 5) -> None:
    """Write PubMedQA: questions with a line of context and an answer."""
    folder = root / "pubmedqa"
    folder.mkdir(parents=True)
    answers = ("yes", "no", "maybe")
    rows = {
        str(i): {
            "CONTEXTS": [f"Trial {i * 7919 % 1000} had {i} arms."],
            "QUESTION": f"Does drug {i} work?",
            "final_decision": answers[i % 3],
        }
        for i in range(train + test)
    }
    (folder / "ori_pqal.json").write_text(json.dumps(rows))
    (folder / "test_ground_truth.json").write_text(
        json.dumps({str(i): answers[i % 3] for i in range(train, train + test)})
    )


def write_judged(root: Path, judged: list[tuple[str, int, str, str, str]]) -> None:
    """Write MedQuAD's judged answers, each (consumer's question, rating, answer id, question, answer), and no more."""
    folder = root / "medquad" / "QA-TestSet-LiveQA-Med-Qrels-2479-Answers"
    folder.mkdir(parents=True)
    with (folder / "All-2479-Answers-retrieved-from-MedQuAD.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["AnswerID", "Answer"])
        writer.writeheader()
        for _, _, key, question, answer in judged:
            writer.writerow({"AnswerID": key, "Answer": f"Question: {question}\nURL: x\nAnswer: {answer}"})
    lines = [f"{consumer} {rating}-Judged {key}" for consumer, rating, key, *_ in judged]
    (folder / "All-qrels_LiveQAMed2017-TestQuestions_2479_Judged-Answers.txt").write_text("\n".join(lines) + "\n")
    write_medquad(root, [])


def write_medquad(root: Path, rows: list[dict[str, str]]) -> None:
    """Write MedQuAD's answered questions over those that are there."""
    (root / "medquad").mkdir(parents=True, exist_ok=True)
    with gzip.open(root / "medquad" / "medquad.jsonl.gz", "wt") as file:
        for row in rows:
            file.write(json.dumps({"qtype": "information", "source": "made up", "focus": row["id"], **row}) + "\n")
