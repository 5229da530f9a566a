"""The catalog, loaded once, and a small folder of entries that is sound, for tests to spoil."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.catalog.entries import Catalog, load

SMALL = {
    "sources/mine.yaml": "name: Mine\nkind: survey\nyear: 2024\nlink: https://example.org/mine\nread: all of it\n",
    "sources/garg2025.yaml": "name: The first survey\nkind: survey\n",
    "sources/card1.yaml": "name: The card of Alpha\nkind: card\nread: the licence\n",
    "models/root.yaml": """\
name: Root
about: A base.
kind: general
named: [{in: mine, mark: V, from: [mine]}]
sizes: {is: [3B, 7B], mark: P, from: [card1]}
paradigm: {is: [scratch], mark: P, from: [card1]}
tasks: {is: [lm], mark: O}
""",
    "models/alpha.yaml": """\
name: Alpha
also: [Alpha-Chat]
about: It marks diseases.
kind: domain
named: [{in: mine, mark: V, from: [mine]}, {in: garg2025, mark: M, weak: true}]
base: {is: [root], mark: P, from: [card1]}
sizes: {is: [7B], mark: P, from: [card1]}
paradigm: {is: [instruction_tuning], mark: P, from: [card1]}
data: {is: [notes], mark: P, from: [card1], note: a tenth of them}
tasks: {is: [ner, qa], mark: P, from: [card1]}
care: {is: [diagnosis], mark: O}
languages: {is: [en, es], mark: P, from: [card1]}
licence: {is: Apache-2.0, mark: P, from: [card1]}
access: {is: open, mark: P, from: [card1]}
release: {is: 2023-05, mark: P, from: [card1]}
results:
  - {set: exam, metric: accuracy, value: 61.5, scale: percent, protocol: zero-shot, mark: V, from: [mine]}
  - {of: Alpha-Chat, set: exam, metric: accuracy, value: 70.0, scale: percent, protocol: five-shot,
     mark: V, from: [mine]}
""",
    "models/beta.yaml": """\
name: Beta 2
about: A child of Alpha that nobody described.
kind: domain
named: [{in: mine, mark: M}]
base: {is: [alpha], mark: M}
sizes: {is: [500M], mark: M}
tasks: {is: [ner], mark: M}
compression: {is: [distillation], mark: M}
release: {is: "2024", mark: M}
results:
  - {set: exam, metric: accuracy, value: 66.0, scale: percent, protocol: zero-shot, mark: V, from: [mine]}
  - {set: exam, metric: accuracy, value: 50.0, scale: percent, protocol: not stated in what was read, mark: M}
  - {set: a private set, metric: f1, value: 0.4, scale: share, protocol: zero-shot, mark: M, weak: true}
""",
    "models/gamma.yaml": """\
name: Gamma
about: Only a name is known.
named: [{in: mine, mark: V, from: [mine]}]
""",
    "datasets/notes.yaml": """\
name: Notes
about: Running text of a clinic.
named: [{in: mine, mark: V, from: [mine]}]
use: {is: [pretrain], mark: O}
access: {is: gated, mark: P, from: [card1]}
""",
    "datasets/exam.yaml": """\
name: The Exam
about: Questions with options.
named: [{in: mine, mark: V, from: [mine]}]
use: {is: [evaluate], mark: O}
form: {is: [multiple_choice], mark: V, from: [mine]}
tasks: {is: [qa], mark: V, from: [mine]}
metrics: {is: [accuracy], mark: V, from: [mine]}
within: {is: [notes], mark: O}
languages: {is: [en], mark: V, from: [mine]}
size: {is: [{count: 1200, unit: questions, about: true}], mark: M}
here: [exam_task]
""",
    "methods/panel.yaml": """\
name: Panel
about: Several roles answer.
named: [{in: mine, mark: V, from: [mine]}]
kind: {is: [agents], mark: V, from: [mine]}
tasks: {is: [qa], mark: V, from: [mine]}
""",
    "metrics/accuracy.yaml": "name: accuracy\nabout: Right ones.\nbetter: higher\nnamed: [{in: mine, mark: M}]\n",
    "metrics/f1.yaml": "name: F1\nabout: A mean.\nbetter: higher\nnamed: [{in: mine, mark: M}]\n",
}
"""A folder of entries: file -> text."""


@pytest.fixture(scope="session")
def ours() -> Catalog:
    """Return the catalog that comes with Residency."""
    return load()


def written(folder: Path) -> Path:
    """Return a folder after writing the small one's entries to it."""
    for name, text in SMALL.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a small folder of entries, sound and complete in itself, which a test may change."""
    return written(tmp_path / "entries")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return the catalog of such a folder, read and checked once."""
    return load(written(tmp_path_factory.mktemp("small") / "entries"))
