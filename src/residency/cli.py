"""The command line: the verbs, each a small function that returns (a document for ``--json``, words for people).

Progress goes to standard error. Exit codes: 0 done, 2 something the user can mend, 1 a fault of ours or the
machine's, 130 Ctrl-C. What a verb needs is imported when it runs, so that help and the list of runs are instant.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency import (
    __version__,
    admitting,
    advising,
    asking,
    auditing,
    calibrating,
    cataloging,
    consulting,
    deidentifying,
    examine,
    graphing,
    indexing,
    judging,
    prompting,
    recording,
    serving,
)
from residency.arguments import (
    JsonParser,
    error_document,
    for_advise,
    for_catalog,
    for_deidentify,
    for_evaluate,
    for_form,
    for_judge,
    page,
)
from residency.core.errors import RecipeError, ResidencyError, UserError
from residency.core.memory import share_heap
from residency.core.store import dumps

if TYPE_CHECKING:
    from residency.plan import Stage

Answer = tuple[Any, str]
QUIET_PARTS = {
    "OMP_WAIT_POLICY": "passive",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "TOKENIZERS_PARALLELISM": "false",
}


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code of one command."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = make_parser(JsonParser if "--json" in given else argparse.ArgumentParser)
    args, rest = parser.parse_known_args(given)
    if args.name == "lm-eval":
        args.arguments = rest
    elif args.name in ("run", "corpus", "train") and all("=" in one and not one.startswith("-") for one in rest):
        args.items = [*args.items, *rest]  # settings behind a flag
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.command = shlex.join(["residency", *given])
    for name, value in QUIET_PARTS.items():
        os.environ.setdefault(name, value)
    share_heap()
    try:
        document, words = args.verb(args)
        _print(dumps(document, indent=1) if args.json else words)
        return int(document.get("exit_code", 0)) if isinstance(document, dict) else 0
    except KeyboardInterrupt:
        return _stopped(args, "stopped; the same command goes on from here", "Interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output has gone
        return 0
    except ResidencyError as error:
        return _stopped(args, str(error), type(error).__name__, error.exit_code)
    except Exception as error:
        return _stopped(args, _fault(error), type(error).__name__, 1)


def _stopped(args: argparse.Namespace, message: str, kind: str, code: int) -> int:
    if args.trace:
        traceback.print_exc()
    try:
        if args.json:
            _print(error_document(kind, message, code))
            return code
    except OSError:  # a full disk behind standard output: the error is told beside it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"residency {args.name}: {message}", file=sys.stderr, flush=True)
    return code


def _fault(error: Exception) -> str:
    """Return where a fault of ours happened; not its message, which may quote a text that must not be shown."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "residency" in Path(frame.filename).parts] or frames
    where = f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}"
    return f"a fault of ours ({type(error).__name__} in {where}). The same command with --trace shows all of it"


def _print(text: str) -> None:
    if text:
        print(text, flush=True)


# --- the verbs -------------------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> Answer:
    """Walk a recipe; without one, the quickstart."""
    from residency import pipeline
    from residency.summary import summary

    return summary(_walk(args, "quickstart", pipeline.STAGES))


def corpus(args: argparse.Namespace) -> Answer:
    """Make only the corpus of a recipe, and the rows that are made out of it: read, clean, compare, describe."""
    from residency import pipeline
    from residency.summary import corpus_summary

    stages = {name: pipeline.STAGES[name] for name in ("corpus", "make")}
    return corpus_summary(_walk(args, "corpus_demo", stages))


def train(args: argparse.Namespace) -> Answer:
    """Walk a recipe through its training and no further, or say beforehand what that will take."""
    from residency import pipeline
    from residency.estimate import estimate
    from residency.plan import make_plan, needed_by
    from residency.training import train_summary, trains

    stages = needed_by("train", pipeline.STAGES)
    recipe, _ = _recipe(args, "quickstart")
    plan = trains(make_plan(recipe, stages))
    if args.estimate:
        return estimate(recipe, stages)
    return train_summary(_walk(args, "quickstart", stages), plan, shlex.join(args.items))


