"""What finding identifiers is worth, beside Presidio: quality with intervals, and speed of the same configurations.

    RESIDENCY_DATA=../shared/data python bench/deidentify.py [--sets english,presidio_synth,meddocan_es] [--json FILE]

Sets: the part of the English clinical gold that is for reporting (with the patient's structured fields off, and on),
presidio_synth in five folds by template, and MEDDOCAN's dev part. Engines: ours (the likeliest reading, and the recall
mode), Presidio with en_core_web_sm, and Presidio with patterns alone. "ours" was trained on practice alone and saw
nothing of a set; "ours + folds" learned from practice and the other folds, "ours + train" from MEDDOCAN's train part.
Speed is of one thread, text by text, the engines in turn; what is timed is what was measured. "retraining" shows what
200 newly labelled documents of another style are worth.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parts import marked_sets as sets
from parts.identifier_tables import report
from parts.marked_sets import Text
from parts.masking import row_of, summary
from residency.corpus.identify.finder import Finder, finder, learn

SETS = ("english", "english_fields", "presidio_synth", "meddocan_es", "retraining")
ENGINES = ("ours", "ours recall", "presidio", "presidio-regex")
SLOW = {"presidio": 0.03, "presidio-regex": 0.06, "encoder": 0.06, "encoder recall": 0.06}
"""So many MB are timed of an engine that takes long; of the others SPEED."""
SPEED = 0.5
FEW, PRACTICE = 200, 2000
"""How many newly labelled documents retraining learns from; how many texts of practice go with the folds."""
Named = tuple[str, Finder]


def main() -> None:
    """Measure what was asked for and print the tables; with --json all figures go to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help=f"some of {', '.join(SETS)}")
    parser.add_argument("--engines", default=",".join(ENGINES), help=f"some of {', '.join(ENGINES)}")
    parser.add_argument("--part", choices=("report", "tune"), default="report", help="of the English gold")
    parser.add_argument("--texts", type=int, default=0, help="texts a set at most (0: all)")
    parser.add_argument("--practice", type=int, default=PRACTICE, help="texts of practice beside the folds")
    parser.add_argument("--repeats", type=int, default=3, help="of the timing (0: none)")
    parser.add_argument("--encoder", type=int, default=0, metavar="N", help="MiniLM too, after N texts of practice")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    chosen = [
        (option, getattr(args, option).split(","), legal) for option, legal in (("sets", SETS), ("engines", ENGINES))
    ]
    for option, names, legal in chosen:
        if unknown := set(names) - set(legal):
            parser.error(f"--{option}: {', '.join(sorted(unknown))} not known; there are {', '.join(legal)}")
    args.sets, args.engines = args.sets.split(","), args.engines.split(",")
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(args, Path(scratch))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(report(found))


