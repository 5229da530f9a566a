"""The stage that makes training rows out of a finished corpus: by templates, or by models that are loaded for it.

It stands on the top floor because it brings rooms together: the makers of ``corpus/make``, models, and judges that
hold a passport. What is made goes the way of all documents: cleaned, compared with each other and with every test
set, counted by what was refused, and described.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from residency import gathering
from residency.core.documents import read_documents, write_documents
from residency.core.legal import Clash, Count, Seed, agree, nearest
from residency.core.progress import say, track
from residency.core.runs import runs_root
from residency.core.settings import Flat, OneOf, load, plain, together
from residency.core.store import read_json, write_json
from residency.core.types import Document, Model
from residency.corpus.assemble import NONE, Checks, assemble
from residency.corpus.compare.leaks import Decontaminate
from residency.corpus.engine import HERE, Spread
from residency.corpus.finish import Shape
from residency.corpus.make import MAKERS
from residency.corpus.make.rows import Tally, kept
from residency.corpus.records import KNOWLEDGE_KINDS, Part, Source
from residency.corpus.sources import named, names_of, numbered

Rows = Annotated[Sequence[Mapping[str, Any]], OneOf(MAKERS)]
Rate = Callable[[str, str], float | None]
OF_GRAPHS = ("graph_text", "graph_questions")
MAY_BE_ONTOLOGIES = ("hpo", "icd10", "files", "jsonl")
"""The kinds of sources that can hold an ontology; of the user's own files only reading tells."""
OF_PROMPTS = ("contrast", "ranked")
JUDGED_KIND = "answers to consumers' questions"


@dataclass(frozen=True, slots=True)
class Named:
    """Models as ``residency ask`` names them: ``model`` writes (and is the stronger one), ``weak`` is the weaker.

    ``judge`` rates on ``axis`` and must hold a passport for it.
    """

    # The model that writes, and the stronger one of two.
    model: str = ""
    # The weaker model, whose answers are the rejected ones.
    weak: str = ""
    # The model that rates answers; it must hold a passport for the axis.
    judge: str = ""
    # What the judge rates.
    axis: str = "relevance"


NOBODY = Named()


