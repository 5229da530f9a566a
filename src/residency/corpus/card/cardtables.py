"""The data card's numbers as rows of tables: the same ones in the README and on the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from residency.corpus.card.licences import licence_of

Card = Mapping[str, Any]
Row = list[Any]


def sections(card: Card) -> dict[str, Any]:
    """Return the tables and sentences of a card, by the name that the template knows them by."""
    return {
        "opening": opening(card),
        "plain": plain(card),
        "use": use(card),
        "sources": [_source(source) for source in card["sources"]],
        "licences": [row for source in card["sources"] for row in licences(source)],
        "left": [[s["name"], why, n] for s in card["sources"] for why, n in sorted((s.get("left") or {}).items())],
        "holds": holds(card),
        "counted": [("Kind", counted(card["kinds"])), ("Language", counted(card["languages"]))],
        "dropped": dropped(card),
        "duplicates": [[kind, count] for kind, count in card["duplicates"].items()],
        "contamination": contamination(card),
        "contamination_words": contamination_words(card),
        "splits": splits(card),
        "splits_words": splits_words(card),
        "shapes": shapes(card),
        "mixture": mixture(card),
        "receipt": [_admitted(row) for row in (card["deidentification"] or {}).get("sources", ())],
        "made": made(card),
        "shards": [[path, digest] for path, digest in card["hashes"].get("shards", {}).items()],
    }


def _admitted(row: Mapping[str, Any]) -> Row:
    """Return by what a source was let in to training, and what was measured."""
    words = {"no_patients": "it holds no patients", "receipt": "a receipt", "waiver": "a waiver"}
    waiver = row.get("waiver") or {}
    why = words[row["why"]] + (f": {waiver['reason']}, by {waiver['by']}" if waiver else "")
    figures = ["" if row[name] is None else f"{row[name]:.4f}" for name in ("recall", "bound")]
    return [row["source"], why, *figures, (row["receipt"] or "")[:16]]


def opening(card: Card) -> str:
    """Return the card's first sentence: how much of what it is."""
    found = card["documents"]
    count = "An unknown number of documents" if found is None else counted_words(found, "document")
    names = ", ".join(source["name"] for source in card["sources"]) or "no named source"
    return f"{count} for training medical language models, from {names}."


def plain(card: Card) -> list[str]:
    """Return what a committee asks first, in sentences."""
    patients = {None: "It is not known how many patients it is about.", 0: "No document carries a patient's id."}
    about = patients.get(card["patients"]) or f"It is about {counted_words(card['patients'], 'patient')}."
    without, found = card["without_patient"], card["documents"]
    if card["patients"] and without:
        verb = "names" if without == 1 else "name"
        about = f"{about[:-1]}, and {without:,} of {counted_words(found, 'document')} {verb} no patient."
    return [
        about,
        card["deidentification_words"],
        contamination_words(card),
    ]


def use(card: Card) -> list[Row]:
    """Return what may be done, by the most restrictive of the sources."""
    words = {True: "yes", False: "NO", None: "not known"}
    asked = {True: "required", False: "not required", None: "not known"}
    found, rows = card["licence"], []
    for name, text in (
        ("commercial", "commercial use"),
        ("derivatives", "changing it"),
        ("redistribution", "passing it on"),
    ):
        rows.append([text, words[found[name]]])
    rows.append(["naming the authors", asked[found["attribution"]]])
    rows.append(["passing on under the same licence only", asked[found["alike"]]])
    return rows


def _source(source: Mapping[str, Any]) -> Row:
    words = {True: "yes", False: "NO", None: "not known"}
    left = sum((source.get("left") or {}).values())
    about = [
        source["name"],
        source["version"],
        source.get("licence") or "none stated",
        words[source["allows"]["commercial"]],
    ]
    return [*about, source["access"], source.get("documents"), source.get("bad"), left, source.get("stay")]


