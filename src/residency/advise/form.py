"""Encoder, generator or prompting: the first rule that applies decides, and says by what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from residency.advise.case import Case
from residency.advise.evidence import figure
from residency.advise.reason import Reason, code, first, sentences
from residency.core.errors import UserError

WRITTEN = ("sum", "dialogue", "generation")
SETTINGS = "docs/settings.md"


@dataclass(frozen=True, slots=True)
class Form:
    """What the model is: "encoder", "generator" or "prompting" (a generator that is asked and not trained)."""

    name: str
    reason: Reason


Rule = Callable[[Case], Form | None]


def given_base(case: Case) -> Form | None:
    """A base that is named decides: one that only reads is tuned as an encoder."""
    from residency.models.load import base_is_encoder

    if not case.needs.base:
        return None
    encoder = base_is_encoder(case.needs.base)
    if encoder is None:
        raise UserError(
            f"--base {case.needs.base}: nothing of it lies here, so nothing can be said of what it needs. The nearest: "
            "a folder that holds it, or --base smollm2-135m or minilm"
        )
    if encoder and not case.reads:
        raise UserError(
            f"--base {case.needs.base} is an encoder, which writes nothing; --task {case.needs.task} is written (or "
            "an encoder has nothing to learn it from). The nearest: --base smollm2-135m, or a task such as ner or cls"
        )
    text = f"the base that you name, {case.needs.base}, {'only reads' if encoder else 'writes'}"
    name = "encoder" if encoder else "generator" if _learns(case) else "prompting"
    return Form(name, Reason(text, (code("base", f"{SETTINGS}#base"),)))


def nothing_to_learn(case: Case) -> Form | None:
    """With nothing to learn from, a base can only be asked: prompted with none and with three solved items."""
    if _learns(case):
        return None
    found = figure("one_page_tags")
    text = (
        f"there is nothing to learn {case.needs.task} in {case.needs.language} from here, so a base is only asked. "
        f"Expect little: {found.says}"
    )
    return Form("prompting", Reason(text, (found.point,)))


def written(case: Case) -> Form | None:
    """What has to be written needs a generator."""
    if case.needs.task not in WRITTEN:
        return None
    found = figure("consumer_answers" if case.needs.stakeholder == "patient" else "notes_written")
    text = f"{case.needs.task} is written, and an encoder writes nothing. Measured: {found.says}"
    return Form("generator", Reason(text, (found.point,)))


def answered(case: Case) -> Form | None:
    """What is answered, or labelled in a way that no encoder learns here, is left to a generator."""
    if case.reads:
        return None
    kind = case.taught.does if case.taught else "text"
    text = f"items of kind {kind} are learned by a generator; an encoder learns to mark phrases, and to choose one of "
    text += "the same few classes or relations"
    return Form("generator", Reason(text, (code("train.encode.task", f"{SETTINGS}#trainencode"),)))


def marked(case: Case) -> Form | None:
    """Phrases of a text are marked by an encoder: as measured it finds more than a generator, in less time."""
    if case.reads not in ("tag", "relation"):
        return None
    page, tuned = figure("one_page_tags"), figure("encoder_tags")
    return Form("encoder", Reason(sentences(page.says, tuned.says), (page.point, tuned.point)))


def sorted_out(case: Case) -> Form | None:
    """Texts are put into classes by an encoder: as good as a generator where that was measured, and far quicker."""
    if case.reads != "classify":
        return None
    page, trials = figure("one_page_classes"), figure("classes_of_trials")
    return Form("encoder", Reason(sentences(page.says, trials.says), (page.point, trials.point)))


RULES: tuple[Rule, ...] = (given_base, nothing_to_learn, written, answered, marked, sorted_out)


def form_of(case: Case) -> Form:
    """Return encoder, generator or prompting, with the reason."""
    found: Form = first(rule(case) for rule in RULES)
    return found


def _learns(case: Case) -> bool:
    """Return whether there is anything to learn the task from."""
    return case.taught is not None or bool(case.dialogues)
