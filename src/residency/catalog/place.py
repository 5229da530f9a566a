"""Placement: a model card of the Hugging Face hub, or a run of ours, on the axes of the catalog.

Every cell says which field it was read from. Only fields are read, not the prose; what no field tells is left out, and
listed as not told. A card's numbers come with as much of their protocol as it gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.catalog.entries import Catalog, Cell, Entry, Result, load
from residency.catalog.hub import ACCESS, PIPELINES, RELATIONS, TAGS, front_matter, licence_name, texts
from residency.catalog.resolve import resolve, size_in

AXES = (
    "base sizes paradigm compression data tasks stakeholders care application algorithm languages licence access "
    "release hardware"
).split()
"""The cells that a model can be placed by."""
UNSTATED = "not stated in the card"
Said = tuple[str, Any, str]
"""A cell, one value of it, and the field that says so."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that a card gives or a run of ours measured; ``how`` is its protocol as data, as far as there is one.

    ``role`` is what was measured: reported (by a card), trained, compressed, base, baseline or rule.
    """

    result: Result
    role: str
    low: float | None = None
    high: float | None = None
    n: int | None = None
    how: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placed:
    """A model on the axes: an entry whose cells were read from the fields in ``read_from``.

    Its numbers are in ``measured``, not among the entry's results, which are what others published. ``untold`` names
    the axes that nothing was told of; ``what`` is "model card" or "run".
    """

    entry: Entry
    what: str
    read_from: Mapping[str, str]
    untold: tuple[str, ...]
    measured: tuple[Measured, ...]


def place(path: Path, catalog: Catalog | None = None) -> Placed:
    """Return the placement of a run's folder, or of a model card: a file, or a folder with a ``README.md``."""
    from residency.catalog.place_run import is_run, place_run

    return place_run(path, catalog) if is_run(path) else place_card(path, catalog)


def place_card(path: Path, catalog: Catalog | None = None) -> Placed:
    """Return the placement of a model card; UserError where it has no front matter that can be read."""
    catalog = catalog or load()
    path = path / "README.md" if path.is_dir() else path
    head = front_matter(path)
    name = _card_name(head, path)
    said = [*_made(head, catalog), *_meant(head, catalog)]
    measured = tuple(_index(head, catalog, name))
    return placed(name, path, "model card", said, measured, about=f"placed by the fields of {path.name}")


def placed(
    name: str, path: Path, what: str, said: Iterable[Said], measured: tuple[Measured, ...], *, about: str, **facts: Any
) -> Placed:
    """Return a placement of what was said: the values of each cell in order, and the fields that they came from."""
    values: dict[str, list[Any]] = {}
    fields: dict[str, list[str]] = {}
    for cell, value, where in said:
        values.setdefault(cell, [])
        fields.setdefault(cell, [])
        if value not in values[cell]:
            values[cell].append(value)
        if where not in fields[cell]:
            fields[cell].append(where)
    read_from = {cell: ", ".join(where) for cell, where in fields.items()}
    cells = {
        cell: Cell(_value(cell, found), "P", note=f"read from {read_from[cell]}") for cell, found in values.items()
    }
    key = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or "model"
    empty: dict[str, Any] = {"also": (), "named": (), "links": (), "here": ()}
    entry = Entry("models", key, name, about=about, cells=cells, results=(), facts=facts, path=path, **empty)
    return Placed(entry, what, read_from, tuple(cell for cell in AXES if cell not in cells), measured)


def _value(cell: str, found: list[Any]) -> Any:
    return found[0] if cell in ("licence", "access", "release", "hardware") else found


# --- the card --------------------------------------------------------------------------------------------------------


def _card_name(head: Mapping[str, Any], path: Path) -> str:
    index = head.get("model-index")
    first = index[0] if isinstance(index, list) and index and isinstance(index[0], dict) else {}
    return str(head.get("model_name") or first.get("name") or path.parent.name or path.stem)


def _made(head: Mapping[str, Any], catalog: Catalog) -> Iterator[Said]:
    """Yield what the fields say of how a model was made."""
    bases = texts(head.get("base_model"))
    for base in bases:
        yield "base", resolve(catalog, "models", base) or base, "base_model"
    relation = str(head.get("base_model_relation", ""))
    if relation in RELATIONS:
        yield *RELATIONS[relation], "base_model_relation"
    if head.get("library_name") == "peft":
        yield "algorithm", "peft", "library_name"
    named = size_in(_card_name(head, Path()))
    inherited = size_in(bases[0]) if len(bases) == 1 else ""
    if named or inherited:
        yield "sizes", named or inherited, "model-index (name)" if named else "base_model"
    for name in texts(head.get("datasets")):
        yield "data", resolve(catalog, "datasets", name) or name, "datasets"


