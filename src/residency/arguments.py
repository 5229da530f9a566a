"""What the command line's arguments may be, and docs/cli.md, made from the parser."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import NoReturn, TypeVar

from residency.core.legal import Range
from residency.core.scalars import read_scalar
from residency.evaluate.names import MOST_SHOWN

Number = TypeVar("Number", int, float)
ITEMS = Range(least=1)
NONE_OR_MORE = Range(least=0)
SHOTS = Range(least=0, most=MOST_SHOWN)
SHARE = Range(above=0, most=0.999)
TOKENS = Range(least=32, most=16384)
PASSAGES = Range(least=1, most=50)


def whole(legal: Range) -> Callable[[str], int]:
    """Return an argument's type: a whole number in a range, refused with the range otherwise."""
    return partial(_read, int, "a whole number", legal)


def number(legal: Range) -> Callable[[str], float]:
    """Return an argument's type: a number in a range, refused with the range otherwise."""
    return partial(_read, float, "a number", legal)


def _read(kind: type[Number], called: str, legal: Range, text: str) -> Number:
    value = read_scalar(text, kind)
    problem = f"{text!r} is not {called}; legal: {legal.legal}" if value is None else legal.problem(value)
    if value is None or problem:
        raise argparse.ArgumentTypeError(problem)
    return kind(value)


