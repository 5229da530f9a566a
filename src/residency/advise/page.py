"""docs/advise.md, made from the rules, the figures that they quote and six needs: python -m residency.advise.page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from residency.advise import conflicts, form, gates, missing, stages
from residency.advise.advice import Advice, advise
from residency.advise.case import Case
from residency.advise.evidence import measured
from residency.advise.given import Given
from residency.advise.needs import needs_of
from residency.advise.tasks import OPEN
from residency.catalog.entries import Catalog, load
from residency.evaluate.tasks import TASKS

TEMPLATE = Path(__file__).with_name("page.md")
SCENARIOS = {
    "a 2-core server with notes and 500 labels": "--task ner --data findings.yaml notes --memory 8GB --latency 500ms "
    "--labelled 500 --unlabelled 20000 --stakeholder clinician --care diagnosis --out server.yaml",
    "a GPU workstation with Spanish notes": "--task ner --data hallazgos.yaml notas --language es --memory 64GB "
    "--accelerator 24GB --stakeholder clinician --out workstation.yaml",
    "no labels at all": "--task ner --data notes --memory 16GB --labelled 0 --unlabelled 20000 --out unlabelled.yaml",
    "extraction": "--task ie --data drugs.yaml --memory 8GB --latency 50ms --stakeholder researcher "
    "--out extraction.yaml",
    "patient education": "--task generation --memory 8GB --stakeholder patient --care recovery --out education.yaml",
    "triage under 1 GB": "--task cls --data triage.yaml --memory 1GB --latency 100ms --care triage "
    "--out triage-1gb.yaml",
}
"""The six needs that are tested, each with its command."""


def _task(name: str, does: str, metric: str, counts: tuple[int, int, int, int], language: str = "en") -> Given:
    """Return a task of somebody's own, as if its files had been looked at."""
    count, dev, test, words = counts
    known: dict[str, Any] = {
        "does": does,
        "proven": True,
        "language": language,
        "extra": {"task": name, "metric": metric},
    }
    return Given(f"{name}.yaml", "task", count, dev, test, words, **known)


HAVE = {
    one.name: one
    for one in (
        _task("findings", "extract", "entity_f1", (375, 50, 75, 4121)),
        _task("hallazgos", "extract", "entity_f1", (375, 50, 75, 4121), "es"),
        _task("drugs", "extract", "entity_f1", (160, 24, 60, 1784)),
        _task("triage", "classify", "macro_f1", (160, 24, 60, 1831)),
        Given("notes", "texts", 20_000, source="notes"),
        Given("notas", "texts", 20_000, source="notes"),
    )
}
"""What the six have."""
RULES: dict[str, tuple[Callable[..., Any], ...]] = {
    "Encoder, generator or prompting: the first that applies": form.RULES,
    "Stages: in, or left out with a reason": stages.RULES,
    "What must be shown or done first": gates.RULES,
    "What does not go together, with the nearest that is possible": conflicts.RULES,
    "What is not there today": missing.RULES,
    "What is not known": missing.UNKNOWN,
}


def page() -> str:
    """Return docs/advise.md."""
    catalog = load()
    parts = {
        "scenarios": "\n\n".join(
            told for name, command in SCENARIOS.items() for told in scenario(name, command, catalog)
        ),
        "rules": "\n\n".join(rules()),
        "figures": "\n".join(figures()),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


def scenario(name: str, command: str, catalog: Catalog) -> Iterator[str]:
    """Yield a need: its command, what is proposed, what stands against it, and the recipe."""
    made = advised(command, catalog)
    yield f"### {name[0].upper()}{name[1:]}"
    yield f"```\nresidency advise {command}\n```"
    lines = [f"- **{made.form.name}**, {made.base.name}; stages: {_stages(made)}; rows: {made.rows.text}"]
    lines += [f"- left out: {one.name}, {one.reason.text}" for one in made.left_out if one.name != "training"]
    lines += [f"- examined: {one.name}, {one.reason.text}" for one in made.evaluate]
    lines += [f"- but: {one.text}" for one in made.conflicts]
    yield "\n".join(lines)
    body = made.text.split("\n\n", 1)[1]
    yield f"```yaml\n{body}```"


def _stages(made: Advice) -> str:
    """Return the stages with their paradigm, compression among them."""
    found = [f"{stage.name} ({stage.paradigm.replace('_', ' ')})" for stage in made.stages]
    return ", ".join([*found, *(["quantize"] if "compress" in made.recipe else [])]) or "none"


def advised(command: str, catalog: Catalog) -> Advice:
    """Return the advice of one of the six commands on any machine: every set is here, and none is counted."""
    options = options_of(command)
    given = tuple(HAVE[name] for name in options.get("data", ()))
    here = frozenset(name for names in OPEN.values() for name in names) | {n for n, task in TASKS.items() if task.data}
    return advise(Case(needs_of(options, catalog), given, catalog, here, {"memory_gb": 8}, lambda name: None))


def options_of(command: str) -> dict[str, Any]:
    """Return the options of such a command as the parser has them."""
    found: dict[str, Any] = {}
    words = shlex.split(command)
    names = [at for at, word in enumerate(words) if word.startswith("--")]
    for at, end in zip(names, [*names[1:], len(words)], strict=True):
        name, values = words[at][2:], words[at + 1 : end]
        found[name] = values if name == "data" else int(values[0]) if name.endswith("labelled") else values[0]
    return found


def rules() -> Iterator[str]:
    """Yield the rules as lists under their heads, in the words of the functions that they are."""
    for head, functions in RULES.items():
        yield f"### {head}"
        yield "\n".join(f"- `{rule.__name__}`: {' '.join((rule.__doc__ or '').split())}" for rule in functions)


def figures() -> Iterator[str]:
    """Yield the figures as rows of a table."""
    yield "| figure | what it says | protocol | machine | told in |"
    yield "|---|---|---|---|---|"
    for name, one in measured().items():
        when = f"{one.date}, at {one.commit}" if one.commit else one.date
        told = f"{one.page}, {one.section}".replace("|", "/")
        yield f"| `{name}` | {one.says} | {one.protocol} ({when}) | {one.machine} | {told} |"


if __name__ == "__main__":
    print(page(), end="")