def licences(source: Mapping[str, Any], most: int = 12) -> list[Row]:
    """Return a row for each licence of a source's documents, the most frequent first, where one is not the source's."""
    words = {True: "yes", False: "NO", None: "not known"}
    found = source.get("licences") or {}
    if set(found) <= {source.get("licence")}:
        return []
    pairs = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    rows: list[Row] = [
        [source["name"], name or "none stated", words[licence_of(name).commercial], count] for name, count in pairs
    ]
    rest = rows[most:]
    return [*rows[:most], *([[source["name"], f"{len(rest)} more", "-", sum(row[-1] for row in rest)]] if rest else [])]


def holds(card: Card) -> list[Row]:
    """Return how much there is."""
    tokens, dates = card["tokens"] or {}, card["dates"]
    count = tokens.get("count")
    by = tokens.get("by") or "estimated by characters"
    rows: list[Row] = [["documents", card["documents"]], ["characters", card["characters"]]]
    rows.append(["tokens", None if count is None else f"{count:,} ({by})"])
    rows += [["patients", card["patients"]], ["first date", dates.get("first")], ["last date", dates.get("last")]]
    rows.append(["documents without a patient", card["without_patient"]])
    return [*rows, ["documents without a date", dates.get("without")]]


def counted(counts: Mapping[str, int]) -> list[Row]:
    """Return counts with their shares, largest first."""
    total = sum(counts.values())
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [[name, count, share(count, total)] for name, count in pairs]