def words(text: str) -> str:
    """Return an argument that must say something."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is blank; write it out, in quotes where it has spaces")
    return text


# --- what the verbs that examine take ---------------------------------------------------------------------------------


def for_evaluate(one: argparse.ArgumentParser) -> None:
    """Add what is examined, on what, and how it is asked."""
    text = "as for ask, and @N behind it shows it N solved examples; of several, each is compared with the first"
    one.add_argument("models", type=words, nargs="+", metavar="MODEL", help=text)
    text = "tasks (qa,pubmedqa), suites, or files of your own (NAME.yaml); default: the suite"
    one.add_argument("--tasks", type=words, metavar="A,B", help=text)
    text = "quickstart (the items of a run; default), med (the public sets) or hub (those that a hub keeps)"
    suites = ["quickstart", "med", "hub"]
    one.add_argument("--suite", choices=suites, default="quickstart", metavar="NAME", help=text)
    _limit(one, "at most N items a task, {} (default: all)")
    text = f"solved examples shown before each question, {SHOTS.legal} (default: 0)"
    one.add_argument("--shots", type=whole(SHOTS), default=0, metavar="N", help=text)
    text = "fp32 (exact), bf16 (approximate, faster) or auto (what the machine is quickest in; default)"
    one.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto", metavar="TYPE", help=text)
    text = "of choices and the like: likelihood (default), generate (written), or thought over first: cot (a chain of "
    text += "thought), vote (of many), refine (drafts in view), decompose (simpler questions), diagnose (as a case)"
    ways = ["likelihood", "generate", "cot", "vote", "refine", "decompose", "diagnose"]
    one.add_argument("--method", choices=ways, default="likelihood", metavar="HOW", help=text)
    text = f"most tokens that thinking may take for an item, {TOKENS.legal} (default: the method's own)"
    one.add_argument("--tokens", type=whole(TOKENS), default=0, metavar="N", help=text)
    text = "ask again with the passages of this index before each question, and compare (see: residency index build)"
    one.add_argument("--sources", type=words, metavar="INDEX", help=text)
    text = "ask again with a knowledge graph: behind the options of a question, or its facts before it (default: hpo)"
    one.add_argument("--graph", type=words, nargs="?", const="hpo", metavar="PATH", help=text)
    text = "of --graph: options (it decides between those that it stands behind; default) or before (facts are shown)"
    one.add_argument("--facts", choices=["options", "before"], metavar="HOW", help=text)
    text = f"passages, and facts, before a question, {PASSAGES.legal} (default: 5)"
    one.add_argument("--passages", type=whole(PASSAGES), metavar="N", help=text)
    text = "how passages are found: fused (by words and vectors; default), rrf (so, by rank), bm25 (by words) or vector"
    one.add_argument("--search", choices=["fused", "rrf", "bm25", "vector"], metavar="HOW", help=text)
    text = "which solved examples: fixed (the same for all; default), random, nearest (like the question, by words), "
    text += "similar (by vectors), balanced (so, and every answer among them)"
    picks = ["fixed", "random", "nearest", "similar", "balanced"]
    one.add_argument("--pick", choices=picks, default="fixed", metavar="HOW", help=text)
    text = "what embeds for similar and balanced: minilm (default), or another encoder"
    one.add_argument("--embedder", type=words, default="minilm", metavar="MODEL", help=text)
    text = "ask by these prompts in place of the tasks' own words: ids (residency prompt list) or files (NAME.yaml)"
    one.add_argument("--prompt", type=words, metavar="A,B", help=text)
    text = "letters (options are listed) or options (their texts are compared); default: the task's own"
    one.add_argument("--style", choices=["letters", "options"], default="", metavar="HOW", help=text)
    text = "hold lists, and choices that are written (--method generate), to a JSON schema"
    one.add_argument("--constrained", action="store_true", help=text)
    text = "ask again in other ways: wording (other words), order (of options), repeat (drawn replies); default: none"
    one.add_argument("--vary", type=words, metavar="A,B", help=text)
    text = "leave out the linear CRF that is trained beside every extraction that has training texts"
    one.add_argument("--no-baselines", action="store_true", help=text)
    one.add_argument("--no-template", action="store_true", help="ask without the chat template, as running text")
    text = "of random examples and drawn replies (default: 0)"
    one.add_argument("--seed", type=int, default=0, metavar="N", help=text)


def for_judge(one: argparse.ArgumentParser) -> None:
    """Add who judges what, and by which axis."""
    one.add_argument("model", type=words, metavar="MODEL", help="as for ask")
    text = "what is judged (default: relevance)"
    one.add_argument("--axis", type=words, default="relevance", metavar="NAME", help=text)
    one.add_argument("--measure", action="store_true", help="measure its agreement with people; writes its passport")
    text = "JSONL with question and answer, to be rated; with --measure --axis rubric: people's verdicts"
    one.add_argument("--items", type=words, metavar="FILE", help=text)
    text = "what kind of text the items are; the passport must hold for it"
    one.add_argument("--kind", default="answers to consumers' questions", metavar="WORDS", help=text)
    _limit(one, "at most N items, measured or judged, {} (default: all)")


def for_form(one: argparse.ArgumentParser) -> None:
    """Add what a form is made of, and what is filled in."""
    one.add_argument("form", type=words, metavar="FORM", help="the form, a CSV file")
    text = "write a form of these answers: items/TASK/MODEL.jsonl of a run or evaluation, one file a model"
    one.add_argument("--answers", nargs="+", metavar="FILE", help=text)
    one.add_argument("--filled", nargs="+", metavar="FILE", help="add up these filled forms, one file a rater")
    text = "what is judged, such as safe,helpful (default: all seven)"
    seven = "professional,safe,helpful,proactive,fluent,patient-friendly,doctor-like"
    one.add_argument("--axes", type=words, default=seven, metavar="A,B", help=text)
    one.add_argument("--pairwise", action="store_true", help="which of two answers is better, instead of ratings")
    _limit(one, "at most N items, {} (default: all)")
    one.add_argument("--seed", type=int, default=0, metavar="N", help="the order of the lines (default: 0)")


def for_deidentify(one: argparse.ArgumentParser) -> None:
    """Add what is read, what is done with it, and how."""
    text = "a folder of any files, a file, or a FHIR export: what each file is goes by what it holds"
    one.add_argument("path", type=words, metavar="PATH", help=text)
    text = "write the documents with identifiers hidden, and their receipt, to this folder"
    one.add_argument("--out", type=words, metavar="DIR", help=text)
    one.add_argument(
        "--spans", action="store_true", help="print what is found, a JSON line a document, and change nothing"
    )
    text = "draw N documents at random, by type of note, and write a sheet to label them on (HTML and CSV) to --out, {}"
    one.add_argument("--sample", type=whole(ITEMS), default=0, metavar="N", help=text.format(ITEMS.legal))
    text = "measure recall and precision on these labels; with --out, write them into the receipt there"
    one.add_argument("--score", type=words, metavar="LABELS", help=text)
    text = "train the tagger on these labels too, and write it to --out, for --tagger"
    one.add_argument("--learn", type=words, metavar="LABELS", help=text)
    text = "of documents that state no language, en (default) or es"
    one.add_argument("--language", choices=["en", "es"], default="en", metavar="CODE", help=text)
    text = "what stands in place of an identifier: surrogate (made up; default), tag, mask or drop"
    operators = ["surrogate", "tag", "mask", "drop"]
    one.add_argument("--operator", choices=operators, default="surrogate", metavar="HOW", help=text)
    text = "what finds: residency (rules, lists and a trained tagger; default), presidio, or encoder (--tagger)"
    detectors = ["residency", "presidio", "encoder"]
    one.add_argument("--detector", choices=detectors, default="residency", metavar="NAME", help=text)
    text = "recall (whatever is not unlikely; default) or default (the likeliest reading)"
    one.add_argument("--mode", choices=["recall", "default"], default="recall", metavar="HOW", help=text)
    text = f"hide every word that is part of an identifier with more than this probability, {SHARE.legal}"
    one.add_argument("--threshold", type=number(SHARE), metavar="P", help=text)
    one.add_argument(
        "--tagger", type=words, metavar="DIR", help="the folder of a tagger (see --learn) or of an encoder"
    )
    text = "a file with the secret key of surrogates, made where it is absent; without it they differ each time"
    one.add_argument("--key", type=words, metavar="FILE", help=text)
    text = "keep what was replaced in this file, encrypted with the key (needs --key)"
    one.add_argument("--vault", type=words, metavar="FILE", help=text)
    one.add_argument("--sign", type=words, metavar="FILE", help="sign the receipt with this Ed25519 key (PEM)")
    text = "why nobody is identified in these texts: recorded in the receipt, which then needs no recall"
    one.add_argument("--waiver", type=words, metavar="WORDS", help=text)
    text = "names of unusual columns, such as text=note_body,patient=mrn"
    one.add_argument("--columns", type=words, metavar="A=B,…", help=text)
    text = "how text files are encoded that are not UTF-8, such as cp1252 (default: utf-8)"
    one.add_argument("--encoding", type=words, default="utf-8", metavar="NAME", help=text)
    one.add_argument(
        "--workers", type=whole(SHOTS), default=0, metavar="N", help="processes at once (default: every core)"
    )
    one.add_argument("--seed", type=int, default=0, metavar="N", help="of the sample (default: 0)")


def for_catalog(one: argparse.ArgumentParser) -> None:
    """Add what is asked of the catalog, and which wishes an answer must meet."""
    text = (
        "models, datasets, results, methods or metrics (asked with the wishes below), an entry (biogpt, 'Med-PaLM 2'), "
    )
    text += "check (mistakes in the entries), place (a model on the axes), page, gaps; default: what there is"
    one.add_argument("what", nargs="?", default="", metavar="KIND|ENTRY|check|place|page|gaps", help=text)
    text = "check: a folder of your own entries, which may refer to ours (default: ours); place: a run or a model card"
    one.add_argument("path", nargs="?", default="", metavar="PATH", help=text)
    for name, form, text in WISHES:
        one.add_argument(f"--{name}", type=words, metavar=form, help=text)
    text = "leave out what is only from memory, or weak: such a cell counts as unknown"
    one.add_argument("--firm", action="store_true", help=text)
    text = "entries of your own beside ours: a folder with models/, datasets/, methods/, metrics/, sources/"
    one.add_argument("--with", dest="more", type=words, metavar="FOLDER", help=text)
    one.add_argument(
        "--out", type=words, metavar="FILE", help="page: the HTML page to write; gaps: their picture (SVG)"
    )
    text = "page: runs of ours, to stand beside what was published"
    one.add_argument("--runs", type=words, nargs="+", metavar="RUN", help=text)


WISHES = (
    ("task", "A,B", "what it does: qa, ner, re, …; A,B: either, A+B: both, here and below (results: of the set)"),
    ("stakeholder", "A,B", "whom it serves: patient, clinician, researcher"),
    ("care", "A,B", "the stage of care: triage, diagnosis, treatment, …"),
    ("paradigm", "A,B", "how it was made: scratch, continued_pretraining, instruction_tuning, …"),
    ("algorithm", "A,B", "what carries it: reasoning, rag, agents, peft, …"),
    ("application", "A,B", "what it is used for: decision_support, documentation, …"),
    ("compression", "A,B", "how it was made small: distillation, pruning, quantization"),
    ("kind", "A,B", "models: general, domain, variant, closed; methods: prompting, merging, …"),
    ("use", "A,B", "data sets: evaluate, pretrain, instruct, prefer, finetune, knowledge"),
    ("form", "A,B", "data sets: multiple_choice, spans, multi_turn, …"),
    ("base", "A,B", "made from this model, directly or not"),
    ("data", "A,B", "trained on this data set"),
    ("max-params", "SIZE", "at most this many parameters, such as 3B (of a mixture: all experts)"),
    ("min-params", "SIZE", "at least this many"),
    ("licence", "A,B", "a licence's name; or a way of access, such as open or noncommercial"),
    ("access", "A,B", "how one gets it: open, noncommercial, registration, gated, paid, mixed, none"),
    ("language", "A,B", "a code, such as es (results: of the set)"),
    ("since", "MONTH", "released in this year or month or later, such as 2024 or 2023-05"),
    ("named-in", "A,B", "named in a survey: A (Garg et al. 2025), B (Wang et al. 2024), C (Liu et al. 2024), A+B+C"),
    ("set", "A,B", "results: measured on this data set"),
    ("metric", "A,B", "results, data sets: this metric"),
    ("text", "WORDS", "every word occurs, or begins a word, in names, descriptions or notes; best first"),
    ("sort", "HOW", "name (default), newest, oldest, smallest, largest; what is unknown comes last"),
)
"""The wishes of a query: name, form, what it means."""


def for_advise(one: argparse.ArgumentParser) -> None:
    """Add what is needed, what there is, and where the recipe goes."""
    text = "ner, qa, cls, nli, re, ie, sum, dialogue, generation or deid: a task of the catalog's axis"
    one.add_argument("--task", type=words, required=True, metavar="NAME", help=text)
    text = "what there is: tasks of your own (NAME.yaml), folders and files of texts, names of data sets"
    one.add_argument("--data", type=words, nargs="+", default=[], metavar="PATH|NAME", help=text)
    text = "memory that it may take, in training and in use, such as 8GB (default: what this machine has)"
    one.add_argument("--memory", type=words, metavar="SIZE", help=text)
    one.add_argument("--latency", type=words, metavar="TIME", help="the longest that a text may take, such as 500ms")
    text = "the code of the texts' language (default: en)"
    one.add_argument("--language", type=words, default="en", metavar="CODE", help=text)
    text = "on-premise (default) or cloud: whether texts may leave the house"
    one.add_argument("--privacy", type=words, default="on-premise", metavar="WHERE", help=text)
    text = "how many items people have labelled, where no task of yours holds them yet, {}"
    one.add_argument("--labelled", type=whole(NONE_OR_MORE), metavar="N", help=text.format(NONE_OR_MORE.legal))
    text = "how many texts there are without labels, {}"
    one.add_argument("--unlabelled", type=whole(NONE_OR_MORE), metavar="N", help=text.format(NONE_OR_MORE.legal))
    one.add_argument(
        "--stakeholder", type=words, metavar="WHO", help="whom it serves: patient, clinician or researcher"
    )
    text = "the stage of care: triage, diagnosis, treatment, recovery, risk or assistant"
    one.add_argument("--care", type=words, metavar="STAGE", help=text)
    text = "none (default), or the memory of a GPU to learn on, such as 24GB"
    one.add_argument("--accelerator", type=words, default="none", metavar="SIZE", help=text)
    text = "the base to train, as in a recipe (default: a packaged one)"
    one.add_argument("--base", type=words, metavar="BASE", help=text)
    text = "why nobody is identified in the texts of --data: they may then train, and it is shown with the model"
    one.add_argument("--waiver", type=words, metavar="WORDS", help=text)
    text = "measure on this machine: what training will take, from its first steps, and one text of the base"
    one.add_argument("--measure", action="store_true", help=text)
    text = "the recipe's file (default: advised.yaml); a file that is not of this verb is left alone"
    one.add_argument("--out", type=words, metavar="FILE", help=text)


def _limit(one: argparse.ArgumentParser, text: str) -> None:
    one.add_argument("--limit", type=whole(ITEMS), default=0, metavar="N", help=text.format(ITEMS.legal))


# --- mistakes, and the page ------------------------------------------------------------------------------------------


def error_document(kind: str, message: str, code: int) -> str:
    """Return the one document that ``--json`` prints for an error."""
    return json.dumps({"error": {"kind": kind, "message": message}, "exit_code": code}, ensure_ascii=False)


class JsonParser(argparse.ArgumentParser):
    """A parser, and so are its verbs, whose mistakes are a document on standard output, as other errors are."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and leave with code 2."""
        print(error_document("UserError", message, 2), flush=True)
        self.exit(2)


