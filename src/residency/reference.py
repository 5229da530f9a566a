"""docs/settings.md, made from the stages' own signatures: ``python -m residency.reference > docs/settings.md``.

What a setting may be stands in its type hint, where the check of a recipe reads it too, so the page cannot differ;
what it does stands in the comment over it.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from typing import Any, get_args

from residency import pipeline
from residency.core.check import describe
from residency.core.settings import REQUIRED, Field, flats, is_data, load, one_of, plain, settings_of, union
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
    parts = [HEAD, *_part("The whole recipe", "", ((name, field, "") for name, field in whole.items()))]
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
    yield from _part(path, _text(function), flat(function))
    for name, field in settings_of(function).items():
        if one := one_of(field.hint):
            for each, reader in one.table.items():
                yield from _stage(f"{path}.{name}.{each}", load(reader))


def _text(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").replace("``", "`")


def _part(title: str, text: str, settings: Iterable[tuple[str, Field, str]]) -> Iterator[str]:
    yield f"## {title}\n"
    if text:
        yield text + "\n"
    rows = list(settings)
    if not rows:
        yield "No settings.\n"
        return
    told = any(words for *_, words in rows)
    yield "| setting | default | legal |" + (" what it does |" if told else "")
    yield "|---|---|---|" + ("---|" if told else "")
    for name, field, words in rows:
        yield f"| `{name}` | {_default(field.default)} | {_legal(field.hint)} |" + (f" {words} |" if told else "")
    yield ""


def flat(documented: Callable[..., Any]) -> Iterator[tuple[str, Field, str]]:
    """Yield every setting of a function or a dataclass with the default that holds here and what it does, those of
    nested dataclasses by their dotted names."""
    said = comments(documented)
    for name, field in settings_of(documented).items():
        nested = next((part for part in union(field.hint) if is_data(part)), None)
        if nested is None:
            yield name, field, said.get(name, "")
            continue
        for inner, below, words in flat(nested):
            yield f"{name}.{inner}", Field(below.hint, getattr(field.default, inner, below.default)), words


def comments(documented: Callable[..., Any]) -> dict[str, str]:
    """Return the comment over each setting of a function or a dataclass, where there is one, by the setting's name."""
    source = textwrap.dedent(inspect.getsource(documented))
    lines, tree = source.splitlines(), ast.parse(source).body[0]
    found: dict[str, str] = {}
    for base in getattr(documented, "__bases__", ()):
        found |= comments(base) if is_data(base) else {}
    for node in tree.args.kwonlyargs if isinstance(tree, ast.FunctionDef) else getattr(tree, "body", ()):
        name = node.arg if isinstance(node, ast.arg) else getattr(getattr(node, "target", None), "id", "")
        over = takewhile(lambda line: line.startswith("#"), map(str.strip, reversed(lines[: node.lineno - 1])))
        if name and (words := " ".join(line.lstrip("# ") for line in reversed(list(over)))):
            found[name] = words
    for field in flats(documented).values():
        found |= comments(field.hint)
    return found


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
