"""The paradigm: which training stages, with which settings, and why each is in or left out.

Only stages that exist are proposed. Settings are those of a recipe that was measured, but for the length of rows, which
memory decides, and the number of epochs, where an epoch of what is learned has few steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from residency.advise.case import Case
from residency.advise.evidence import figure, firmly, placed, rows, stands_here
from residency.advise.form import SETTINGS, Form
from residency.advise.needs import span
from residency.advise.reason import Reason, code, counted
from residency.advise.room import Rows, tokens_of
from residency.core.progress import duration

EPOCHS, MOST_EPOCHS, STEPS = 5, 20, 100
"""Epochs of the measured recipe; where these make fewer steps than ``STEPS``, more of them, up to ``MOST_EPOCHS``."""
HOUR_OF_TOKENS = 400_000
"""Tokens that a generator of 135M learns in about a quarter of an hour on two cores: the packaged recipes' own cap."""
WORTH_READING = 30_000
"""Tokens of running text from which continued pretraining is proposed: what the quickstart reads."""
TOKENS_A_DOCUMENT = 300
LIKE = {
    "pubmedqa": {"learning_rate": 5e-4, "epochs": 4},
    "mts_dialog": {"learning_rate": 1e-3, "epochs": 3},
    "medquad": {"learning_rate": 1e-3, "epochs": 1, "evaluate": 70},
}
"""The settings of the packaged recipes of these names."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A training stage: its name in a recipe, its settings, the paradigm of the catalog's axis, and the reason."""

    name: str
    settings: dict[str, Any]
    paradigm: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stage that is not proposed, and the reason."""

    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rules for stages look at: the case, the form, the rows that fit."""

    case: Case
    form: Form
    rows: Rows
    schedule: dict[str, Any] = field(default_factory=dict)


Rule = Callable[[Plan], Stage | LeftOut | None]


# --- encoders ---------------------------------------------------------------------------------------------------------


def encode(plan: Plan) -> Stage | None:
    """An encoder learns the labels of one task: tags of words, classes of texts, or relations."""
    taught = plan.case.taught
    if plan.form.name != "encoder" or taught is None:
        return None
    reads = plan.case.reads
    settings = {"task": reads, "examples_of": taught.task, "freeze_embeddings": True, "schedule": _encoding(plan)}
    like = {"tag": "ncbi_disease_encoder", "classify": "pubmedqa_encoder"}.get(reads, "")
    text = (
        f"settings of the recipe {like}" if like else "settings of the tagger's recipe (none of relations was measured)"
    )
    points = (code("train.encode", f"recipes/{like or 'ncbi_disease_encoder'}.yaml"), plan.rows.point)
    return Stage("encode", settings, "finetuning", Reason(f"{text}, {_epochs_told(plan)}", points))


def _encoding(plan: Plan) -> dict[str, Any]:
    steps = _steps(plan)
    rate = 4e-4 if plan.case.reads == "tag" else 2e-4
    rows = {"batch_tokens": plan.rows.batch_tokens, "accumulate": plan.rows.accumulate}
    return {"learning_rate": rate, **rows, "epochs": epochs(steps), "evaluate": max(5, steps or 90)}


def _steps(plan: Plan) -> int:
    """Return about how many steps an epoch has; 0 where that is not known."""
    return math.ceil(tokens_of(plan.case) / plan.rows.step)


def epochs(steps: int) -> int:
    """Return how often all is learned: as in the measured recipe, and more often where an epoch has few steps."""
    return min(MOST_EPOCHS, max(EPOCHS, math.ceil(STEPS / steps))) if steps else EPOCHS


def _epochs_told(plan: Plan) -> str:
    steps = _steps(plan)
    if not steps:
        return f"{EPOCHS} epochs"
    return f"{epochs(steps)} epochs of about {steps} steps, the best of which held-out items choose"


