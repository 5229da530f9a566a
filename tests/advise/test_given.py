"""What a file or folder is goes by what it holds, and nothing of its texts is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from residency.advise.given import Given, look
from residency.advise.needs import Needs
from residency.catalog.entries import Catalog
from residency.core.errors import UserError


@pytest.fixture
def looked(ward: Path, catalog: Catalog):
    """Return what looks at one name."""

    def at(name: str, **more: str) -> Given:
        [found] = look(Needs("ner", (name,), **more), catalog)
        return found

    return at


def test_a_task_is_counted_by_its_parts(looked) -> None:
    found = looked("findings.yaml")
    assert (found.kind, found.does, found.count, found.dev, found.test) == ("task", "extract", 375, 50, 75)
    assert found.proven and found.words > 3000 and found.language == "en"


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"text": "Seen."}, "texts"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "pairs"),
        ({"instruction": "a", "output": "b"}, "dialogues"),
        ({"messages": [{"role": "user", "content": "a"}]}, "dialogues"),
        ({"text": "Seen.", "label": "urgent"}, "labelled"),
        ({"text": "Seen.", "entities": []}, "labelled"),
    ],
)
def test_rows_are_known_by_their_keys(row: dict, kind: str, looked, ward: Path) -> None:
    (ward / "rows.jsonl").write_text(f"{json.dumps(row)}\n" * 7)
    found = looked("rows.jsonl")
    assert (found.kind, found.count) == (kind, 7)


def test_annotated_texts_and_exports_are_known_by_what_they_hold(looked, ward: Path) -> None:
    (ward / "brat").mkdir()
    (ward / "brat" / "a.txt").write_text("gout")
    (ward / "brat" / "a.ann").write_text("T1\tSign 0 4\tgout\n")
    assert (looked("brat").kind, looked("brat").count) == ("labelled", 1)
    (ward / "export").mkdir()
    (ward / "export" / "b.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": []}))
    assert looked("export").source == "fhir"
    (ward / "mixed").mkdir()
    (ward / "mixed" / "a.md").write_text("# Gout\n")
    assert (looked("mixed").kind, looked("mixed").source) == ("texts", "files")


def test_a_folder_of_nothing_is_told(looked, ward: Path) -> None:
    (ward / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no file"):
        looked("empty")


def test_notes_are_unproven_until_a_receipt_or_a_word_says_otherwise(looked, ward: Path) -> None:
    assert (looked("notes").source, looked("notes").proven, looked("notes").count) == ("notes", False, 3)
    assert looked("notes", waiver="invented").proven
    (ward / "receipt.json").write_text("{}")
    assert looked("notes").receipt == "receipt.json"


def test_questions_with_the_same_options_are_classes(looked, ward: Path) -> None:
    for name, other in (("same", "no"), ("various", "No, {}")):
        rows = [
            {"id": f"{n}", "question": f"So {n}?", "choices": ["yes", other.format(n)], "answer": 0} for n in range(6)
        ]
        (ward / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        (ward / f"{name}.yaml").write_text(f"task: {name}\nkind: choice\nitems: {name}.jsonl\n")
    assert looked("same.yaml").closed and not looked("various.yaml").closed
    assert looked("same.yaml").proven  # questions are no texts of patients


def test_a_mistake_in_a_task_is_told_by_its_line(looked, ward: Path) -> None:
    (ward / "bad.yaml").write_text("task: bad\nkind: extracts\nitems: drugs-test.jsonl\n")
    with pytest.raises(UserError, match="line 2: kind is 'extracts'; did you mean extract"):
        looked("bad.yaml")
