"""The stage that gathers what there is to learn from: the training parts of evaluation tasks, judged answers, the rows
of the run's own corpus, and made-up notes whose identifiers are marked.

It stands for the examples stage and leaves the same files. It is on the top floor because it brings the corpus together
with the tasks: an example is put in the very words that the examination will use. What shares text with a test item of
these tasks falls and is counted. A user's texts stay in the run's folder.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from residency.core.errors import SourceError, UserError
from residency.core.legal import AtLeastOne, Clash, Count, Range, Rule, agree, nearest
from residency.core.progress import say
from residency.core.settings import together
from residency.core.store import (
    read_manifest,
    sha256_file,
    sha256_json,
    write_examples,
    write_json,
    write_jsonl,
    write_manifest,
)
from residency.core.types import Example
from residency.corpus import benchmarks, learned
from residency.corpus.shape import messages, pair
from residency.evaluate.contamination import Reason, facts_of, found_in_training, reason_to_drop
from residency.evaluate.selection import drawn, mark, train_items
from residency.evaluate.tasks import TASKS, Task, is_file, own, task_of
from residency.evaluate.tasks.form import Ask, example_of
from residency.evaluate.tasks.read import examples_of, own_file
from residency.gate import ABOUT_NOBODY
from residency.made_notes import notes_of
from residency.supporting import TASK as FOLLOWS
from residency.supporting import pairs_of

JUDGED, ANSWERED, PREFERRED = "medquad_judged", "medquad", "medquad_preferred"
BEST, GOOD = 4, 3
"""The rating of an answer that is learned as it is, and the least of one that is preferred (Ben Abacha and
Demner-Fushman 2019: 1 incorrect, 2 related, 3 incomplete, 4 excellent)."""


def _no_task(name: str) -> str | None:
    """Return why a task brings nothing to learn from here."""
    if is_file(name):
        try:
            declared = own.read_declaration(Path(task_of(name).own))
            return None if own_file(declared, "train") else f"{name} names nothing to learn from; give it train: FILE"
        except UserError as error:
            return str(error)
    public = [task.name for task in TASKS.values() if task.data]
    if name not in public:
        return f"no task of a public set is called {name}; {nearest(name, public)}; or a file of your own (NAME.yaml)"
    try:
        benchmarks.folder_of(TASKS[name].data)
    except SourceError as error:
        return str(error)
    return None


Learned = Annotated[str, Rule("a task of a public set that is here (residency data), or your own NAME.yaml", _no_task)]


def _clashes(given: Mapping[str, Any]) -> Iterator[Clash]:
    if not any(given.get(name) for name in ("tasks", "judged", "corpus", "identifiers", "support")):
        text = (
            "name tasks, as [ncbi_disease], set judged: true or corpus: true, make up notes (identifiers: 3000), or "
            "take pairs of a source and a claim (support: 8000)"
        )
        yield ("tasks",), f"nothing is gathered: {text}"


def across(recipe: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield what does not go together with the other sections of a recipe."""
    wanted, corpus = recipe.get("gather"), recipe.get("corpus")
    if wanted and corpus and recipe.get("examples"):
        yield ("gather",), "it stands for the examples stage: write examples: false beside it, or leave gather out"
    if wanted and wanted.get("corpus") and not corpus:
        yield (
            ("gather", "corpus"),
            "the recipe has no corpus to gather from; give corpus: its sources, or leave this out",
        )
    elif wanted and wanted.get("corpus") and not (corpus or {}).get("shapes") and not recipe.get("make"):
        yield ("corpus", "shapes"), f"gather learns its rows, so shapes is needed: [{', '.join(learned.SHAPES)}]"


@dataclass(slots=True)
class Found:
    """What was gathered: examples, rows of running text, the order of a mixture, and what is said of the sources.

    ``tests`` are items of a task of a run's own, which have no set that they could be read from.
    """

    examples: list[Example] = field(default_factory=list)
    tests: list[Example] = field(default_factory=list)
    texts: list[Iterable[dict[str, Any]]] = field(default_factory=list)
    order: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)


