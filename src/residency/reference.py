"""docs/settings.md, made from the stages' own signatures: ``python -m residency.reference > docs/settings.md``.

What a setting may be stands in its type hint, where the check of a recipe reads it too, so the page cannot differ.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from residency import pipeline
from residency.core.check import describe
from residency.core.settings import REQUIRED, Field, is_data, load, one_of, plain, settings_of, union
from residency.train.schedule import Schedule

HEAD = """# The settings of a recipe

Made by `python -m residency.reference`; a test holds it to the code. A recipe or an argument that says anything else is
answered before a run starts, all mistakes at once.

`60k`, `1.5M` and `1e-3` are numbers. A stage of a list is set by its name (`train.instruct.schedule.epochs=2`), and
`false` in place of its settings switches it off, with what needs it. A `seed` holds for all beneath it that names none.
Paths are sought from where the command is given.
"""


def page() -> str:
    """Return docs/settings.md."""
    sections = pipeline.sections()
    whole = {name: field for name, field in sections.items() if not _function(field.hint) and not one_of(field.hint)}
    parts = [HEAD, *_part("The whole recipe", "", whole)]
    for name, field in sections.items():
        if one := one_of(field.hint):
            for each, named in one.table.items():
                parts += _stage(f"{name}.{each}", load(named))
        elif function := _function(field.hint):
            parts += _stage(name, function)
    parts += [f"## schedule\n\n{_text(Schedule)}\n"]
    return "\n".join(parts)


def _function(hint: Any) -> Callable[..., Any] | None:
    return hint if inspect.isroutine(hint) else None


def _stage(path: str, function: Callable[..., Any]) -> Iterator[str]:
    """Yield the part of a stage, then one for each of the sources that it may name."""
    fields = settings_of(function)
    yield from _part(path, _text(function), fields)
    for name, field in fields.items():
        if one := one_of(field.hint):
            for each, reader in one.table.items():
                yield from _stage(f"{path}.{name}.{each}", load(reader))


def _text(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").replace("``", "`")


def _part(title: str, text: str, fields: Mapping[str, Field]) -> Iterator[str]:
    yield f"## {title}\n"
    if text:
        yield text + "\n"
    if not fields:
        yield "No settings.\n"
        return
    yield "| setting | default | legal |\n|---|---|---|"
    for name, field in _flat(fields):
        yield f"| `{name}` | {_default(field.default)} | {_legal(field.hint)} |"
    yield ""


def _flat(fields: Mapping[str, Field]) -> Iterator[tuple[str, Field]]:
    """Yield every setting, those of nested dataclasses by their dotted names, with the default that holds here."""
    for name, field in fields.items():
        nested = next((part for part in union(field.hint) if is_data(part)), None)
        if nested is None:
            yield name, field
            continue
        for inner, below in _flat(settings_of(nested)):
            yield f"{name}.{inner}", Field(below.hint, getattr(field.default, inner, below.default))


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "(needed)"
    return f"`{json.dumps(plain(value))}`"


def _legal(hint: Any) -> str:
    if one := one_of(hint):
        return f"a list of {{name: settings}}, one or more, with names from: {', '.join(one.table)}"
    if len(parts := union(hint)) > 1:
        return ", or ".join(_legal(part) for part in parts)
    words = re.sub(r" \(such as [^)]*\)", "", describe(hint))
    inner = get_args(hint)[1:] if words == "a mapping" else ()
    return f"{words} to {describe(inner[0])}" if inner else words


if __name__ == "__main__":
    print(page(), end="")
