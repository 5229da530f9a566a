"""The verb that advises: what to train for a need, as a recipe that `residency run` takes, each part with its reason.

The rules are those of ``advise/``; here the recipe is held against the real stages, written, and, where that is asked
for, measured on this machine.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import GateError, UserError

if TYPE_CHECKING:
    from residency.advise.advice import Advice

Answer = tuple[Any, str]
OUT = "advised.yaml"


def advise(args: argparse.Namespace) -> Answer:
    """Propose a recipe for what is needed, write it, and say why; it trains nothing."""
    from residency.advise import advice
    from residency.advise.case import case_of
    from residency.catalog.entries import load

    case = case_of(vars(args), load())
    out = Path(args.out or OUT)
    _is_free(out)
    made = advice.advise(case, args.command)
    recipe, waits = check(made.text, out)
    _write(out, made.text)
    found = {**advice.document(made), "out": str(out), "runs": not waits, "waits_for": waits}
    words = [advice.in_words(made)]
    if args.measure:
        found["measured_here"], told = _measured(recipe, made)
        words.append(told)
    words.append(_ends(out, waits, trains=bool(made.stages)))
    return found, "\n\n".join(words)


def check(text: str, out: Path) -> tuple[dict[str, Any], list[str]]:
    """Return a recipe as `residency run` resolves it, and what keeps it from being run now, if anything does.

    Raises RecipeError where it is no recipe.
    """
    from residency import gate, pipeline
    from residency.core.recipe import resolve
    from residency.doctor import before_run
    from residency.making import across
    from residency.plan import make_plan

    recipe = resolve(text, [], pipeline.sections(), name=str(out), across=across)
    recipe["name"] = recipe["name"] or out.stem
    kinds = [step.kind for step in make_plan(recipe, pipeline.STAGES)]
    waits = []
    try:
        gate.before(recipe, kinds)
    except GateError as error:
        waits.append(str(error))
    try:
        before_run(kinds)
    except UserError as error:
        waits.append(str(error))
    return recipe, waits


def _is_free(out: Path) -> None:
    """Raise UserError where a file of another origin would be written over."""
    from residency.advise.recipe import HEAD

    if out.exists() and not (out.is_file() and out.read_text(encoding="utf-8", errors="replace").startswith(HEAD)):
        raise UserError(f"{out} is there, and residency advise did not make it; name another file with --out")


def _write(out: Path, text: str) -> None:
    from residency.core.store import atomic_path

    with atomic_path(out) as building:
        building.write_text(text, encoding="utf-8")


def _ends(out: Path, waits: list[str], *, trains: bool) -> str:
    """Return what to do next."""
    name = shlex.quote(str(out))
    if waits:
        return "\n".join([f"The recipe is in {out}. `residency run {name}` waits for:", *waits])
    foretold = [f"residency train {name} --estimate"] if trains else []
    return "\n".join([f"The recipe is in {out}. Next:", f"residency run {name}", *foretold])


# --- on this machine --------------------------------------------------------------------------------------------------


REPEATS, WRITTEN = 5, 32
"""How often one text is timed, and how many tokens of an answer."""
BEFORE = ("base", "corpus", "make", "examples", "gather")
"""The stages before training: they are walked, in a folder that goes, since a probe needs what is learned."""


def _measured(recipe: Mapping[str, Any], made: Advice) -> tuple[dict[str, Any], str]:
    """Return what the recipe will take on this machine, and what one text takes, as (a document, words)."""
    found, words = _foretold(recipe) if made.stages else ({}, "nothing is trained, so nothing is foretold")
    seconds = one_text(made.base.name, writes=made.form.name != "encoder")
    what = f"{WRITTEN} tokens of an answer" if made.form.name != "encoder" else "one text of 200 words"
    told = f"Measured on this machine:\n{words}\n{what}, alone: {1000 * seconds:.0f} ms (median of {REPEATS}, the base)"
    wanted = made.case.needs.latency
    if wanted is not None:
        told += f"; {1000 * wanted:.0f} ms are asked for" + ("" if seconds <= wanted else ": MORE than is asked for")
    return {"training": found, "one_text": {"of": what, "seconds": round(seconds, 4)}}, told


def _foretold(recipe: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the estimate of a recipe's training, blending apart: a CRF is no stage of the loop."""
    from tempfile import TemporaryDirectory

    from residency import pipeline
    from residency.core.progress import quietly
    from residency.estimate import estimate
    from residency.plan import needed_by

    probed = {**recipe, "train": [stage for stage in recipe["train"] if "blend" not in stage], "compress": []}
    before = {name: stage for name, stage in pipeline.STAGES.items() if name in BEFORE}
    with TemporaryDirectory(prefix="residency-") as folder:
        try:
            with quietly():
                pipeline.walk(probed, {}, root=Path(folder), stages=before)
            return estimate(probed, needed_by("train", pipeline.STAGES), root=Path(folder))
        except UserError as error:
            return {"refused": str(error)}, str(error)


def one_text(base: str, *, writes: bool) -> float:
    """Return the seconds that a base takes for one text alone: to read it, or to write the start of an answer to it."""
    import time
    from statistics import median

    from residency.corpus.general import general_text
    from residency.models.load import load

    words = " ".join(passage.meta["text"] for passage in general_text()).split()
    text, model, took = " ".join(words[:200]), load(base), []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        if writes:
            model.generate([[{"role": "user", "content": text}]], max_tokens=WRITTEN)
        else:
            model.embed([text])
        took.append(time.perf_counter() - began)
    return median(took[1:])  # the first one plans kernels