@together(_clashes)
def gather(
    made: dict[str, Path],
    *,
    out: Path,
    # Evaluation tasks whose training part is learned, in the words that they will be examined in: public, or NAME.yaml.
    tasks: tuple[Learned, ...] = (),
    # Further tasks whose test items must not be trained on.
    against: tuple[Learned, ...] = (),
    # Whether MedQuAD's judged answers are learned: the best as instructions, all as preference pairs.
    judged: bool = False,
    # The least difference of ratings, 1 to 4, that makes one answer preferred over another.
    gap: Annotated[int, Range(least=1, most=3)] = 2,
    # The most pairs that one preferred answer is in, each with its share of the worse answers.
    pairs: AtLeastOne = 4,
    # Whether the rows of this run's corpus are learned: instructions, preferences, running text.
    corpus: bool = False,
    # How many notes with marked identifiers are made up, for an encoder to learn (deidentify --detector encoder).
    identifiers: Count = 0,
    # The language of these notes.
    language: Literal["en", "es"] = "en",
    # How many pairs of a source and a claim are taken from public sets, for an encoder that checks cited answers.
    support: Count = 0,
    # The share of a task's training groups that is held out where its set has no validation part.
    dev_share: Annotated[float, Range(least=0, most=0.5)] = 0.1,
    # Whether the texts of the tasks' training part are running text as well, for continued pretraining.
    texts: bool = False,
    # The most training examples of each task, drawn by a hash of their ids; 0: all.
    limit: Count = 0,
) -> None:
    """Write ``examples.jsonl``, ``text.jsonl``, TRL's two shapes, what fell, the card and the manifest to ``out``.

    ``made`` are the folders of the stages that hold rows of this run: ``corpus`` and ``make``. Where the corpus has a
    mixture, ``order.jsonl`` holds its order of learning. Raises SourceError where a set is not here.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    agree(
        _clashes({"tasks": tasks, "judged": judged, "corpus": corpus, "identifiers": identifiers, "support": support})
    )
    known = {name: task_of(name) for name in dict.fromkeys((*tasks, *against))}
    for name in [*(task.data for task in known.values() if task.data), *([JUDGED] if judged else [])]:
        benchmarks.folder_of(name)  # before anything is read
    found = Found()
    for name in tasks:
        of_task(found, known[name], dev_share, limit)
    if texts:
        found.texts.append(list(_texts(found.examples)))
    if judged:
        of_judged(found, gap, pairs)
    if corpus:
        of_corpus(found, made)
    if identifiers:
        notes, source = notes_of(identifiers, language)
        for note in notes:
            note.split = "dev" if mark(note.group) < dev_share else "train"
        found.examples += notes
        found.sources.append(source)
    if support:
        pairs_made, source = pairs_of(support)
        found.examples += [e for e in pairs_made if e.split != "test"]
        found.tests += [e for e in pairs_made if e.split == "test"]
        found.sources.append(source)
    held = {**known, **({name: TASKS[name] for name in (ANSWERED, PREFERRED)} if judged else {})}
    tests = {task.name: examples_of(task)[0] for task in held.values()}
    tests |= {FOLLOWS: found.tests} if found.tests else {}
    _write(out, found, tests)


# --- public sets -----------------------------------------------------------------------------------------------------


def of_task(found: Found, task: Task, dev_share: float, limit: int) -> None:
    """Add a task's training part, and what of it is held out: the set's validation part, else a share of its groups."""
    train, dev = train_items(None, task), examples_of(task, "validation")[0]
    if not dev:
        dev = [e for e in train if mark(e.group) < dev_share]
        train = [e for e in train if mark(e.group) >= dev_share]
    train = drawn(train, limit) if limit else train
    for split, examples in (("train", train), ("dev", dev)):
        for example in examples:
            example.id, example.split = f"{task.name}/{example.id}", split
            example.meta |= {"use": "prefer" if task.kind == "prefer" else "instruct"} if split == "train" else {}
    found.examples += [*train, *dev]
    count = len(train) + len(dev)
    skipped = benchmarks.items(task.data, "train").skipped if task.data else Counter[str]()
    found.sources.append(_source(task.data, count, skipped) if task.data else _own_source(task, count))


def _texts(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    """Yield what training examples are about, each text once, as rows of running text."""
    seen: set[str] = set()
    for example in examples:
        text = "\n\n".join(facts_of(example))
        if example.split == "train" and text not in seen:
            seen.add(text)
            yield {"id": example.id, "text": text, "source": example.source, "group": example.group}


def _source(name: str, count: int, skipped: Counter[str]) -> dict[str, Any]:
    about = benchmarks.known(name)
    words = f"{name}: {about.url} at {about.commit}, {about.licence}."
    facts = {"name": name, "version": about.commit, "licence": about.licence, "documents": count}
    return {**facts, "bad": skipped.total(), "acknowledgement": words, "public": True}


def _own_source(task: Task, count: int) -> dict[str, Any]:
    """Return what is said of a user's own labels; their version is the hash of their files."""
    declared, folder = own.read_declaration(Path(task.own)), Path(task.own).parent
    files = own.files_of(declared, folder)
    version = sha256_json([sha256_file(file) for file in files])[:16]
    facts = {"name": task.name, "version": version, "licence": "not stated", "documents": count, "bad": 0}
    waiver = str(declared.get("waiver", "")).strip() if declared["kind"] not in ABOUT_NOBODY else None
    vouched = {} if waiver is None else {"vouched": waiver}
    return {**facts, "acknowledgement": f"{task.name}: labels of your own.", "public": False, **vouched}


