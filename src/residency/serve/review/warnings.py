"""What was warned of when a draft was made, so that who signs it is told no less than who asked for it.

A warning is ``{"kind", "values"}`` and goes sealed with the draft: its values quote the note and the reply. The kinds:
``mark`` (a check's words on a sentence of the reply, which may have been taken out), ``withheld`` (a sentence of what
went in that the model did not read), ``left_out`` (one that its reply takes up nowhere), ``rule``, ``unproven``,
``reading``, ``note`` (the guard's words on the whole), ``handed_over`` (no model's reply) and ``uncalibrated``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from residency.infer.orders import orders_in
from residency.serve.apps.left_out import LEFT_OUT

Warned = dict[str, Any]
KINDS = ("handed_over", "withheld", "left_out", "mark", "rule", "note", "unproven", "reading", "uncalibrated")
"""Every kind, in the order in which they are read."""
MOST_QUOTED = 600
"""Characters of a sentence that are quoted: it stands whole in the draft or in what went in."""
_ELSEWHERE = {"orders": "withheld", "hard_to_read": "reading"}
"""The codes of marks that a kind of their own says better, where there is one."""
PASSED = ("code_named",)
"""The codes of marks that say what a check found, and warn of nothing."""
_STEP = re.compile(r"[^.\[\]]+")


def of(told: Mapping[str, Any], fields: Mapping[str, Any], *, unproven: bool) -> list[Warned]:
    """Return what was warned of, from what an application came to (``Outcome.told``) and what was filled in.

    ``unproven``: nothing measured proves the application for this model.
    """
    passages = {one.get("id", ""): one.get("text") for one in told.get("evidence") or ()}
    handed = [_one("handed_over")] if told.get("reply") is None else []
    found = [*handed, *_withheld({**fields, **passages}), *_reading(told.get("facts") or {})]
    kinds = {one["kind"] for one in found}
    found += _marks(told, kinds)
    found += [_one("rule", id=name) for name in told.get("rules") or ()]
    found += [_one("note", says=told["note"])] if told.get("note") else []
    found += [_one("unproven")] if unproven and not handed else []
    found += [] if told.get("calibrated") or handed else [_one("uncalibrated")]
    return sorted(found, key=lambda one: KINDS.index(one["kind"]))


def _one(kind: str, **values: Any) -> Warned:
    return {"kind": kind, "values": values}


def _withheld(fields: Mapping[str, Any]) -> Iterator[Warned]:
    """Yield the sentences of what was filled in or found that are addressed to a machine: no model read them."""
    for name, value in fields.items():
        for start, end, _ in orders_in(value) if isinstance(value, str) else ():
            yield _one("withheld", text=value[start:end].strip()[:MOST_QUOTED], field=name)


def _reading(facts: Mapping[str, Any]) -> Iterator[Warned]:
    found = facts.get("reading") or {}
    if found.get("harder"):
        yield _one("reading", measure=found["measure"], value=found["value"], wanted=found["wanted"])


def _marks(told: Mapping[str, Any], kinds: set[str]) -> list[Warned]:
    """Return the marks with the sentences that they are about, each once."""
    found: list[Warned] = []
    for mark in told.get("marks") or ():
        if mark["code"] in PASSED or _ELSEWHERE.get(mark["code"]) in kinds:
            continue
        if mark["code"] == LEFT_OUT:
            found.append(_one(LEFT_OUT, text=mark["text"][:MOST_QUOTED]))
            continue
        about = {"code": mark["code"], "says": mark["says"], "removed": bool(mark.get("removed"))}
        one = _one("mark", **about, text=_quoted(mark, told.get("reply"))[:MOST_QUOTED])
        if one not in found:
            found.append(one)
    return found


def _quoted(mark: Mapping[str, Any], reply: Any) -> str:
    """Return the words that a mark is about; nothing where it is about the whole, or they are gone."""
    if mark.get("text") or mark.get("removed"):
        return str(mark.get("text") or "").strip()
    value = reply
    for step in _STEP.findall(mark.get("at") or "") or [""]:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        value = next((one for one in value.values() if isinstance(one, str)), None)
    if not isinstance(value, str):
        return ""
    return (value[mark.get("start", 0) : mark.get("end") or None] or value).strip()