def dropped(card: Card) -> list[Row]:
    """Return what each step removed, by reason, with its share of what was read."""
    total = card["read"]
    return [
        [step, reason, count, share(count, total)]
        for step, reasons in card["dropped"].items()
        for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def shapes(card: Card) -> list[Row]:
    """Return a row for each shape that is written for trainers, and for each reason why documents are not in it."""
    return [
        [shape, what, count]
        for shape, about in card["shapes"].items()
        for what, count in (("rows", about["rows"]), *(about["left"] or {}).items())
    ]


def contamination(card: Card) -> list[Row]:
    """Return a row for each evaluation set and rule."""
    return [
        [about["set"], about["items"], rule, found["found"], found["removed"]]
        for about in (card["contamination"] or {}).get("sets", ())
        for rule, found in about["rules"].items()
    ]


def contamination_words(card: Card) -> str:
    """Return in one sentence what was compared and what stayed in."""
    sets = (card["contamination"] or {}).get("sets", ())
    if not sets:
        return "It was not compared with any evaluation set."
    rows = contamination(card)
    found, removed = sum(row[3] for row in rows), sum(row[4] for row in rows)
    items = sum(about["items"] for about in sets)
    short = sum(about.get("short", 0) for about in sets)
    told = (
        f"{items:,} items, of which {short:,} are too short for any rule, and not looked for"
        if short
        else f"{items:,} items"
    )
    start = f"Compared with {counted_words(len(sets), 'evaluation set')} ({told}): {found:,} found"
    if not found:
        return f"{start}."
    return f"{start}, all removed." if found == removed else f"{start}, of which {found - removed:,} were NOT removed."


def splits(card: Card) -> list[Row]:
    """Return a row for each split."""
    found = (card["splits"] or {}).get("splits", {})
    return [
        [name, *(row.get(key) for key in ("documents", "groups", "patients", "without_patient", "first", "last"))]
        for name, row in found.items()
    ]


def splits_words(card: Card) -> str:
    """Return in sentences whether a patient stands in two splits, and of which documents that cannot be said."""
    in_two = (card["splits"] or {}).get("in_two")
    if in_two is None:
        return "Whether a patient stands in two splits was not checked."
    wrong = " (WRONG)" if in_two["patients"] or in_two["groups"] else ""
    checked = f"{in_two['patients']} patients and {in_two['groups']} groups stand in two splits{wrong}."
    return " ".join([checked, *_nameless_words(card["splits"]["splits"]), *_undated_words(card["splits"])])


def _nameless_words(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    each = {name: row.get("without_patient") or 0 for name, row in found.items()}
    if not (total := sum(each.values())):
        return []
    public = sum(row.get("public") or 0 for row in found.values())
    where = ", ".join(f"{count:,} in {name}" for name, count in each.items() if count)
    known = f"; public knowledge: {public:,}" if public else ""
    verb = "names" if total == 1 else "name"
    start = f"That holds for documents that name their patient: {total:,} {verb} none ({where}{known})"
    return [f"{start}." if public == total else f"{start}, and whether those are about the same patients is not known."]


def _undated_words(splits: Mapping[str, Any]) -> list[str]:
    """Return what is said of documents that no day parts, where a day does."""
    trained = [row for name, row in splits["splits"].items() if name != "test"]
    undated = sum(row.get("without_date") or 0 for row in trained) if splits.get("by") == "time" else 0
    if not undated:
        return []
    verb = "has" if undated == 1 else "have"
    return [f"{counted_words(undated, 'document')} outside the test {verb} no date: public knowledge, of no patient."]


def mixture(card: Card) -> list[Row]:
    """Return a row for each stage and source; a source at its cap is marked."""
    return [
        [
            rate["stage"] + 1,
            rate["source"],
            f"{100 * rate['share']:.1f}%",
            f"{rate['epochs']:.2f}{' (cap)' if rate['capped'] else ''}",
            f"{rate['tokens']:,.0f}",
        ]
        for rate in (card["mixture"] or {}).get("rates", ())
    ]


def made(card: Card) -> list[Row]:
    """Return when and with what it was made."""
    rows: list[Row] = [["content hash", card["hashes"].get("content")]]
    rows += [[name, value] for name, value in card["time"].items()]
    return [*rows, *([name, version] for name, version in card["versions"].items())]


def share(count: int, total: int | None) -> str | None:
    """Return a share in per cent, None where the whole is not known."""
    return f"{100 * count / total:.2f}%" if total else None


# --- as text ---------------------------------------------------------------------------------------------------------


def cell(value: Any) -> str:
    """Return a value as it stands in a table: numbers with thousands, what is not known as ``-``."""
    if value is None or value == "":
        return "-"
    return f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())


def markdown(heads: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a table in Markdown; what a source says of itself cannot break it."""

    def line(values: Sequence[Any]) -> str:
        made = map(escaped, values)
        return f"| {' | '.join(made)} |"

    numbers = [bool(rows) and all(isinstance(row[i], int) or row[i] is None for row in rows) for i in range(len(heads))]
    rule = f"|{'|'.join('---:' if number else '---' for number in numbers)}|"
    return "\n".join([line(heads), rule, *(line([cell(value) for value in row]) for row in rows)])


def columns(heads: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a table in aligned columns, for the terminal."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    right = [all(isinstance(row[i], int) or row[i] is None for row in rows) for i in range(len(heads))]

    def line(values: Sequence[str]) -> str:
        made = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(made).rstrip()

    return "\n".join([line(heads), *map(line, cells)])


def escaped(text: str) -> str:
    """Return text with what Markdown would take for a table or for HTML made plain."""
    return re.sub(r"([|<>])", r"\\\1", " ".join(text.split()))


def counted_words(count: int, noun: str) -> str:
    """Return a count with its noun, which takes an s where there are several."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def tidy(text: str) -> str:
    """Return Markdown with no more than one empty line at a time."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def words(card: Card) -> str:
    """Return a card for the terminal: what a person looks at first, in tables."""
    found = sections(card)
    blocks = [f"{found['opening']}\n" + "\n".join(found["plain"])]
    shown = [
        (["source", "licence", "read", "bad", "left out", "stay"], [[r[0], r[2], *r[5:]] for r in found["sources"]]),
        (["source", "licence of documents", "commercial use", "stay"], found["licences"]),
        (["step", "reason", "documents", "share"], found["dropped"]),
        (["duplicates", "found"], found["duplicates"]),
        (["evaluation set", "items", "rule", "found", "removed"], found["contamination"]),
        (["split", "documents", "groups", "patients", "without a patient", "first date", "last date"], found["splits"]),
        (["stage", "source", "share", "epochs", "tokens"], found["mixture"]),
        (["what may be done with it", "allowed"], found["use"]),
    ]
    blocks += [columns(heads, rows) for heads, rows in shown if rows]
    if card["not_known"]:
        blocks.append("Not known:\n" + "\n".join(f"  {line}" for line in card["not_known"]))
    return "\n\n".join(blocks)
