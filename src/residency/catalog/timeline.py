"""The timeline: models by month of release, from top to bottom, with marks for how they were made and who names them.

A date that rests on memory or weak ground is drawn with a broken outline and slanted letters; where only the year is
known, the model stands at the head of its year; a model of unknown date is listed below, and not placed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from markupsafe import Markup

from residency.catalog import draw
from residency.catalog.entries import Catalog, Cell, Entry
from residency.catalog.words import MONTHS, month, source_text, words

Link = Callable[[Entry], str]
WIDTH, LEFT, SPINE = 1180.0, 184.0, 168.0
ROW, CHIP, GAP = 27.0, 21.0, 7.0  # heights of a row and of a box, the space between boxes
YEAR, EMPTY = 34.0, 5.0  # heights of a year's head, and of a month without any
PAD, STEP = 8.0, 12.0
PARADIGMS = {
    "scratch": "disc",
    "continued_pretraining": "square",
    "instruction_tuning": "up",
    "alignment": "diamond",
    "finetuning": "down",
    "distillation": "ring",
    "merging": "plus",
    "retrieval": "bar",
    "prompting": "cross",
}
"""Each paradigm's mark, in the order in which they are drawn."""
KINDS = {
    "domain": "medical model",
    "general": "general model",
    "closed": "closed",
    "domain memory": "the date is from memory, or its source is weak; pale marks: what they say is",
}
"""How boxes are drawn, and what that means."""
SURVEYS = ("disc", "square", "up", "diamond", "plus", "down")


def timeline(catalog: Catalog, *, by: Literal["paradigm", "survey"] = "paradigm", link: Link | None = None) -> Markup:
    """Return the timeline as an SVG; ``by`` says which marks show: a class of the picture, which a page may change."""
    surveys = survey_marks(catalog)
    models = sorted(catalog.entries["models"].values(), key=lambda entry: entry.name.casefold())
    dated: dict[str, list[Entry]] = defaultdict(list)
    for entry in models:
        dated[str(entry.cells["release"].is_) if "release" in entry.cells else ""].append(entry)
    unknown = dated.pop("", [])
    parts, y = _legend(surveys, catalog)
    start = y
    for moment in moments(dated):
        drawn, y = _moment(moment, dated.get(moment, []), y, surveys, link)
        parts += drawn
    parts.insert(0, draw.line(SPINE, start, SPINE, y, "spine"))
    below, y = _unknown(unknown, y + 30, surveys, link)
    return draw.picture(
        [*parts, *below], WIDTH, y + 8, name="timeline", title="Timeline of models",
        description=f"{len(models) - len(unknown)} models by the month of their release, the earliest first; "
        f"{len(unknown)} of unknown date are listed at the end.", look=f"by-{by}",
    )  # fmt: skip