def _clashes(given: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield the makers that need a model which the recipe does not name."""
    there = {"model": "model", "strong": "model", "weak": "weak", "rate": "judge"}
    for name in dict.fromkeys(next(iter(entry)) for entry in given.get("rows", ())):
        for needed, parameter in inspect.signature(load(MAKERS[name])).parameters.items():
            called = there.get(needed)
            if called and given.get(called) == "" and parameter.default is parameter.empty:
                yield (called, "rows"), f"{name} needs {called}: NAME, a model as for residency ask"


def across(recipe: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield what does not go together between a recipe's sections: sources that ``make`` names and the corpus has not,
    what ``gather`` stands beside, and methods of tuning that cannot follow one another.
    """
    from residency.train import tuning

    yield from gathering.across(recipe)
    yield from tuning.across(recipe)
    yield from _of_the_base(recipe)
    corpus, wanted = recipe.get("corpus"), recipe.get("make")
    if corpus and wanted:
        sources = corpus.get("sources", ())
        names = names_of(sources)
        yield from ((("make", "sources"), text) for text in _absent(wanted.get("sources", ()), names) if names)
        chosen = wanted.get("sources") or names
        kinds = {next(iter(source)) for source, name in zip(sources, names, strict=True) if name in chosen}
        if kinds and not kinds & {*MAY_BE_ONTOLOGIES}:
            yield from ((("make", "rows"), text) for text in _without_graph(wanted.get("rows", ())))


def _without_graph(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with makers of graphs where no ontology is there: those that bring no triples themselves."""
    for name, settings in dict(pair for entry in rows for pair in entry.items()).items():
        settings = plain(settings) or {}
        if name in OF_GRAPHS and not {**settings, **settings.get("given", {})}.get("triples"):
            yield (
                f"{name} needs an ontology, and there is none in the corpus it is made from; add a source of one, such "
                "as hpo: {} or files: of OBO or RDF, or give your own graph: triples: FILE"
            )


FOR_ENCODERS = ("encode", "blend")
"""Training stages that start from an encoder."""


def _of_the_base(recipe: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield the training stages that a recipe's base cannot go through, and a blend of nothing."""
    from residency.models.load import base_is_encoder

    stages = [name for entry in recipe.get("train") or () for name, given in entry.items() if given is not False]
    base = str((recipe.get("base") or {}).get("base", ""))
    reads = base_is_encoder(base) if stages and base else None
    wrong = [name for name in stages if reads is not None and (name in FOR_ENCODERS) is not reads]
    if wrong and reads:
        yield ("base",), f"{base} is an encoder and writes nothing; {wrong[0]} trains a causal language model"
    elif wrong:
        yield ("base",), f"{base} is no encoder; {wrong[0]} starts from one, such as base: minilm"
    if "blend" in stages and "encode" not in stages[: stages.index("blend")]:
        yield ("train",), "blend sets a linear CRF beside a tagger, and none is trained before it: name encode first"


def _absent(wanted: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    for name in wanted:
        if name not in names:
            yield f"the corpus has no source {name}; {nearest(name, names)}"


@together(_clashes)
def make(
    corpus: Path,
    *,
    out: Path,
    # What is made: makers with their settings.
    rows: Rows = (),
    # The names of the corpus's sources that makers are handed; empty: all.
    sources: tuple[str, ...] = (),
    # The most documents that each maker is handed (graphs are handed whole); 0: all.
    limit: Count = 0,
    named: Flat[Named] = NOBODY,
    checks: Flat[Checks] = NONE,
    # What is written beside the rows for trainers, in TRL's columns.
    shapes: tuple[Shape, ...] = ("text", "instruct", "preference"),
    spread: Flat[Spread] = HERE,
    # The seed of all drawing, where a maker names none.
    seed: Seed = 0,
) -> None:
    """Write the rows that ``rows`` asks for, one maker with its settings each, as a corpus of their own to ``out``.

    Makers are handed the training documents of ``corpus``: graphs those of each ontology, the others running text, or
    rows that hold a prompt. Models are named as for ``residency ask``. Rows are held against what the corpus was held
    against, where ``decontaminate`` says nothing else (``{sets: []}``: against nothing). Raises UserError where a maker
    needs a model that is not named.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    names = [next(iter(entry)) for entry in rows]
    agree(_clashes({"rows": rows, **plain(named)}))
    card = read_json(corpus / "card.json")
    known = [source["name"] for source in card["sources"]]
    checks = replace(checks, decontaminate=checks.decontaminate or _held_out(card))
    agree((("sources",), text) for text in _absent(sources, known))
    hands = _Hands(corpus, sources, limit, named)
    if lacking := list(_without_graph(rows)):
        agree((("rows",), text) for text in lacking if not hands.an_ontology(card))
    licence = "that of the documents it stands on"
    made = [
        Source(called, "", licence, "", (), (_part(out / f"made-{at:02d}.parquet", name, called),))
        for at, (name, called) in enumerate(zip(names, numbered(names), strict=True))
    ]
    for at, entry in enumerate(rows):
        _make_one(out, at, entry, hands, seed)
    key = [corpus.name, [dict(entry) for entry in rows], sources, limit, named, seed]
    assemble(made, out=out, checks=checks, shapes=shapes, spread=spread, key=key, stage="make")


def _held_out(card: Mapping[str, Any]) -> Decontaminate | None:
    """Return what the corpus was held against: makers that bring rows of their own must not bring the test back."""
    said = card.get("settings", {}).get("decontaminate")
    return Decontaminate(**{**said, "files": list(map(Path, said["files"]))}) if said else None


class _Hands:
    """What makers are handed, each made when first asked for."""

    def __init__(self, corpus: Path, sources: tuple[str, ...], limit: int, named: Named) -> None:
        self._corpus, self._sources, self._limit, self._named = corpus, sources, limit, named

    def documents(self, maker: str) -> Iterator[list[Document] | Iterator[Document]]:
        """Yield what the maker is called with: once, or once for each ontology."""
        if maker in OF_GRAPHS:
            yield from self._ontologies()
        else:
            wanted = _has_prompt if maker in OF_PROMPTS else _is_text
            found = (document for document in self._training() if wanted(document))
            yield islice(found, self._limit or None)

    def _training(self) -> Iterator[Document]:
        for document in read_documents(self._corpus / "documents"):
            if (not self._sources or document.source in self._sources) and document.meta.get(
                "split", "train"
            ) == "train":
                yield document

    def _ontologies(self) -> Iterator[list[Document]]:
        """Yield the records of each ontology; with none, an empty list, for makers that read triples of their own."""
        found: dict[str, list[Document]] = {}
        for document in self._training():
            if document.meta.get("kind") in KNOWLEDGE_KINDS:
                found.setdefault(document.source, []).append(document)
        yield from found.values() if found else ([],)

    def an_ontology(self, card: Mapping[str, Any]) -> bool:
        """Return whether there is one among the training documents; without any in the card none is looked for."""
        there = not KNOWLEDGE_KINDS.isdisjoint(card["kinds"])
        return there and any(document.meta.get("kind") in KNOWLEDGE_KINDS for document in self._training())

    def other(self, name: str) -> Any:
        """Return a model or a judge by the name that a maker's argument has; None where the recipe names none."""
        if name == "rate":
            return _rater(self._named.judge, self._named.axis) if self._named.judge else None
        called = self._named.weak if name == "weak" else self._named.model
        return _loaded(called) if called else None


def _is_text(document: Document) -> bool:
    return document.meta.get("kind") not in KNOWLEDGE_KINDS and not _has_prompt(document)


def _has_prompt(document: Document) -> bool:
    return bool(document.meta.get("prompt") or document.meta.get("messages"))


@cache
def _loaded(name: str) -> Model:
    from residency.models.load import load as load_model

    return load_model(name)


def _rater(name: str, axis: str) -> Rate:
    """Return a function from a question and an answer to a rating; UserError where the model holds no passport."""
    from residency.evaluate.judges.axes import axis_of
    from residency.evaluate.judges.model import rate
    from residency.evaluate.judges.passport import check

    model, scale = _loaded(name), axis_of(axis)
    check(runs_root() / "judges", model, axis, JUDGED_KIND, called=name)

    def rated(question: str, answer: str) -> float | None:
        found = rate(model, scale, [{"question": question, "answer": answer}])[0].rating
        return None if found != found else found

    return rated


def _make_one(out: Path, at: int, entry: Mapping[str, Any], hands: _Hands, seed: int) -> None:
    """Write the rows of one maker to a file, with the count of what was refused beside it; one that is there stays."""
    [(name, settings)] = entry.items()
    file, tally = out / f"made-{at:02d}.parquet", Tally()
    if file.is_file():
        return
    maker = load(MAKERS[name])
    arguments = inspect.signature(maker).parameters
    known = {key: hands.other(key) for key in ("model", "strong", "weak", "rate") if key in arguments}
    settings = {**({"seed": seed} if "seed" in arguments else {}), **settings}

    def outcomes() -> Iterator[Any]:
        for documents in hands.documents(name) if "documents" in arguments else [None]:
            given = {} if documents is None else {"documents": documents}
            yield from maker(**given, **known, **settings)

    write_documents(file, track(kept(outcomes(), tally), f"make {name}", unit="rows"))
    write_json(file.with_suffix(".json"), {"asked": tally.asked, "made": tally.made, "refused": dict(tally.refused)})
    refused = ", ".join(f"{reason} {count:,}" for reason, count in tally.refused.most_common(4))
    say(f"make {name}: {tally.made:,} of {tally.asked:,} rows" + (f"; refused: {refused}" if refused else ""))


def _part(file: Path, maker: str, called: str) -> Part:
    """Return what reads a maker's rows; those of a second maker of the name are told apart."""
    part = partial(_read, file)
    return part if called == maker else partial(named, part, called)


def _read(file: Path) -> Iterator[Document | Any]:
    """Yield the rows of a maker's file, and what it refused as left out, by reason."""
    from residency.corpus.records import Left

    yield from read_documents(file)
    for reason, count in read_json(file.with_suffix(".json"))["refused"].items():
        yield from (Left(reason) for _ in range(count))