def page(parser: argparse.ArgumentParser) -> str:
    """Return docs/cli.md, made from the parser: ``python -m residency.cli --docs > docs/cli.md``."""
    verbs = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    parts = ["# The command line", "", "Made by `python -m residency.cli --docs`; a test holds it to the parser.", ""]
    for name, verb in verbs.choices.items():
        actions = [action for action in verb._actions if action.dest != "help"]
        actions.sort(key=lambda action: (bool(action.option_strings), action.dest in ("json", "trace")))
        parts += [f"## residency {name}", "", verb.description or "", ""]
        parts += ["```", " ".join(["residency", name, *map(_usage, actions)]), "```", ""]
        parts += ["| argument | meaning |", "|---|---|"]
        parts += [
            f"| `{_usage(action).strip('[]').replace('|', chr(92) + '|')}` | {action.help} |" for action in actions
        ]
        parts.append("")
    return "\n".join(parts + [EXIT_CODES])


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"[{action.metavar} ...]" if action.nargs == "*" else str(action.metavar)
    return f"[{action.option_strings[0]}{f' {action.metavar}' if action.metavar else ''}]"


EXIT_CODES = """## Exit codes and environment

| code | meaning |
|---|---|
| 0 | done, whatever the numbers say: of a run, `parity.passed` in `--json` tells whether the GGUF passed its check |
| 1 | a fault of ours, or of the machine (a full disk); finished stages are intact |
| 2 | something you can mend: the message says what is legal |
| 130 | stopped by Ctrl-C; the same command goes on |

| variable | meaning |
|---|---|
| `RESIDENCY_RUNS` | the folder of all runs (default: `runs` here) |
| `RESIDENCY_DB` | the index of runs, as an SQLAlchemy URL (default: a SQLite file in the runs folder) |
| `RESIDENCY_CACHE` | converted weights and the default graph (default: `~/.cache/residency`) |
| `RESIDENCY_PROMPTS` | your own prompts (default: `~/.local/share/residency/prompts`) |
| `RESIDENCY_DATA` | data sets that cannot be shipped |
"""
