"""The verb that reads one patient's long record: its timeline, or a summary whose statements cite their lines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from residency.arguments import whole, words
from residency.core.errors import UserError
from residency.core.legal import Range
from residency.examine import Answer, model_name

if TYPE_CHECKING:
    from residency.infer.records.lines import Record
    from residency.infer.records.statements import Style
    from residency.infer.records.summary import How, Summary
    from residency.infer.records.timeline import Event

ONE_OR_MORE = Range(least=1)
FOR_ONE = {"since": "timeline", "until": "timeline", "order": "timeline", "model": "summary", "how": "summary"}
FOR_ONE |= dict.fromkeys(("style", "statements", "context"), "summary")
"""Options that only one of the two takes."""


def record(args: argparse.Namespace) -> Answer:
    """Tell the timeline of one patient's record, or sum it up with citations."""
    if wrong := [f"--{name}" for name, takes in FOR_ONE.items() if getattr(args, name) and takes != args.what]:
        raise UserError(f"{', '.join(wrong)}: not with {args.what}")
    _agree_on_days(args.since, args.until)
    return _summary(args) if args.what == "summary" else _timeline(args)


def _agree_on_days(since: str | None, until: str | None) -> None:
    """Raise UserError where a date is none of the calendar's, or no day lies between the two."""
    from residency.infer.retrieve.said import days_of

    days = {name: days_of(given) for name, given in (("since", since), ("until", until)) if given}
    for name, given in (("since", since), ("until", until)):
        if given and (not days[name] or "T" in given):
            raise UserError(f"--{name} {given}: a date is 2024, 2024-05 or 2024-05-11, of the calendar")
    first, last = days.get("since"), days.get("until")
    if first and last and first[0] > last[1]:
        raise UserError(f"no day lies between --since {since} and --until {until}: --since is the earlier one")


def _timeline(args: argparse.Namespace) -> Answer:
    """Return the events of a record by date."""
    from residency.infer.records.read import read_record
    from residency.infer.records.timeline import counts, timeline

    read, bad = read_record(args.path, args.patient)
    found = timeline(read, order=args.order or "", since=args.since or "", until=args.until or "")
    known = counts(found.events)
    document = {
        **found.told(),
        "notes": len(read.documents),
        "notes_undated": read.undated,
        **_left(read),
        "dates": known,
    }
    lines = [_event_words(event) for event in found.events]
    lines.append(f"{len(found.events)} events of {len(read.documents)} notes; {found.undated} lines name no date.")
    if known["either"]:
        lines.append(f"{known['either']} dates can be read two ways (03/04/2024): say --order mdy or dmy.")
    return {**document, "not_read": list(map(str, bad))}, "\n".join([*lines, *_bad_words(read, bad)])


def _event_words(event: Event) -> str:
    when = event.date + (f" to {event.until}" if event.until else "") + (" (planned)" if event.planned else "")
    return f"{when.ljust(10)}  {' '.join(event.text.split())}  [{event.evidence.document}:{event.evidence.start}]"


def _summary(args: argparse.Namespace) -> Answer:
    """Return what matters of a record, each statement with the notes and characters it stands on."""
    from residency.infer.records.read import read_record
    from residency.infer.records.summary import MOST, summary

    read, bad = read_record(args.path, args.patient)
    how: How = args.how or ("map" if args.model else "central")
    if how == "central" and args.model:
        raise UserError("central is a rule and takes no model; leave --model out, or take --how map")
    model = _model(args.model) if args.model else None
    style: Style = args.style or "quote"
    most = args.statements or MOST
    found = summary(read, model, how=how, style=style, most=most, context=args.context)
    document = {**found.told(), "model": args.model, "notes": len(read.documents), **_left(read)}
    lines = [*_summary_words(found), *_bad_words(read, bad)]
    return {**document, "not_read": list(map(str, bad))}, "\n".join(lines)


def _summary_words(found: Summary) -> Iterator[str]:
    for statement in found.statements:
        cites = ", ".join(f"{line.document}:{line.start}-{line.end}" for line in statement.lines[:3])
        more = f" and {len(statement.lines) - 3} more" if len(statement.lines) > 3 else ""
        yield f"{(statement.lines[0].date or 'no date')[:10]}  {' '.join(statement.text.split())}  [{cites}{more}]"
    left = "".join(f"; {reason}: {count}" for reason, count in found.left.items())
    yield f"{len(found.statements)} statements of {found.lines} lines, {found.calls} questions to the model{left}."


def _left(read: Record) -> dict[str, int]:
    return {"notes_without_a_patient": read.unnamed}


def _bad_words(read: Record, bad: Sequence[Any]) -> list[str]:
    """Return what was not read, and what was left out since it names no patient where others do."""
    left = [f"{read.unnamed} notes name no patient and are left out."] if read.unnamed else []
    more = [f"and {len(bad) - 5} more"] if len(bad) > 5 else []
    return [*left, *(f"not read: {one}" for one in bad[:5]), *more]


def _model(name: str) -> Any:
    from residency.models.load import load

    return load(model_name(name))


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what ``residency record`` takes."""
    one.add_argument("what", choices=["timeline", "summary"], metavar="timeline|summary", help="what is told of it")
    text = "one patient's record: a file or folder of notes of any format, or a FHIR export"
    one.add_argument("path", type=words, metavar="PATH", help=text)
    one.add_argument("--patient", type=words, metavar="ID", help="whose record, where there are several patients")
    one.add_argument("--since", type=words, metavar="DATE", help="timeline: from this year, month or day on")
    one.add_argument("--until", type=words, metavar="DATE", help="timeline: up to this year, month or day")
    text = "timeline: how 03/04/2024 is meant (default: where both readings are possible, only the year is taken)"
    one.add_argument("--order", choices=["mdy", "dmy"], metavar="mdy|dmy", help=text)
    text = "summary: the model that reads (default: none, by rule)"
    one.add_argument("--model", type=words, metavar="MODEL", help=text)
    text = "summary: map (pieces, joined; default with a model), rolling (in the order of time), central (no model)"
    one.add_argument("--how", choices=["map", "rolling", "central"], metavar="HOW", help=text)
    text = "summary: quote (lines as they stand; default) or write (the model's words, kept where lines support them)"
    one.add_argument("--style", choices=["quote", "write"], metavar="HOW", help=text)
    text = f"summary: statements at most, {ONE_OR_MORE.legal} (default: 12)"
    one.add_argument("--statements", type=whole(ONE_OR_MORE), metavar="N", help=text)
    text = "summary: tokens of the model's context, where it does not say (an endpoint)"
    one.add_argument("--context", type=whole(Range(least=512)), metavar="N", help=text)
