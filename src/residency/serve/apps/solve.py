"""A case put to a model: a reply held to the schema, read, asked for once more where it cannot be, then checked.

What still has not the form is no answer: it abstains, with the urgency that the file has for that.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from residency.core.types import Model, Reply
from residency.corpus.make.support import stems
from residency.infer.answer.enough import asked_about, lacking, names
from residency.serve.apps.application import Application
from residency.serve.apps.case import Case
from residency.serve.apps.checks import NO_SOURCE, checked
from residency.serve.apps.echoes import without_echoes
from residency.serve.apps.outcome import Mark, Solved, most_urgent
from residency.serve.apps.places import distinct, said
from residency.serve.apps.screening import sentences
from residency.serve.apps.words import words
from residency.serve.guard import CRISIS

Json = dict[str, Any]
TRIES: tuple[Json, ...] = ({"temperature": 0.0, "seed": 0}, {"temperature": 0.3, "seed": 1})
"""How a reply is drawn, and how once more."""
QUESTION = "question"
"""The field of a question that is answered from sources."""
LONGER = 1.5
"""How much longer the second reply may be where the first was cut off."""


def solved(case: Case, model: Model, *, floor: str | None = None, crisis: str = "") -> Solved:
    """Return what a model comes to, checked; without a model where a rule answers.

    ``floor`` is the urgency that the guard saw in what was filled in: the reply is never less urgent. ``crisis`` is
    whom to call in a crisis at this place.
    """
    if ruled := _ruled(case, crisis):
        return ruled
    if lacks := _unspoken(case):
        return _abstained(case, Solved(None, words("not_in_source", case.language).format(", ".join(lacks))))
    reply, why, tokens = _asked(case, model)
    found = Solved(None, words(why, case.language) if why else "", tokens=tokens)
    found.marks += _orders(case)
    if reply is None:
        return _without_model(case, found, why)
    app = case.application
    found.urgency = most_urgent(app.urgency.least, reply.get(app.urgency.says) if app.urgency.says else None)
    before = found.urgency
    found.urgency = most_urgent(found.urgency, floor)
    found.reply = checked(case, reply, found)
    _raised(case, found, before)
    if found.why:
        return _abstained(case, found)
    if said(reply) and (not _says(case, found.reply) or _invented(case, found)):
        found.why = words("nothing_left", case.language)
        return _abstained(case, found)
    if not said(found.reply):
        found.why = words("nothing_found", case.language)
        return _abstained(case, found)
    if _beside(case, found.reply):
        found.why = words("off_topic", case.language)
        return _abstained(case, found)
    return found


def _ruled(case: Case, crisis: str) -> Solved | None:
    """Return what a rule answers in a model's place: thoughts of self-harm, whatever else was filled in."""
    if not (case.screened and case.screened.self_harm):
        return None
    text = "\n".join(
        [
            words("self_harm", case.language).format(crisis or CRISIS[case.language]),
            *sentences(case.screened, case.language),
        ]
    )
    facts = {"scores": [one.told() for one in case.screened.scored]}
    urgency = most_urgent("urgent", case.screened.urgency)
    return Solved(None, "", text, urgency, ruled=True, facts=facts, rules=("screening_self_harm",))


def _without_model(case: Case, found: Solved, code: str) -> Solved:
    """Return what the checks find by themselves where the model gave no reply: codes that a note names, or a score."""
    ruled = checked(case, {}, found)
    if not said(ruled):
        return _abstained(case, found)
    found.marks.append(Mark("", code, words(code, case.language)))
    found.reply, found.why, found.urgency = ruled, "", case.application.urgency.least
    return found


def _unspoken(case: Case) -> list[str]:
    """Return what a question is about that no source speaks of, where an answer stands on sources alone."""
    question = str(case.values.get(QUESTION) or "")
    sources = [one for one in case.sources if one.id not in NO_SOURCE]
    if not (case.application.grounded and question) or names(question, "\n".join(one.text for one in sources)):
        return []
    return lacking(question, sources)


def _beside(case: Case, reply: Json) -> bool:
    """Return whether an answer from sources speaks of nothing that was asked about."""
    question = str(case.values.get(QUESTION) or "")
    return bool(case.application.grounded and question and not asked_about(question) & stems(_main(case, reply)))


# --- asking ----------------------------------------------------------------------------------------------------------


def _asked(case: Case, model: Model) -> tuple[Json | None, str, int]:
    """Return the reply (None: none that can be read), the code of why there is none, and the tokens written."""
    room, tokens, why = case.application.tokens, 0, ""
    schema = case.schema
    for drawn in TRIES:
        [reply] = model.generate([case.messages], max_tokens=room, schema=schema, **drawn)
        tokens += reply.tokens
        if reply.text is None:
            return None, "no_reply", tokens
        found = read(reply, schema)
        if found is not None:
            return distinct(without_echoes(case, found)), "", tokens
        why = "unreadable"
        room = int(room * LONGER) if reply.finish == "length" else room
    return None, why, tokens


def read(reply: Reply, schema: Json) -> Json | None:
    """Return the JSON object of a reply that fits the schema; None where there is none."""
    try:
        found = json.loads(reply.text or "", parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _validator(json.dumps(schema, sort_keys=True)).is_valid(found) else None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(json.loads(schema))


# --- what comes of it ------------------------------------------------------------------------------------------------


def _invented(case: Case, found: Solved) -> bool:
    """Return whether a draft has sentences that were checked, and what was given says none of them."""
    held = found.facts.get("support", {"sentences": 0, "supported": 0})
    return case.application.output == "draft" and bool(held["sentences"]) and not held["supported"]


def _says(case: Case, reply: Json) -> bool:
    """Return whether a reply still says something where its application answers: what is missing is no answer."""
    return bool(_main(case, reply))


def _main(case: Case, reply: Json) -> str:
    """Return the texts of the field that a check may take away from first: the answer. Where none may, those of all
    fields; a choice beside them (how urgent, where to) says nothing alone.
    """
    removing = [path for one in case.application.checks if one.remove for path in one.at]
    main = removing[0].partition("[")[0].partition(".")[0] if removing else ""
    if main:
        return said({main: reply.get(main)})
    fields = case.application.schema["properties"]
    free = [name for name, one in fields.items() if "enum" not in one] or list(fields)
    return said({name: reply.get(name) for name in free})


def _abstained(case: Case, found: Solved) -> Solved:
    app: Application = case.application
    found.reply = None
    found.urgency = most_urgent(found.urgency, app.urgency.unanswered)
    when = words(found.urgency, case.language)
    scores = "\n".join(sentences(case.screened, case.language)) if case.screened else ""
    found.text = "\n".join(filter(None, [words("hand_over", case.language).format(found.why, when), scores]))
    return found


def _raised(case: Case, found: Solved, before: str) -> None:
    """Note that a rule has made a reply more urgent than the model said; the reply's own field says it too."""
    says = case.application.urgency.says
    if found.urgency == before or not says or found.reply is None:
        return
    found.reply[says] = found.urgency
    said_before = words("raised", case.language).format(words(f"level_{before}", case.language))
    found.marks.append(Mark(says, "raised", said_before))


def _orders(case: Case) -> list[Mark]:
    if not case.orders:
        return []
    return [Mark("", "orders", words("orders", case.language).format(case.orders))]
