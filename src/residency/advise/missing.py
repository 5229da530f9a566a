"""What would bear on this need and is no stage today, with the catalog's methods; and what nobody here knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from residency.advise.case import Case
from residency.advise.evidence import figure, of_kind, placed, rows
from residency.advise.form import Form
from residency.advise.reason import Reason, code

Rule = Callable[[Case, Form], Reason | None]
LIMITS = code("limits", "README.md, Limits")
FEW_LABELS = 500


def _named(case: Case, text: str, *kinds: str) -> Reason:
    """Return a reason that rests on the catalog's methods of some kinds, and on what the README says is not there."""
    found = [one for kind in kinds for one in of_kind(case.catalog, kind, case.needs.task)[:2]]
    told = f" (the catalog: {', '.join(one.name for one in found)})" if found else ""
    return Reason(text + told, (LIMITS, *rows(found, "kind")))


def distillation(case: Case, form: Form) -> Reason | None:
    """Few labels, and a large model that could give more."""
    labels = case.taught.count if case.taught and case.taught.own else 0
    if form.name != "encoder" or labels >= FEW_LABELS:
        return None
    return _named(
        case, "distillation: a large model labels your texts and a small one learns them; later", "distillation"
    )


def retrieval(case: Case, form: Form) -> Reason | None:
    """Answers that should rest on documents."""
    if case.needs.task not in ("qa", "dialogue", "generation") or form.name == "encoder":
        return None
    text = "retrieval: a small model knows little. No stage trains it, and none is needed: residency index build, then "
    return _named(case, f"{text}residency ask --sources, or evaluate --sources to see what it is worth", "retrieval")


def reasoning(case: Case, form: Form) -> Reason | None:
    """Questions that need steps."""
    if case.needs.task not in ("qa", "dialogue"):
        return None
    text = "training on chains of thought, and of agents: later. To ask by them: --method cot or vote, ask --mode agent"
    return _named(case, text, "reasoning", "agents")


def pruning(case: Case, form: Form) -> Reason | None:
    """A larger model in little memory."""
    if form.name == "encoder" or case.memory > 8e9 or case.learns_on_gpu:
        return None
    return _named(case, "pruning, and files of fewer than 8 bits, for a larger model in this memory: later", "pruning")


def service(case: Case, form: Form) -> Reason | None:
    """Something that answers other programs within a time."""
    if case.needs.latency is None:
        return None
    written = "a GGUF runs in llama.cpp's own server"
    how = written if form.name == "generator" else "residency evaluate runs it over a file"
    return Reason(f"a service with a latency of its own: later. Today {how}", (LIMITS,))


def multilingual(case: Case, form: Form) -> Reason | None:
    """A base for the language."""
    if case.needs.language == "en":
        return None
    known = placed(case.catalog, "models", language=case.needs.language)[:4]
    told = f" (generators of the catalog that know it: {', '.join(one.name for one in known)})" if known else ""
    text = f"a packaged base for {case.needs.language}, and a vocabulary of its own: none today{told}"
    return Reason(text, (code("base", "docs/settings.md#base"), *rows(known, "languages")))


RULES: tuple[Rule, ...] = (distillation, retrieval, reasoning, pruning, service, multilingual)


def missing_of(case: Case, form: Form) -> Iterator[Reason]:
    """Yield what is no stage today and would bear on the need."""
    yield from (found for rule in RULES if (found := rule(case, form)))


# --- what nobody here knows -------------------------------------------------------------------------------------------


def other_machine(case: Case, form: Form) -> Reason | None:
    """Times are those of the machine that they were measured on."""
    found = figure("encoder_tags" if form.name == "encoder" else "notes_written")
    text = f"how long it takes here: the times above are of {found.machine}. --measure looks, without training"
    return Reason(text, (found.point, code("--measure", "docs/cli.md")))


def single_text(case: Case, form: Form) -> Reason | None:
    """Seconds an item are those of many items together."""
    if case.needs.latency is None:
        return None
    found = figure("one_page_tags")
    text = "what one text alone takes: seconds a text were measured on many together. --measure times one, by the base"
    return Reason(text, (found.point, code("--measure", "docs/cli.md")))


def other_texts(case: Case, form: Form) -> Reason | None:
    """What is learned from one kind of text is not known to hold on another."""
    if case.taught is None or case.taught.own:
        return None
    text = f"how {case.taught.name} carries over to your notes: nothing of yours was examined"
    return Reason(text, (code(case.taught.name, "residency data"),))


def one_seed(case: Case, form: Form) -> Reason | None:
    """An interval covers the items, and not the seed."""
    if form.name == "prompting":
        return None
    text = "what another seed would give: intervals cover the items alone; run it with seed=0, 1 and 2"
    return Reason(text, (LIMITS,))


def few_to_learn(case: Case, form: Form) -> Reason | None:
    """Fewer items than were measured."""
    taught, least = case.taught, 450
    if taught is None or not taught.own or not taught.count or taught.count >= least:
        return None
    found = figure("encoder_tags" if case.reads == "tag" else "one_page_classes")
    text = f"what {taught.count:,} items teach: with fewer than {least} nothing was measured here"
    return Reason(text, (found.point,))


UNKNOWN: tuple[Rule, ...] = (other_machine, single_text, other_texts, few_to_learn, one_seed)


def unknown_of(case: Case, form: Form) -> Iterator[Reason]:
    """Yield what is not known of the proposal."""
    yield from (found for rule in UNKNOWN if (found := rule(case, form)))
