"""What is checked in a reply: each check marks places, or takes them away, and may make the reply more urgent.

A check is ``check(wanted, case, reply, solved) -> reply``: it adds to the marks and facts of what was solved, and
returns the reply as it may stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from residency.core.types import Span
from residency.corpus.make.measures import numbers
from residency.corpus.make.support import TURNED
from residency.infer.answer.figures import misplaced
from residency.infer.answer.parts import UNSUPPORTED
from residency.infer.answer.sentences import spans, stretches
from residency.infer.answer.support import Support, all_supported
from residency.serve.apps.application import Check
from residency.serve.apps.case import Case
from residency.serve.apps.codes import added, coded
from residency.serve.apps.denial import turned
from residency.serve.apps.explained import AMOUNTS, doses_kept, explains
from residency.serve.apps.headings import headings
from residency.serve.apps.left_out import taken_up
from residency.serve.apps.outcome import Mark, Solved, most_urgent
from residency.serve.apps.places import mapped, texts_at, without
from residency.serve.apps.reading import level
from residency.serve.apps.short_forms import expanded
from residency.serve.apps.words import words

Reply = dict[str, Any]
Run = Callable[[Check, Case, Reply, Solved], Reply]
MOST_PLACES = 200
"""Places with numbers that those of a reply are compared with."""
NO_SOURCE = ("given#question", "given#options")
"""What was asked is no source of its answer."""


def checked(case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return a reply after all checks of its application, in the order of its file."""
    for wanted in case.application.checks:
        reply = CHECKS[wanted.name](wanted, case, reply, solved)
    return reply


def support(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply with each sentence that what was given does not say marked, or without it."""
    sources = [one for one in case.sources if one.id not in NO_SOURCE]
    found = [(place, text, a, b) for place, text in _texts(wanted, reply) for a, b in spans(text)]
    if not found:
        return reply
    if not sources:
        first = found[0][0]
        solved.marks.append(Mark(first, "no_source", words("no_source", case.language)))
        return reply
    said = all_supported([text[a:b] for _, text, a, b in found], sources, Support(unsupported="mark"))
    whole = "\n\n".join(one.text for one in sources)
    fails = {}
    for (place, text, a, b), one in zip(found, said, strict=True):
        if one.support == UNSUPPORTED or turned(text[a:b], whole):
            fails[place, a, b] = one.reason or (TURNED if one.support != UNSUPPORTED else "")
    solved.facts["support"] = {"sentences": len(found), "supported": len(found) - len(fails)}
    return _marked(reply, fails, "unsupported", wanted, case, solved)


def doses(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply with each sentence whose amounts do not stand in what was given marked, or without it.

    Where no check of support looks at them too, a number must stand there for the same thing.
    """
    given = set[tuple[str, str]]().union(*(numbers(one.text, spelt=True) for one in case.sources))
    alone = all(one.name != "support" for one in case.application.checks)
    places = [part for one in case.sources for part in stretches(one) if numbers(part.text)][:MOST_PLACES]
    fails = {}
    for place, text in _texts(wanted, reply):
        for a, b in spans(text):
            found = numbers(text[a:b])
            if any(unit in AMOUNTS and (value, unit) not in given for value, unit in found):
                fails[place, a, b] = ""
            elif alone and any(unit for _, unit in found) and (why := misplaced(text[a:b], places)):
                fails[place, a, b] = why
    return _marked(reply, fails, "dose_absent", wanted, case, solved)


def codes(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply with its codes as the installed ICD-10-CM has them, and those that the note names by itself."""
    name = wanted.at[0].partition("[]")[0]
    reply = _rows(wanted, case, reply, solved, coded)
    more, marks = added(reply[name], name, _note(case), case.language)
    solved.marks += marks
    return {**reply, name: [*reply[name], *more]}


def abbreviations(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply without abbreviations that the note does not hold, the meanings of others held to the list."""
    return _rows(wanted, case, reply, solved, expanded)


def reading(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply as it is; how hard it is to read becomes a fact, and a mark where it is harder than wanted."""
    for place, text in _texts(wanted, reply):
        if found := level(text, case.language):
            hard = found.harder(wanted.most)
            solved.facts["reading"] = {**found.told(), "wanted": wanted.most, "harder": hard}
            if hard:
                solved.marks.append(Mark(place, "hard_to_read", words("hard_to_read", case.language), 0, len(text)))
    return reply


def option(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply; an answer that is none of the options that were given is taken away."""
    if not case.options:
        return reply
    fails = [place for place, text in _texts(wanted, reply) if text.strip() not in case.options]
    solved.marks += [Mark(place, "no_option", words("no_option", case.language), removed=True) for place in fails]
    return dict(mapped(reply, lambda place, text: "" if place in fails else text))


def early_warning(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply; NEWS2 becomes a fact and a floor under the urgency."""
    found = case.warned
    if found is None:
        return reply
    solved.facts["early_warning"] = found.told()
    if found.lacking:
        said = words("signs_missing", case.language).format(", ".join(_titled(case, found.lacking)))
        solved.marks.append(Mark("", "signs_missing", said))
    if found.urgency:
        solved.rules = (*solved.rules, "news2")
        solved.urgency = most_urgent(solved.urgency, found.urgency)
    return reply


def screening(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply; the scores become facts, and their urgency a floor."""
    if case.screened:
        solved.facts["scores"] = [one.told() for one in case.screened.scored]
        solved.urgency = most_urgent(solved.urgency, case.screened.urgency)
    return reply


CHECKS: Mapping[str, Run] = {
    "headings": headings,
    "support": support,
    "explains": explains,
    "doses": doses,
    "doses_kept": doses_kept,
    "codes": codes,
    "abbreviations": abbreviations,
    "reading": reading,
    "option": option,
    "early_warning": early_warning,
    "screening": screening,
    "taken_up": taken_up,
}


# --- what checks share -----------------------------------------------------------------------------------------------


def _titled(case: Case, names: Sequence[str]) -> list[str]:
    """Return what fields are called on a form, in the case's language."""
    return [case.application.inputs[name].title[case.language].lower() for name in names]


def _note(case: Case) -> str:
    return "\n".join(one.text for one in case.sources)


def _texts(wanted: Check, reply: Reply) -> Iterator[tuple[str, str]]:
    for path in wanted.at:
        yield from texts_at(reply, path)


def _marked(
    reply: Reply,
    fails: Mapping[tuple[str, int, int], str],
    code: str,
    wanted: Check,
    case: Case,
    solved: Solved,
) -> Reply:
    """Return the reply with these sentences marked, or without them; why a check failed stands behind its words."""
    texts = dict(_texts(wanted, reply))
    for (place, a, b), why in fails.items():
        said = words(code, case.language) + (f" ({why})" if why and case.language == "en" else "")
        solved.marks.append(Mark(place, code, said, a, b, wanted.remove, texts[place][a:b]))
    if not fails or not wanted.remove:
        return reply
    cut = {place: [Span(a, b, code) for at, a, b in fails if at == place] for place, _, _ in fails}
    return dict(mapped(reply, lambda place, text: without(text, cut[place]) if place in cut else text))


def _rows(wanted: Check, case: Case, reply: Reply, solved: Solved, check: Callable[..., Any]) -> Reply:
    """Return the reply with the rows of its list as a check has them; a row of None goes."""
    name = wanted.at[0].partition("[]")[0]
    note = _note(case)
    kept: list[Any] = []
    for row in reply.get(name, ()):
        made, marks = check(row, f"{name}[{len(kept)}]", note, case.language)
        solved.marks += marks
        kept += [made] if made is not None else []
    return {**reply, name: kept}