def _walk(args: argparse.Namespace, default: str, stages: Mapping[str, Stage]) -> Path:
    """Return the run's folder after walking the stages on the recipe that was given, or on the default one."""
    from residency import gate, pipeline
    from residency.doctor import before_run
    from residency.plan import make_plan
    from residency.train.processes import is_main

    recipe, passed = _recipe(args, default)
    plan = make_plan(recipe, stages)
    before_run([step.kind for step in plan])
    if any(step.stage.section == "train" for step in plan):
        gate.before(recipe, [step.kind for step in plan])
    folder = pipeline.walk(recipe, passed, fresh=args.fresh, stages=stages)
    if not is_main():
        sys.exit(0)  # of several processes one tells what came of it
    return folder


def _recipe(args: argparse.Namespace, default: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the recipe that was given, or the default one, checked whole, and what the user passed of it."""
    from residency import pipeline
    from residency.core.recipe import read_text, resolve
    from residency.making import across

    recipes = [item for item in args.items if "=" not in item]
    changes = [item for item in args.items if "=" in item]
    if len(recipes) > 1:
        raise UserError(f"one recipe at a time; found {', '.join(recipes)}. Settings are given as key=value")
    path = find_recipe(recipes[0] if recipes else default)
    text = read_text(path)
    recipe = resolve(text, changes, pipeline.sections(pipeline.STAGES), name=str(path), across=across)
    recipe["name"] = recipe["name"] or path.stem
    return recipe, {"recipe": str(path), "arguments": changes, "text": text}


def find_recipe(name: str) -> Path:
    """Return a recipe's file: a path, or the name of one that comes with Residency. RecipeError names those."""
    here = Path(__file__).resolve().parent
    folders = [folder for folder in (here / "recipes", here.parents[1] / "recipes") if folder.is_dir()]
    known = {path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.yaml"))}
    if Path(name).is_file():
        return Path(name)
    if name in known:
        return known[name]
    raise RecipeError(f"there is no recipe {name}: give a file, or one of {', '.join(sorted(known)) or '(none found)'}")


def runs(args: argparse.Namespace) -> Answer:
    """List the runs, the newest first."""
    from residency.core.progress import duration
    from residency.core.runs import list_runs, runs_root
    from residency.summary import table

    found = list_runs(runs_root())
    if not found:
        return {"runs": []}, f"no runs in {runs_root()} yet; start one with: residency run"
    lines = [
        [row["id"], row["status"], row["stage"] or "", row["began"], duration(row["seconds"] or 0.0)] for row in found
    ]
    stale = [f"{row['id']} is out of date in {', '.join(row['outdated'])}" for row in found if row["outdated"]]
    advice = ["", *stale, "The same command as before makes them again."] if stale else []
    return {"runs": found}, "\n".join([table(["run", "status", "at", "began", "took"], lines), *advice])


def doctor(args: argparse.Namespace) -> Answer:
    """Look at the machine and the installation: what is there, what is missing, how to get it."""
    from residency.doctor import examine

    return examine()


# --- the parser ------------------------------------------------------------------------------------------------------


def make_parser(form: type[argparse.ArgumentParser] = argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return the parser of all verbs; docs/cli.md is made from it."""
    parser = form(prog="residency", description="Medical training of open language models.")
    parser.add_argument("--version", action="version", version=f"residency {__version__}")
    verbs = parser.add_subparsers(dest="name", metavar="VERB", required=True)
    one = _verb(verbs, "run", run, "walk a recipe: train, examine and export a model; goes on where it was stopped")
    one.add_argument("items", nargs="*", metavar="RECIPE|key=value", help="a recipe (default: quickstart) and settings")
    one.add_argument("--fresh", action="store_true", help="start a new run instead of going on with the last")
    text = "read, clean and compare the sources of a recipe, and describe what came of them; trains nothing"
    one = _verb(verbs, "corpus", corpus, text)
    one.add_argument(
        "items", nargs="*", metavar="RECIPE|key=value", help="a recipe (default: corpus_demo) and settings"
    )
    one.add_argument("--fresh", action="store_true", help="start a new run instead of going on with the last")
    text = "walk a recipe through its training stages and what they need, and no further; goes on where a run stands"
    one = _verb(verbs, "train", train, text)
    one.add_argument("items", nargs="*", metavar="RECIPE|key=value", help="a recipe (default: quickstart) and settings")
    one.add_argument("--fresh", action="store_true", help="start a new run instead of going on with the last")
    text = "train nothing: say what it will take here, from the first steps of each stage, and refuse what does not fit"
    one.add_argument("--estimate", action="store_true", help=text)
    text = "find and hide what identifies patients, measure how well, and leave a receipt"
    for_deidentify(_verb(verbs, "deidentify", deidentifying.deidentify, text))
    text = "ask a model one question: freely, by a way of reasoning, or held to evidence and with tools"
    asking.add_arguments(_verb(verbs, "ask", asking.ask, text))
    _knowing(verbs)
    _examining(verbs)
    text = "ask the map of small medical models: systems, data sets, methods and published results, with their evidence"
    for_catalog(_verb(verbs, "catalog", cataloging.catalog, text))
    text = "propose a recipe for what is needed, with reasons that can be looked up, and write it; trains nothing"
    for_advise(_verb(verbs, "advise", advising.advise, text))
    text = "serve models: an OpenAI-compatible API and a web workspace, guarded, with sign-in and a record"
    serving.add_arguments(_verb(verbs, "serve", serving.serve, text))
    text = "list, add and reset the users of a service that is stopped, and make or revoke their API keys"
    admitting.add_arguments(_verb(verbs, "users", admitting.users, text))
    text = "check the record of a service, export a part of it, or show what stands there"
    auditing.add_arguments(_verb(verbs, "log", auditing.log, text))
    _verb(verbs, "runs", runs, "list the runs, the newest first")
    _verb(verbs, "doctor", doctor, "show the machine, versions and weights, and the command that gets what is missing")
    return parser


def _knowing(verbs: Any) -> None:
    """Add the verbs of what a model may stand on, and of the ways to put a question to it."""
    text = "make, change and search an index of passages: guidelines, books, papers, or a patient's own record"
    indexing.add_arguments(_verb(verbs, "index", indexing.index, text))
    text = "make a knowledge graph of ontologies and tables, and ask it"
    graphing.add_arguments(_verb(verbs, "graph", graphing.graph, text))
    text = "list the wordings of tasks, show one, or search for a better one on development items"
    prompting.add_arguments(_verb(verbs, "prompt", prompting.prompt, text))
    text = "let a model consult with a simulated patient, or put a case before a panel of specialties"
    consulting.add_arguments(_verb(verbs, "consult", consulting.consult, text))
    text = "read one patient's long record: its events in order, or a summary whose statements name their notes"
    recording.add_arguments(_verb(verbs, "record", recording.record, text))


def _examining(verbs: Any) -> None:
    """Add the verbs that examine a model."""
    for_evaluate(_verb(verbs, "evaluate", examine.evaluate, "examine models on tasks; goes on where it was stopped"))
    for_judge(
        _verb(verbs, "judge", judging.judge, "measure a model as a judge, or let one with a passport rate answers")
    )
    for_form(
        _verb(verbs, "form", judging.form, "write a blind form for people to judge answers, or add up filled ones")
    )
    text = "fit on development items how far a model's confidence can be believed, for a service to say and abstain by"
    calibrating.add_arguments(_verb(verbs, "calibrate", calibrating.calibrate, text))
    one = _verb(verbs, "reproduce", examine.reproduce, "show published rows beside what is measured here")
    text = "a YAML file of published rows (default: the one that comes with Residency)"
    one.add_argument("file", nargs="?", default="", metavar="FILE", help=text)
    one = _verb(verbs, "lm-eval", examine.lm_eval, "run lm-evaluation-harness with our scorer")
    text = "allow task files that run Python (!function), and code of models and data sets"
    one.add_argument("--allow-code", action="store_true", help=text)
    one.description = f"{one.description} All other arguments are the harness's own: residency lm-eval --tasks medqa."
    text = "list the public data sets (what is here, its licence, its origin), or get some from their publishers"
    one = _verb(verbs, "data", examine.data, text)
    legal = ["list", "get"]
    one.add_argument("what", nargs="?", choices=legal, default="list", metavar="list|get", help="default: list")
    one.add_argument("sets", nargs="*", metavar="NAME", help="the sets to get; only this fetches anything")
    text = "get: accept the licence of this set, where one must be; may be given again"
    one.add_argument("--accept-licence", action="append", metavar="NAME", help=text)


def _verb(verbs: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--trace", action="store_true", help="show the whole trace of an error")
    parser.set_defaults(verb=function)
    return parser


def docs() -> str:
    """Return docs/cli.md, made from the parser: ``python -m residency.cli --docs > docs/cli.md``."""
    return page(make_parser())


if __name__ == "__main__":
    if sys.argv[1:] == ["--docs"]:
        print(docs(), end="")
        sys.exit(0)
    sys.exit(main())
