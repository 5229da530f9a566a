"""What does not go together, or cannot be had: each with the nearest that is possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from residency.advise.case import Case
from residency.advise.data import where
from residency.advise.evidence import figure
from residency.advise.examine import parts_of
from residency.advise.form import Form
from residency.advise.needs import span
from residency.advise.reason import Point, Reason, code
from residency.advise.tasks import LIKE

Rule = Callable[[Case, Form], Reason | None]
TAKES = {
    "encoder, tag": ("one_page_tags", "encoder_s"),
    "encoder, classify": ("one_page_classes", "encoder_s"),
    "generator": ("one_page_tags", "generator_s"),
    "prompting": ("one_page_tags", "prompted_s"),
}
"""What a form takes for a text, by which figure and number of it."""


def no_labels(case: Case, form: Form) -> Reason | None:
    """Without labels of one's own nothing learns one's own task: a public set stands in."""
    own = any(one.count for one in case.own)
    if own or case.taught is None or case.needs.labelled or case.taught.name in case.needs.data:
        return None
    said = "no labels are there" if case.needs.labelled == 0 else "no labels of yours are named"
    learn, watch, test = parts_of(200)
    text = (
        f"{said}, so the recipe learns {LIKE.get(case.taught.name, case.taught.name)} ({case.taught.name}). It shows "
        "what the line comes to, and is no model of your task. The nearest that is: label 200 items "
        f"({learn} to learn, {watch} to watch, {test} to examine) and give them as a task"
    )
    return Reason(text, (code(case.taught.name, "residency data"), figure("encoder_tags").point))


def labels_elsewhere(case: Case, form: Form) -> Reason | None:
    """Labels that are only counted cannot be learned: they must be declared."""
    if not case.needs.labelled or any(one.count for one in case.own):
        return None
    stands = f"{case.taught.name} stands in for them" if case.taught else "nothing stands in for them"
    text = f"you say that {case.needs.labelled:,} items are labelled, and --data names no task with them: {stands}. "
    text += "Declare them (see the task file below) and give the same command with --data NAME.yaml"
    return Reason(text, (code("task", "README.md, Examine any model"),))


def other_count(case: Case, form: Form) -> Reason | None:
    """What is said of the labels, and what the files hold."""
    counted = sum((one.count or 0) + one.dev + one.test for one in case.own)
    if not case.needs.labelled or not counted or counted == case.needs.labelled:
        return None
    text = f"you say that {case.needs.labelled:,} items are labelled; the task's files hold {counted:,}, which counts"
    return Reason(text, tuple(Point("file", one.name) for one in case.own))


def latency(case: Case, form: Form) -> Reason | None:
    """A text in less time than was measured: the nearest form that was faster."""
    wanted = case.needs.latency
    name, number = TAKES.get(f"{form.name}, {case.reads}" if case.reads else form.name, TAKES.get(form.name, ("", "")))
    if wanted is None or not name or wanted >= figure(name).numbers[number]:
        return None
    took = figure(name).numbers[number]
    what = {"encoder": "an encoder", "generator": "a tuned generator"}.get(form.name, "a prompted generator")
    text = f"{span(wanted)} a text are asked for, and {what} took {span(took)} where it was measured. "
    if form.name == "encoder" and case.reads == "tag":
        text += f"The nearest: the linear CRF alone, {span(figure(name).numbers['crf_s'])} a text, which every run of "
        text += "this recipe trains beside the model and examines on the same items"
    elif case.needs.accelerator == 0:
        text += "The nearest: that time, or an accelerator (what it takes there was not measured)"
    else:
        text += "The nearest: that time; what it takes on your accelerator was not measured"
    return Reason(text, (figure(name).point,))


def language(case: Case, form: Form) -> Reason | None:
    """The packaged bases learned English."""
    if case.needs.language == "en" or case.needs.base:
        return None
    text = f"no packaged base has learned {case.needs.language}; the recipe takes the English one: expect less of it. "
    points = (code("base", "docs/settings.md#base"),)
    if form.name == "encoder" and case.reads == "tag":
        found = figure("spanish_crf")
        return Reason(f"{text}The CRF beside it needs no base: {found.says}", (*points, found.point))
    return Reason(f"{text}The nearest: a base of yours that has (--base PATH)", points)


def other_language(case: Case, form: Form) -> Reason | None:
    """A task in another language than the one that is named."""
    other = [one for one in case.given if one.kind in ("task", "set") and one.language not in ("", case.needs.language)]
    if not other:
        return None
    told = ", ".join(f"{one.name} is in {one.language}" for one in other)
    text = f"--language {case.needs.language}, and {told}: its own language counts when it is asked"
    return Reason(text, tuple(where(one) for one in other))


def long_answers(case: Case, form: Form) -> Reason | None:
    """Rows shorter than the examples leave the longer ones out."""
    least = 1e9 * figure("generator_tags").numbers["memory_gb"]
    if form.name != "generator" or case.learns_on_gpu or case.memory > least:
        return None
    text = "in so little memory rows hold 256 tokens, and an example that is longer is left out and counted; "
    text += "beside training, what a run takes with so little was not measured. The nearest that holds longer ones: "
    text += f"--memory {least / 1e9:.1f}GB (rows of 1,024)"
    return Reason(text, (figure("generator_tags").point, code("schedule", "docs/settings.md#schedule")))


def gpu_for_reading(case: Case, form: Form) -> Reason | None:
    """What an encoder gains on a GPU was not measured."""
    if form.name != "encoder" or not case.learns_on_gpu:
        return None
    found = figure("encoder_tags")
    minutes = found.numbers["train_s"] / 60
    text = f"the accelerator is not needed: an encoder of 23M learns in {minutes:.0f} minutes on two cores. "
    text += "It is used where it is there; what it saves was not measured"
    return Reason(text, (found.point,))


def cloud(case: Case, form: Form) -> Reason | None:
    """Nothing is sent anywhere, even where it may be."""
    if case.needs.privacy != "cloud":
        return None
    text = "the recipe sends nothing away, though it may. To weigh a hosted model beside it, on texts that may leave: "
    text += f"residency evaluate runs/latest 'http://HOST/v1#NAME@3' --tasks {','.join(case.examined) or 'TASK'}"
    return Reason(text, (code("evaluate", "docs/cli.md"),))


def majority(case: Case, form: Form) -> Reason | None:
    """What no model of this size learned more of than the commonest answer."""
    if case.taught is None or case.taught.task != "pubmedqa":
        return None
    found = figure("one_page_classes")
    text = f"so few questions teach so small a model the form alone: {found.says}. "
    text += "The nearest that would be more: a larger base (below), or more questions of your own"
    return Reason(text, (found.point,))


def unexamined(case: Case, form: Form) -> Reason | None:
    """Dialogues that are learned, with nothing that examines what came of it."""
    if case.examined:
        return None
    text = "nothing but its loss tells what is learned. The nearest: a task of your own with items (--data NAME.yaml)"
    return Reason(text, (code("task", "README.md, Examine any model"),))


RULES: tuple[Rule, ...] = (
    no_labels, labels_elsewhere, other_count, unexamined, majority, latency, language, other_language, long_answers,
    gpu_for_reading, cloud,
)  # fmt: skip


def conflicts_of(case: Case, form: Form) -> Iterator[Reason]:
    """Yield what does not go together, with the nearest that is possible."""
    yield from (found for rule in RULES if (found := rule(case, form)))