def of_judged(found: Found, gap: int, most: int) -> None:
    """Add MedQuAD's judged answers: those rated best as instructions, and each that is better than others as a pair.

    The consumer's own question is not public, so a pair's prompt is the question that its chosen answer was written
    for, which the raters found to answer the consumer's; the rejected ones were retrieved for the same consumer.
    """
    items = benchmarks.items(JUDGED, "train", "validation")
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items.items:
        groups[item["group"]].append(item)
    count = 0
    for group in groups.values():
        for item in group:
            worse = [
                o["answer"] for o in group if item["rating"] - o["rating"] >= gap and o["answer"] != item["answer"]
            ]
            made = list(_judged(item, list(dict.fromkeys(worse)), most))
            found.examples += made
            count += bool(made)
    found.sources.append(_source(JUDGED, count, items.skipped))


def _judged(item: dict[str, Any], worse: list[str], most: int) -> Iterator[Example]:
    """Yield the examples of one judged answer; the worse ones are dealt out to its pairs in turn."""
    if not item["question"].strip() or not item["answer"].strip():
        return
    split = "train" if item["split"] == "train" else "dev"
    worse = worse if item["rating"] >= GOOD else []
    dealt = [worse[place::most] for place in range(min(most, len(worse)))]
    uses: list[tuple[str, list[str]]] = [("instruct", [])] if item["rating"] == BEST else []
    for use, unwanted in (*uses, *((f"prefer-{place}", part) for place, part in enumerate(dealt, 1))):
        put = {"id": f"{JUDGED}/{item['id']}/{use}", "group": item["group"], "meta": {"rating": item["rating"]}}
        put |= {"input": item["question"], "reference": item["answer"]}
        example = example_of("generate", Ask(), put, task=ANSWERED, source=JUDGED, split=split)
        example.unwanted = unwanted
        example.meta["use"] = use.partition("-")[0]
        yield example


# --- the run's own corpus --------------------------------------------------------------------------------------------