def survey_marks(catalog: Catalog) -> dict[str, str]:
    """Return the mark of each survey that names a model."""
    named = {cell.is_ for entry in catalog.entries["models"].values() for cell in entry.named}
    return dict(zip(sorted(named), SURVEYS * (1 + len(named) // len(SURVEYS)), strict=False))


def moments(dated: Iterable[str]) -> list[str]:
    """Return every moment from the first year to the last month: a year for what has no month, then its months."""
    known = sorted(dated)
    if not known:
        return []
    last = max(known, key=lambda moment: (moment[:4], moment[5:]))
    found = []
    for year in range(int(known[0][:4]), int(last[:4]) + 1):
        found.append(str(year))
        found += [f"{year}-{number:02}" for number in range(1, 13)]
    end = last if len(last) > 4 else f"{last}-01"
    return [moment for moment in found if moment <= end]


def _moment(
    moment: str, entries: Sequence[Entry], y: float, surveys: Mapping[str, str], link: Link | None
) -> tuple[list[Markup], float]:
    """Return what is drawn of a moment, and where the next one begins."""
    year, _, number = moment.partition("-")
    parts = []
    if not number:
        parts += [draw.label(12, y + 24, year, "year"), draw.line(12, y, WIDTH, y, "grid")]
        y += 8 if entries else YEAR
    chips, lowest = _chips(entries, y, surveys, link)
    if entries:
        name = MONTHS[int(number) - 1] if number else "in the year"
        parts.append(draw.label(SPINE - 10, y + ROW / 2 + 4, name, "tick", "end"))
        parts.append(draw.mark("disc", SPINE, y + ROW / 2, "stop", 3.5))
        return [*parts, *chips], lowest
    return parts, y + (EMPTY if number else 0)


def _chips(
    entries: Sequence[Entry], y: float, surveys: Mapping[str, str], link: Link | None
) -> tuple[list[Markup], float]:
    """Return boxes in rows, and where they end."""
    x, parts = LEFT, []
    for entry in entries:
        width = chip_width(entry)
        if x > LEFT and x + width > WIDTH - 4:
            x, y = LEFT, y + ROW
        parts.append(_chip(entry, x, y + (ROW - CHIP) / 2, width, surveys, link))
        x += width + GAP
    return parts, y + ROW if entries else y


def chip_width(entry: Entry) -> float:
    """Return how wide a model's box is: its name beside its marks, whichever are shown."""
    marks = max(len(_paradigms(entry)), len(_surveys(entry)))
    return draw.text_width(entry.name) + 2 * PAD + STEP * marks + (4 if marks else 0)


def _chip(entry: Entry, x: float, y: float, width: float, surveys: Mapping[str, str], link: Link | None) -> Markup:
    middle = y + CHIP / 2
    parts = [draw.box(x, y, width, CHIP), draw.label(x + PAD, middle + 4.2, entry.name)]
    made = entry.cells.get("paradigm")
    looks = [(PARADIGMS[name], f"mark paradigm p-{name}{_doubt(made)}") for name in _paradigms(entry)]
    parts += _marks(looks, x + width - PAD, middle)
    firm = {str(cell.is_): cell for cell in sorted(entry.named, key=lambda cell: cell.firm)}
    places = list(surveys)
    looks = [(surveys[name], f"mark survey s{places.index(name)}{_doubt(firm[name])}") for name in _surveys(entry)]
    parts += _marks(looks, x + width - PAD, middle)
    cell = entry.cells.get("release")
    sure = "" if cell is None or cell.firm else " memory"
    look = f"chip {entry.facts.get('kind', 'domain')}{sure}"
    return draw.group(
        parts, look, title=_told(entry), href=link(entry) if link else "", data={"entry": f"models-{entry.id}"}
    )


def _marks(looks: Sequence[tuple[str, str]], right: float, middle: float) -> list[Markup]:
    """Return marks side by side, the last one ending at ``right``."""
    left = right - STEP * len(looks) + STEP - 4
    return [draw.mark(shape, left + STEP * number, middle, look) for number, (shape, look) in enumerate(looks)]


def _told(entry: Entry) -> str:
    cell = entry.cells.get("release")
    when = "date unknown" if cell is None else month(str(cell.is_)) + ("" if cell.firm else ", from memory")
    how = entry.cells.get("paradigm")
    made = ", ".join(words(name) for name in _paradigms(entry)) or "how it was made is not known"
    made += " (from memory)" if _doubt(how) else ""
    return f"{entry.name}: {when}; {made}; named by {', '.join(_surveys(entry)) or 'no survey'}"


def _doubt(cell: Cell | None) -> str:
    """Return the class of what is only from memory, or weak."""
    return "" if cell is None or cell.firm else " doubtful"


def _paradigms(entry: Entry) -> list[str]:
    return [name for name in PARADIGMS if name in entry.values("paradigm")]


def _surveys(entry: Entry) -> list[str]:
    return sorted({str(cell.is_) for cell in entry.named})


def _legend(surveys: Mapping[str, str], catalog: Catalog) -> tuple[list[Markup], float]:
    """Return what the marks mean, both sets in one place of which one shows, and where it ends."""
    sources = catalog.entries["sources"]
    names = {name: source_text(sources[name]) if name in sources else name for name in surveys}
    rows = [
        [(PARADIGMS[name], f"mark paradigm p-{name}", words(name)) for name in PARADIGMS],
        [(shape, f"mark survey s{number}", names[name]) for number, (name, shape) in enumerate(surveys.items())],
    ]
    parts, lowest = [], 0.0
    for kind, row in zip(("paradigm", "survey"), rows, strict=True):
        x, y = LEFT, 12.0
        for shape, look, text in row:
            wide = 14 + draw.text_width(text) + 18
            if x > LEFT and x + wide > WIDTH:
                x, y = LEFT, y + 20
            parts += [draw.mark(shape, x + 4, y, look), draw.label(x + 14, y + 4.2, text, f"legend {kind}")]
            x += wide
        lowest = max(lowest, y)
    y, x = lowest + 22, LEFT
    for look, text in KINDS.items():
        parts.append(draw.group([draw.box(x, y - 8, 30, 16)], f"chip {look}"))
        parts.append(draw.label(x + 38, y + 4, text, "legend"))
        x += 38 + draw.text_width(text) + 18
    return parts, y + 24


def _unknown(
    entries: Sequence[Entry], y: float, surveys: Mapping[str, str], link: Link | None
) -> tuple[list[Markup], float]:
    if not entries:
        return [], y - 30
    head = draw.label(12, y, f"Date unknown ({len(entries)})", "head")
    chips, lowest = _chips(entries, y + 8, surveys, link)
    return [head, *chips], lowest
