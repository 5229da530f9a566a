"""Is every name of a list of facts an entry of the catalog, and every published number a result?

    python bench/catalog_names.py FACTS.md [--json]

FACTS is a Markdown file whose tables name systems (sections 2 …), data sets (3 …) and results (4). The first column is
split into names: at semicolons and commas, at " / ", " vs " and " + " between names, and what stands in brackets is a
name too unless it is a remark. Each name must be the name, another name, or the id of an entry of any kind (compared by
letters and digits alone). Each number in the column of values of section 4, and each fraction among the key results of
section 2, must be the value of a result, or stand in the note to one. Prints the counts and what is missing; exit
status 1 where anything is.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residency.catalog.entries import Catalog, load
from residency.catalog.wanted import key

AS_WRITTEN = {
    "i2b2 2010, 2012, 2014": ("i2b2 2010", "i2b2 2012", "i2b2 2014"),
    "CCO, CDC, NICE, WHO guidelines": ("CCO guidelines", "CDC guidelines", "NICE guidelines", "WHO guidelines"),
    "CMB (Exam, Clin)": ("CMB", "CMB-Exam", "CMB-Clin"),
    "Huatuo-26M (Lite)": ("Huatuo-26M", "Huatuo26M-Lite"),
    "CBLUE (CMeEE, CMeIE, CHIP-*, KUAKE-*)": ("CBLUE", "CMeEE", "CMeIE"),
    "GatorTron 345M/3.9/8.9B": ("GatorTron",),
    "GatorTronGPT 5/20B": ("GatorTronGPT",),
    "Galactica 1.3-120B": ("Galactica",),
    "Internist.ai 7B": ("Internist.ai",),
    "SMILE / MeChat 56K": ("SMILE",),
    "BioInstruct 25,005": ("BioInstruct",),
    "BioInstruct LLaMA": ("BioInstruct",),
    "Medical Meadow (flashcards 33,955; Wikidoc 67,704; ...)": ("Medical Meadow", "flashcards", "Wikidoc"),
    "MedQA textbooks (18)": ("MedQA textbooks",),
    "MMLU medical subsets (6 to 9)": ("MMLU medical subsets",),
    "Preference data: HuatuoGPT ratings": ("HuatuoGPT ratings",),
    "8B": ("Meerkat-8B",),
    "LLM -> BioBERT distillation (Vedula)": ("LLM to BioBERT distillation",),
    "ATP on LLaMA2-7B": ("ATP", "Llama 2"),
    "LLaMA3-8B": ("Llama 3",),
    "Llama2-13B+RAG": ("Llama 2",),
    "Qilin-Med DPO": ("Qilin-Med",),
    "MentaLLaMA-chat": ("MentaLLaMA",),
    "ChatGPT zero-shot (reference)": ("ChatGPT",),
    "MedCPT retriever": ("MedCPT",),
}
"""Cells, or parts of them, that cannot be split by rule."""
REMARKS = {"reference", "in-context padding", "medication recommendation", "hallmarks of cancer", "Llama 3, no tuning"}
"""What stands in brackets and is no name: an explanation."""
_SIZE = re.compile(r"-\d+(\.\d+)?B$")
NO_NAMES = {"human", "GPT-3.5"}


@dataclass(frozen=True, slots=True)
class Named:
    """A name, and the section it stands in."""

    section: str
    name: str


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("facts", type=Path, metavar="FACTS")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    report = compare(args.facts.read_text(encoding="utf-8"), load())
    print(json.dumps(report, indent=1, ensure_ascii=False) if args.json else words(report))
    return 1 if report["missing"] or report["missing_results"] else 0


def compare(text: str, catalog: Catalog) -> dict[str, Any]:
    """Return what is named, what it is in the catalog, and what is missing."""
    entries = [entry for kind in catalog.entries if kind != "sources" for entry in catalog.entries[kind].values()]
    known: dict[str, list[str]] = {}
    for entry in entries:
        for name in {key(one) for one in (*entry.names, entry.id)}:
            known.setdefault(name, []).append(f"{entry.kind}/{entry.id}")
    found = [(one, known.get(key(one.name)) or known.get(key(_SIZE.sub("", one.name)), [])) for one in _distinct(text)]
    numbers = list(values(text))
    there = set(said(catalog))
    return {
        "entries": {kind: len(catalog.entries[kind]) for kind in catalog.entries},
        "results": len(catalog.results),
        "named": [{"section": one.section, "name": one.name, "is": what} for one, what in found],
        "missing": [f"{one.section} {one.name}" for one, what in found if not what],
        "numbers": len(numbers),
        "missing_results": [f"{row}: {number}" for row, number in numbers if plain(float(number)) not in there],
    }


def _distinct(text: str) -> list[Named]:
    return list(dict.fromkeys(names(text)))


def said(catalog: Catalog) -> Iterator[str]:
    """Yield every number that a result gives, as a share and as a percentage, and those in notes to results."""
    for one in catalog.results:
        yield from map(plain, (one.value, one.value * 100, one.value / 100))
        yield from (plain(float(number)) for number in re.findall(r"\d+\.\d+", one.note))


def plain(number: float) -> str:
    """Return a number as it is compared."""
    return f"{number:.6g}"


def words(report: dict[str, Any]) -> str:
    """Return the report in words: every name with its entry, counts a section, and what is missing."""
    lines = [f"{row['section']}  {row['name']}  ->  {', '.join(row['is']) or 'MISSING'}" for row in report["named"]]
    sections: dict[str, list[bool]] = {}
    for row in report["named"]:
        sections.setdefault(row["section"], []).append(bool(row["is"]))
    lines += ["", "section  names  entries found"]
    lines += [f"{section:7}  {len(hits):5}  {sum(hits):5}" for section, hits in sections.items()]
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["entries"].items())
    lines += ["", f"The catalog: {kinds}; {report['results']} results."]
    lines.append(f"Names: {len(report['named'])}; missing: {len(report['missing'])}.")
    lines.append(f"Published numbers: {report['numbers']}; missing: {len(report['missing_results'])}.")
    return "\n".join([*lines, *(f"  {one}" for one in (*report["missing"], *report["missing_results"]))])


# --- the facts -------------------------------------------------------------------------------------------------------


def rows(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (section, heading -> cell) of every row of the tables in sections 2, 3 and 4."""
    section, heads = "", []
    for line in text.splitlines():
        if match := re.match(r"#+ (\d[\w.]*?)\.? ", line):
            section, heads = match[1], []
        if not line.startswith("|") or section[:1] not in ("2", "3", "4"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not heads:
            heads = cells
        elif set(line) - set("|-: "):
            yield section, dict(zip(heads, cells, strict=True))


def names(text: str) -> Iterator[Named]:
    """Yield every name that stands in the first column of a table."""
    for section, row in rows(text):
        for name in split(next(iter(row.values()))):
            yield Named(section, name)


def split(cell: str) -> Iterator[str]:
    """Yield the names in a cell."""
    for part in _outside(cell, r";\s|\svs\s"):
        yield from AS_WRITTEN.get(part) or _one(part)


def _one(part: str) -> Iterator[str]:
    """Yield the names in a part that holds no semicolon: those before a bracket, and those inside."""
    bracket = re.search(r"\s*\(([^)]*)\)", part)
    bare = part.replace(bracket[0], "") if bracket else part
    for name in _outside(bare, r",\s|\s/\s|\s\+\s(?=Med|[A-Z]\w+-)"):
        yield from AS_WRITTEN.get(name) or ([name] if name not in NO_NAMES else [])
    if bracket and bracket[1] not in REMARKS:
        inner = bracket[1].rpartition(": ")[2]
        yield from (name for name in re.split(r",\s|;\s", inner) if name not in NO_NAMES)


def _outside(text: str, at: str) -> list[str]:
    """Return the parts of a text, split where a pattern matches outside brackets."""
    if text in AS_WRITTEN:
        return [text]
    parts, depth, start = [], 0, 0
    for match in re.finditer(rf"[()]|{at}", text):
        if match[0] in "()":
            depth += 1 if match[0] == "(" else -1
        elif not depth:
            parts.append(text[start : match.start()])
            start = match.end()
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def values(text: str) -> Iterator[tuple[str, str]]:
    """Yield (row, number) of every published number: the values of section 4, and fractions among key results."""
    for section, row in rows(text):
        if section.startswith("4"):
            what = f"{row['model']}, {row['task / set']}"
            told = re.findall(r"\d+\.\d+|\.\d+|\d+", re.sub(r"\(v\d\)", "", row["value"]))
            for beside in re.findall(r"\(([^)]*)\)", row["task / set"]):  # such as (base 33.5)
                told += re.findall(r"\d+\.\d+", beside)
        else:
            what = f"{section} {next(iter(row.values()))}"
            told = re.findall(r"(?<![\w.-])\+?(\d+\.\d+)", re.sub(r"see \d\.\d", "", row.get("key result", "")))
        yield from ((what, number) for number in told)


if __name__ == "__main__":
    raise SystemExit(main())