def of_corpus(found: Found, made: Mapping[str, Path]) -> None:
    """Add the rows of the run's corpus, and of what was made out of it; UserError where there is none."""
    if not made:
        raise UserError("gather.corpus asks for the rows of a corpus, and this run has none; give corpus: its sources")
    if not any((folder / shape).is_dir() for folder in made.values() for shape in learned.SHAPES):
        raise UserError(
            "the corpus of this run holds nothing to learn from: of its documents none is left in the shapes "
            f"{', '.join(learned.SHAPES)}. Its card (corpus/README.md) counts what was read and why it fell"
        )
    for stage, folder in made.items():
        for row in learned.rows(folder / "instruct"):
            _add(found, learned.dialogue(stage, row), "a dialogue that does not end with an answer to a question")
        for row in learned.rows(folder / "preference"):
            _add(found, learned.preference(stage, row), "a pair without one prompt and two answers")
        found.texts.append(learned.texts(stage, folder))
        found.order += learned.order(stage, folder)
        found.sources += (read_manifest(folder) or {}).get("sources", [])


def _add(found: Found, example: Example | None, why: str) -> None:
    if example is None:
        found.left[why] += 1
    else:
        found.examples.append(example)


# --- what falls, and what is written ---------------------------------------------------------------------------------


def _write(out: Path, found: Found, tests: Mapping[str, Sequence[Example]]) -> None:
    """Write what does not share text with a test item; what falls is named and counted."""
    items = [item for each in tests.values() for item in each]
    reason = reason_to_drop(items)
    told = [(example, reason(example)) for example in found.examples]
    kept, fell = [e for e, why in told if not why], [(e.id, why, e.meta["task"]) for e, why in told if why]
    if not any(e.split == "train" for e in kept) and not found.texts:
        raise UserError(f"nothing is left to learn from: all {len(fell)} examples share text with test items")
    fallen: list[tuple[str, str]] = []
    texts = write_jsonl(out / "text.jsonl", _clean_texts(found.texts, reason, fallen))
    write_examples(out / "examples.jsonl", [*kept, *found.tests])
    write_jsonl(out / "instruct.jsonl", (messages(e) for e in kept if _used(e, "instruct")))
    write_jsonl(out / "preference.jsonl", (pair(e) for e in kept if _used(e, "prefer") and e.unwanted))
    write_jsonl(out / "dropped.jsonl", ({"id": key, "reason": why} for key, why, *_ in (*fell, *fallen)))
    if found.order:
        write_jsonl(out / "order.jsonl", found.order)
    decontamination = {
        **{"characters": 64, "words": 13, "test_items": {name: len(each) for name, each in tests.items()}},
        "dropped_examples": Counter(task for *_, task in fell),
        "dropped_text": len(fallen),
        "left": len(found_in_training(out, items)),
    }
    about = {"counts": _counts([*kept, *found.tests]), "decontamination": decontamination, "sources": found.sources}
    write_json(out / "card.json", {"gathered": True, **about, "text_rows": texts, "left_out": found.left})
    write_manifest(out, stage="gather", **about)
    say(f"gathered {len(kept):,} examples and {texts:,} texts; {len(fell) + len(fallen):,} share text with a test")


def _used(example: Example, use: str) -> bool:
    return example.split == "train" and example.meta["use"] == use


def _clean_texts(
    parts: Iterable[Iterable[dict[str, Any]]], reason: Reason, fell: list[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    for rows in parts:
        for row in rows:
            why = reason(Example(row["id"], [], [row["text"]], meta={"facts": [row["text"]]}))
            if why:
                fell.append((row["id"], why))
            else:
                yield row


def _counts(examples: Iterable[Example]) -> dict[str, dict[str, dict[str, int]]]:
    """Return how many examples each task has for each use (or split), by pattern."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for example in examples:
        use = example.split if example.split != "train" else str(example.meta["use"])
        found[str(example.meta["task"])][use][str(example.meta.get("pattern", ""))] += 1
    return {task: {use: dict(parts) for use, parts in uses.items()} for task, uses in found.items()}