def blend(plan: Plan) -> Stage | LeftOut | None:
    """A linear CRF beside a tagger, where there is time for it."""
    taught = plan.case.taught
    if plan.form.name != "encoder" or taught is None or plan.case.reads != "tag":
        return None
    page, latency = figure("one_page_tags"), plan.case.needs.latency
    if latency is not None and latency < page.numbers["blend_s"]:
        text = f"with it a text takes {span(page.numbers['blend_s'])}, and {span(latency)} are asked for"
        return LeftOut("blend", Reason(text, (page.point,)))
    found = figure("encoder_tags")
    gain = 100 * (found.numbers["blend"] - found.numbers["encoder"])
    text = f"a CRF beside the encoder brought {gain:.1f} points for seconds of training"
    return Stage("blend", {"examples_of": taught.task}, "finetuning", Reason(text, (found.point, page.point)))


def hidden_words(plan: Plan) -> LeftOut | None:
    """Reading a hospital's texts before labels are learned: possible, and not proposed unmeasured."""
    count = plan.case.documents or plan.case.needs.unlabelled
    if plan.form.name != "encoder" or not count:
        return None
    text = f"an encoder can read your {count:,} texts first (encode: {{task: mlm}}); what that brings was not measured"
    return LeftOut("encode (mlm)", Reason(text, (code("train.encode.task", f"{SETTINGS}#trainencode"),)))


# --- generators -------------------------------------------------------------------------------------------------------


