"""Every application put to llama.cpp: its schema constrains, and what comes back has its form or is no answer."""

from __future__ import annotations

import asyncio
import contextlib

import jsonschema
import pytest

from residency.models.weights import SMOLLM2, packaged_file
from residency.serve.apps import load
from residency.serve.apps.case import case_of
from residency.serve.apps.run import run
from residency.serve.engine.flow import Flow
from residency.serve.engine.open import open_engine
from residency.serve.settings import Settings
from serve.api.flow_doubles import ANNA, MemoryRecord, WordGuard
from serve.apps.desk import every
from serve.tiny_gguf import tiny_gguf  # noqa: F401

NOTE = (
    "67-year-old man with type 2 diabetes and COPD, three days of cough and SOB. BP 128/76, crackles at the left base. "
    "Chest X-ray: consolidation of the left lower lobe, no effusion. Takes metformin 500 mg twice a day. No allergies. "
    "Pneumonia treated with amoxicillin 1 g three times a day for seven days. Review in two weeks."
)
CHANGED = ("coding", "abbreviations", "medication", "explanation", "structure", "discharge")
"""A check adds to the replies of these, or takes away."""
FIELDS = {
    "triage": {"complaint": "cough and fever for three days", "age": 67, "respiratory_rate": 22},
    "differential": {"case": NOTE},
    "structure": {"note": NOTE},
    "discharge": {"notes": NOTE},
    "impression": {"findings": "Consolidation of the left lower lobe. No effusion."},
    "coding": {"note": NOTE},
    "abbreviations": {"note": NOTE},
    "medication": {"question": "How is amoxicillin taken?", "source": NOTE},
    "explanation": {"text": NOTE},
    "screening": every([2, 2, 1, 1, 1, 1, 1, 1, 0], "phq"),
    "tutor": {"question": "Which vitamin lacks in scurvy?", "options": "vitamin A\nvitamin C\nvitamin D"},
}


@contextlib.contextmanager
def opened(name, folder, context):
    engine = open_engine(str(name), Settings(folder, parallel=1, context=context))
    try:
        yield engine
    finally:
        engine.close()


def came_of(engine, names):
    """Return what each application comes to, and the record."""
    record = MemoryRecord()
    flow = Flow({"it": engine}, WordGuard(), record)

    async def asked():
        return {name: await run(load()[name], FIELDS[name], flow, ANNA) for name in names}

    return asyncio.run(asked()), record


def sound(name, found):
    """Hold an outcome to what every one of them promises."""
    app = load()[name]
    assert found.decision in ("answered", "abstained") and found.model_hash and found.urgency
    if found.reply is None:
        assert found.text and found.why
        return
    if name not in CHANGED:
        jsonschema.validate(found.reply, case_of(app, FIELDS[name]).schema)
    assert set(app.schema["properties"]) == set(found.reply)


def test_llama_cpp_takes_every_schema_and_what_it_writes_has_the_form_or_is_no_answer(tmp_path, tiny_gguf):  # noqa: F811
    with opened(tiny_gguf, tmp_path, 8192) as engine:
        found, record = came_of(engine, FIELDS)
    assert set(found) == set(load()) and len(record.entries) == len(found)
    for name, one in found.items():
        sound(name, one)


@pytest.mark.slow
def test_smollm2_answers_in_their_form_or_is_held_back(tmp_path):
    with opened(packaged_file(SMOLLM2), tmp_path, 4096) as engine:
        found, record = came_of(engine, FIELDS)
    assert len(record.entries) == len(FIELDS)
    for name, one in found.items():
        sound(name, one)
        print(name, one.decision, one.urgency, [mark.code for mark in one.marks], one.reply or one.why)
    assert sum(one.decision == "answered" for one in found.values()) >= 4
    assert found["structure"].decision == "answered"