def _meant(head: Mapping[str, Any], catalog: Catalog) -> Iterator[Said]:
    """Yield what the fields say of what a model is for, and on which terms it comes."""
    pipeline = str(head.get("pipeline_tag", ""))
    if pipeline in PIPELINES:
        yield "tasks", PIPELINES[pipeline], "pipeline_tag"
    for tag in texts(head.get("tags")):
        for axis, value in TAGS.get(tag.casefold().replace("_", "-").replace(" ", "-"), ()):
            yield axis, value, f"tags ({tag})"
    for result in _results(head):
        dataset = result.get("dataset")
        known = catalog.entries["datasets"].get(_set_id(dataset, catalog)) if isinstance(dataset, dict) else None
        for task in known.values("tasks") if known else ():
            yield "tasks", task, f"model-index ({known.name if known else ''})"
    for code in texts(head.get("language")):
        if re.fullmatch(r"[a-z]{2,3}", code.casefold()):
            yield "languages", code.casefold(), "language"
    licence = next(iter(texts(head.get("license"))), "").casefold()
    if licence == "other" and head.get("license_name"):
        yield "licence", str(head["license_name"]), "license_name"
    elif licence and licence not in ("other", "unknown"):
        yield "licence", licence_name(licence), "license"
    gates = sorted(key for key in head if key.startswith("extra_gated"))
    if gates:
        yield "access", "registration", gates[0]
    elif access := next((value for form, value in ACCESS if re.fullmatch(form, licence)), ""):
        yield "access", access, "license"


def _results(head: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the results of a card's index, as far as they have its form."""
    for model in head.get("model-index") or []:
        for result in (model.get("results") or []) if isinstance(model, dict) else []:
            if isinstance(result, dict):
                yield result


def _set_id(dataset: Mapping[str, Any], catalog: Catalog) -> str:
    kind, name = str(dataset.get("type", "")), str(dataset.get("name", ""))
    ours = kind.removeprefix("residency-").replace("-", "_") if kind.startswith("residency-") else ""
    return resolve(catalog, "datasets", ours, kind, name)


def _index(head: Mapping[str, Any], catalog: Catalog, model: str) -> Iterator[Measured]:
    """Yield the numbers of a card's ``model-index``."""
    for result in _results(head):
        dataset = result["dataset"] if isinstance(result.get("dataset"), dict) else {}
        found = _set_id(dataset, catalog)
        name = str(dataset.get("name") or dataset.get("type") or "a set without a name")
        part = " ".join(str(dataset[key]) for key in ("config", "split") if dataset.get(key))
        for metric in result.get("metrics") or []:
            value = metric.get("value") if isinstance(metric, dict) else None
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            args = metric["args"] if isinstance(metric.get("args"), dict) else {}
            called = (str(metric.get("name", "")), str(metric.get("type", "")))
            row = make_result(
                model, of="", set_=found or f"{name} (no data set of the catalog)", part=part, value=float(value),
                metric=resolve(catalog, "metrics", *called) or called[0] or called[1], protocol=protocol_text(args),
            )  # fmt: skip
            yield Measured(row, "reported", args.get("low"), args.get("high"), args.get("n"), args)


def make_result(model: str, *, of: str, set_: str, part: str, metric: str, value: float, protocol: str) -> Result:
    """Return a number as a result; one between 0 and 1 is a share, of others the scale is not known."""
    scale = "share" if 0 <= value <= 1 else ""
    return Result(
        model, of, size="", set=set_, part=part, metric=metric, value=value, scale=scale, than="", protocol=protocol,
        mark="P", sources=(), weak=False, note="",
    )  # fmt: skip


FIRST = ("method", "shots", "n", "split", "template", "extractor")
"""Parts of a protocol in the order in which they are told; the rest comes behind."""
SILENT = (
    "low high task model model_hash metric about fingerprint seconds items_sha256 data shot_ids stop prompt name type"
).split()
"""Parts of a protocol that a reader is told elsewhere, or that say nothing to a reader."""
_FORMS = {
    "n": "{} items",
    "split": "of {}",
    "shots": "{} shots",
    "max_tokens": "at most {} tokens",
    "shots_picked": "{} shots",
}


def protocol_text(how: Mapping[str, Any], unstated: str = UNSTATED) -> str:
    """Return a protocol in words, "method greedy generation; 0 shots; 100 items; of test"."""
    keys = [key for key in FIRST if key in how] + [key for key in how if key not in FIRST]
    said = []
    for key in keys:
        value = how[key]
        nothing = value is None or value is False or value in ("", [], {}) or (value == 0 and key != "shots")
        if nothing or key in SILENT or (key == "shots_picked" and not how.get("shots")):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        said.append(_FORMS.get(key, key.replace("_", " ") + " {}").format(shown))
    return "; ".join(said) or unstated