def measured(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the figures of every set that was asked for."""
    found: dict[str, Any] = {"part": args.part, "quality": {}, "speed": {}, "load": os.getloadavg()[0]}
    if {"english", "english_fields"} & set(args.sets):
        texts = sets.gold(args.part, args.texts)
        named = [(name, opened(name, "en")) for name in args.engines]
        if args.encoder:
            folder = scratch / "encoder"
            named += [(name, encoded(name, folder, args.encoder)) for name in ("encoder", "encoder recall")]
        for name in ("english", "english_fields"):
            if name in args.sets:
                fields = name == "english_fields"
                own = [pair for pair in named if not fields or pair[0].startswith("ours")]
                found["quality"][name] = {engine: quality(f, texts, fields=fields) for engine, f in own}
                noted(name)
        found["about"] = {engine: f.about() for engine, f in named}
        if args.repeats:
            found["speed"]["english"] = speed(named, texts, args.repeats)
            noted("speed of English")
    if "presidio_synth" in args.sets:
        found["quality"]["presidio_synth"] = by_folds(args, scratch)
        noted("presidio_synth")
    if "meddocan_es" in args.sets:
        found |= {"spanish": in_spanish(args, scratch, found)}
        noted("meddocan_es")
    if "retraining" in args.sets:
        found["retraining"] = retraining(args, scratch)
        noted("retraining")
    return found


def noted(what: str) -> None:
    """Say on standard error that a part is done."""
    print(f"done: {what}", file=sys.stderr, flush=True)


def opened(name: str, language: str, tagger: Path | None = None) -> Finder:
    """Return the engine of a name."""
    if name.startswith("presidio"):
        return finder(name, language=language)
    return finder(language=language, mode="recall" if name.endswith("recall") else "default", tagger=tagger)


def encoded(name: str, folder: Path, texts: int) -> Finder:
    """Return the encoder as an engine."""
    from parts.identifying_encoder import encoder

    return encoder(folder, texts, mode="recall" if name.endswith("recall") else "default")


def quality(found: Finder, texts: Sequence[Text], *, fields: bool = False) -> dict[str, Any]:
    """Return the figures of one engine on texts."""
    return summary([row_of(text, found.find(text.text, text.patient if fields else None)) for text in texts])


def by_folds(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the figures on presidio_synth: engines that never saw it, and ours with the other folds learned."""
    texts = sets.synthetic(args.texts)
    made = {name: quality(opened(name, "en"), texts) for name in args.engines}
    ours = [name for name in args.engines if name.startswith("ours")]
    rows: dict[str, list[Any]] = {name: [] for name in ours}
    parts = sets.folds(texts)
    for number, held in enumerate(parts):
        others = [text for place, part in enumerate(parts) if place != number for text in part]
        folder = scratch / f"fold{number}"
        learn(sets.labelled(others), language="en", out=folder, practice=args.practice)
        for name in ours:
            engine = opened(name, "en", folder)
            rows[name] += [row_of(text, engine.find(text.text)) for text in held]
    return made | {f"{name} + folds": summary(found) for name, found in rows.items()}


def in_spanish(args: argparse.Namespace, scratch: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Measure on MEDDOCAN's dev part, and return what the engine that learned from its train part is made of."""
    texts, folder = sets.spanish("test", args.texts), scratch / "meddocan"
    told = learn(sets.labelled(sets.spanish("train", args.texts)), language="es", out=folder, practice=0)
    named: list[Named] = []
    for name in args.engines:
        if name != "presidio":  # its package has no Spanish model
            named.append((name, opened(name, "es")))
        if name.startswith("ours"):
            named.append((f"{name} + train", opened(name, "es", folder)))
    found["quality"]["meddocan_es"] = {name: quality(engine, texts) for name, engine in named}
    if args.repeats:
        found["speed"]["meddocan_es"] = speed(named, texts, args.repeats)
    return told


def retraining(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return what the Spanish tagger finds in MEDDOCAN's dev part by practice alone, and with 200 documents learned."""
    texts, folder = sets.spanish("test", args.texts), scratch / "retrained"
    learn(sets.labelled(sets.spanish("train", FEW)), language="es", out=folder)
    return {
        f"{mode}, {what}": quality(finder(language="es", mode=mode, tagger=tagger), texts)
        for mode in ("default", "recall")
        for what, tagger in (("practice alone", None), (f"practice and {FEW} documents", folder))
    }


def speed(named: Sequence[Named], texts: Sequence[Text], repeats: int) -> dict[str, Any]:
    """Return each engine's MB/s of one thread over repeats, in turn, by processor time; each is warm before."""
    samples = {name: sets.up_to(texts, SLOW.get(name, SPEED)) for name, _ in named}
    for _, engine in named:
        engine.find(texts[0].text)
    rates: dict[str, list[float]] = {name: [] for name, _ in named}
    for _ in range(repeats):
        for name, engine in named:
            rates[name].append(sets.size(samples[name]) / taken(engine.find, samples[name]))
    return {
        name: {"mb_per_s": statistics.median(r), "all": r, "mb": sets.size(samples[name])} for name, r in rates.items()
    }


def taken(find: Callable[[str], Any], texts: Sequence[Text]) -> float:
    """Return the seconds of processor time that a pass over texts takes."""
    began = time.process_time()
    for text in texts:
        find(text.text)
    return time.process_time() - began


if __name__ == "__main__":
    os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
    main()