def pretrain(plan: Plan) -> Stage | LeftOut | None:
    """A generator reads texts on, where there are enough of them that may train."""
    case = plan.case
    if plan.form.name != "generator":
        return None
    tokens = case.documents * TOKENS_A_DOCUMENT
    where = stands_here(case.catalog, "methods", "pretrain")
    points = (code("train.pretrain", f"{SETTINGS}#trainpretrain"), *rows(where[:2]))
    if tokens < WORTH_READING:
        given = f"{case.documents:,} texts are few" if case.documents else "none is given"
        words = "no text of yours may train yet" if case.unproven else given
        text = f"continued pretraining wants running text, some {WORTH_READING:,} tokens at least, and {words}"
        return LeftOut("pretrain", Reason(text, points))
    cap = tokens if case.learns_on_gpu else min(tokens, HOUR_OF_TOKENS // 2)
    text = f"{case.documents:,} texts that may train are read first, up to {cap:,} tokens; what that alone brings was "
    text += "not measured, so run it without as well: train.pretrain=false"
    settings = {"tokens": cap, "schedule": _rows(plan)}
    return Stage("pretrain", settings, "continued_pretraining", Reason(text, points))


def instruct(plan: Plan) -> Stage | None:
    """A generator learns to write the answers."""
    case = plan.case
    if plan.form.name != "generator":
        return None
    like = LIKE.get(case.taught.task, {}) if case.taught else {}
    usual = {"epochs": 3, "evaluate": max(10, _steps(plan)) if tokens_of(case) else 70}
    schedule = {"learning_rate": 1e-3, **_rows(plan), **usual, **like}
    cap = HOUR_OF_TOKENS if case.taught and case.taught.task == "medquad" and not case.learns_on_gpu else 0
    keep = {"keep": "answers"} if case.taught and case.taught.does == "extract" else {}
    found = figure("consumer_answers" if case.needs.stakeholder == "patient" else "notes_written")
    named = f"recipes/{_recipe_like(case)}.yaml"
    where = stands_here(case.catalog, "methods", "instruct", "lora")
    points = (found.point, code("train.instruct", named), *rows(where[:2]))
    text = f"instruction tuning with LoRA, as {named} has it"
    return Stage("instruct", {"tokens": cap, **keep, "schedule": schedule}, "instruction_tuning", Reason(text, points))


def _recipe_like(case: Case) -> str:
    known = {"medquad": "medquad_instruct", "pubmedqa": "pubmedqa", "ncbi_disease": "ncbi_disease"}
    return known.get(case.taught.task if case.taught else "", "mts_dialog")


def _rows(plan: Plan) -> dict[str, Any]:
    return {"batch_tokens": plan.rows.batch_tokens, "accumulate": plan.rows.accumulate}


def prefer(plan: Plan) -> Stage | LeftOut | None:
    """Alignment, where there are more judged pairs than those that moved nothing."""
    if plan.form.name != "generator":
        return None
    found, pairs = figure("alignment"), plan.case.pairs
    points = (found.point, *rows(stands_here(plan.case.catalog, "methods", "prefer")[:2]))
    least = round(found.numbers["pairs"])
    if pairs <= least:
        text = f"{f'{pairs} pairs are' if pairs else 'no judged pairs are'} given, and {found.says}"
        return LeftOut("prefer", Reason(text, points))
    text = f"{pairs:,} judged pairs are given; whether so many suffice is not known: {found.says}"
    settings = {"tokens": 120_000, "schedule": {"learning_rate": 5e-5, **_rows(plan)}}
    return Stage("prefer", settings, "alignment", Reason(text, points))


def made_rows(plan: Plan) -> LeftOut | None:
    """Rows that a model writes out of texts: possible, and of little use with the packaged one."""
    case = plan.case
    if any(one.count for one in case.own) or not (case.documents or case.needs.unlabelled):
        return None
    found = figure("made_rows")
    text = f"rows could be made out of your texts by a model, and the packaged one is too small for it: {found.says}"
    return LeftOut("make", Reason(text, (found.point, code("make", f"{SETTINGS}#make"))))


def prompted(plan: Plan) -> LeftOut | None:
    """Nothing is trained where there is nothing to learn."""
    if plan.form.name != "prompting":
        return None
    return LeftOut("training", plan.form.reason)


RULES: tuple[Rule, ...] = (encode, blend, hidden_words, pretrain, instruct, prefer, made_rows, prompted)


def stages_of(plan: Plan) -> tuple[tuple[Stage, ...], tuple[LeftOut, ...]]:
    """Return the training stages in the order of the recipe, and those that are left out."""
    found = [one for rule in RULES if (one := rule(plan)) is not None]
    return tuple(s for s in found if isinstance(s, Stage)), tuple(s for s in found if isinstance(s, LeftOut))


def time_of(plan: Plan) -> Reason:
    """Return about how long training takes at the pace that was measured, on the machine that it was measured on."""
    case = plan.case
    found = figure("on_a_gpu" if case.learns_on_gpu and plan.form.name == "generator" else _PACE[plan.form.name])
    pace = found.numbers.get("tokens_s", found.numbers.get("short_s", 0.0))
    learned = sum(_learned(plan, stage) for stage in stages_of(plan)[0])
    if not learned:
        return Reason(f"how long training takes is not known: {found.says}", (found.point,))
    text = f"about {duration(learned / pace)} of training: {learned:,.0f} tokens at {pace:,.0f} a second, the pace of "
    return Reason(text + found.machine, (found.point,))


_PACE = {"encoder": "encoder_tags", "generator": "consumer_answers", "prompting": "consumer_answers"}


def _learned(plan: Plan, stage: Stage) -> float:
    """Return about how many tokens a stage learns from, all epochs together; 0 where that is not known."""
    most, again = stage.settings.get("tokens") or 0, stage.settings.get("schedule", {}).get("epochs", 1)
    there = tokens_of(plan.case) if stage.name in ("encode", "instruct") else 0
    return min(most, there or most) * again if most else there * again


def precedents(case: Case, form: Form) -> Reason | None:
    """Return how the catalog's systems of this task were made, those of the stakeholder and the stage of care first."""
    needs = case.needs
    near = ({"task": needs.task, "stakeholder": needs.stakeholder, "care": needs.care}, {"task": needs.task})
    for wishes in near:
        found = placed(case.catalog, "models", **wishes)
        made = [one for one in found if firmly(one, "paradigm")][:4]
        if made:
            break
    else:
        return None
    told = "; ".join(f"{one.name} by {', '.join(firmly(one, 'paradigm')).replace('_', ' ')}" for one in made)
    where = " × ".join(value for value in wishes.values() if value)
    text = f"the catalog firmly places {counted(len(found), 'system')} at {where}; how some were made: {told}"
    return Reason(text, rows(made, "paradigm"))
