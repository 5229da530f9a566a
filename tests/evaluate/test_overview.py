"""The page of an evaluation: what is worse than the first model stands there in red, what is not does not."""

from __future__ import annotations

from datetime import UTC, datetime

from residency.core.store import read_json, write_json
from residency.evaluate.cuts import by_axes, by_language, primary_of
from residency.evaluate.ledger import rows, versus
from residency.evaluate.overview import overview, write_overview
from residency.evaluate.tasks import TASKS

PROTOCOL = {"method": "likelihood of the letter", "shots": 0, "precision": "fp32"}


def answered(right):
    """Return forty item rows of which the first ``right`` are right."""
    return [
        {"id": str(i), "group": str(i), "score": float(i < right), "prediction": "A", "wanted": ["A"], "hash": "h"}
        for i in range(40)
    ]


def page(**models):
    items = {"medmcqa": {name: answered(right) for name, right in models.items()}}
    protocols = {("medmcqa", name): PROTOCOL for name in models}
    first = next(iter(models))
    made = [row for name in models for row in rows("medmcqa", name, items["medmcqa"][name], PROTOCOL, None)]
    compared = versus(items, protocols, first)
    return overview(list(models), made, compared), compared


def test_a_model_that_got_worse_stands_in_red_with_its_interval():
    text, (row,) = page(base=35, small=10)
    assert row["verdict"] == "worse" and row["difference"] == -0.625 and row["high"] < 0 and row["n"] == 40
    assert '<tr class="worse"><th scope="row">MedMCQA' in text and "1 task, marked in red" in text
    assert "-62.5 points [" in text and "<td>small</td>" in text


def test_a_model_that_did_not_get_worse_does_not():
    text, (row,) = page(base=20, other=20)
    assert row["verdict"] == "open" and row["difference"] == 0
    assert 'class="worse"' not in text and "On no task is a model worse than the first" in text
    assert "of 1 differences 1 cannot be told from none" in text


def test_one_model_alone_is_compared_with_nothing():
    text, compared = page(base=20)
    assert compared == [] and "Against the first model" not in text and "50.0 [" in text


def test_what_so_few_items_can_tell_is_nothing():
    few = [{**row, "id": f"{n}", "group": f"{n}"} for n, row in enumerate(answered(20)[18:23])]
    made = rows("medmcqa", "base", few, PROTOCOL, None)
    assert made[0]["detectable"] is None and "none: too few items" in overview(["base"], made)


def test_the_page_says_how_it_was_made_and_shows_the_first_question_to_the_letter(tmp_path):
    made = rows("medmcqa", "base", answered(20), PROTOCOL, None)
    folder = tmp_path / "items" / "medmcqa"
    folder.mkdir(parents=True)
    asked = {"id": "1", "prompt": "<|im_start|>user\nWhich? " + "x" * 5000, "wanted": ["B"], "choices": ["A", "B"]}
    write_json(folder / "base.example.json", asked)
    cost = {"wall_s": 75.0, "peak_rss_mb": 1200.0}
    text = write_overview(tmp_path, ["base"], made, [], cost, "residency evaluate base --limit 9").read_text()
    assert "<code>residency evaluate base --limit 9</code>" in text and "1.2 GB at most" in text and "75 s" in text
    assert "&lt;|im_start|&gt;user\nWhich? x" in text and "(and 1,024 more characters)" in text
    assert "Answer in the data: B" in text and "MedMCQA" in text
    ledger = read_json(tmp_path / "ledger.json")
    assert ledger["command"] == "residency evaluate base --limit 9" and ledger["versions"]["torch"]
    assert datetime.fromisoformat(ledger["made"]) <= datetime.now(UTC) and ledger["machine"]["cores"]


def test_the_tasks_are_cut_by_who_they_are_for_and_by_the_stage_of_care():
    made = [r for task in ("medmcqa", "pubmedqa", "medquad") for r in rows(task, "base", answered(20), PROTOCOL, None)]
    cut = by_axes(primary_of(made))
    assert [(a["stakeholder"], a["care"], [r["task"] for r in a["rows"]]) for a in cut] == [
        (TASKS[task].stakeholder, TASKS[task].care, [task])
        for task in sorted(("medmcqa", "pubmedqa", "medquad"), key=lambda t: (TASKS[t].stakeholder, TASKS[t].care))
    ]
    assert all(r["metric"] == TASKS[r["task"]].metric for a in cut for r in a["rows"])
    assert all(TASKS[task].stakeholder in overview(["base"], made) for task in ("medmcqa", "pubmedqa", "medquad"))


def test_the_same_kind_of_task_in_several_languages_is_held_against_english():
    asked = {"medmcqa": ("en", 30), "apollo_es": ("es", 10), "apollo_fr": ("fr", 28), "pubmedqa": ("en", 5)}
    made = [
        row
        for task, (language, right) in asked.items()
        for row in rows(task, "base", answered(right), {**PROTOCOL, "language": language}, None)
    ]
    found = by_language(primary_of(made))
    assert [(r["language"], r["task"]) for r in found] == [
        ("English", "medmcqa"), ("Spanish", "apollo_es"), ("French", "apollo_fr"),
    ]  # fmt: skip
    assert found[0]["gap"] == "reference" and found[1]["gap"].startswith("-50.0 points [-")
    low, high = found[1]["gap"].split("[")[1].rstrip("]").split(", ")
    assert -75 < float(low) < -50 < float(high) < -25
    assert "Minus English" in overview(["base"], made)
    assert "Minus English" not in overview(["base"], [r for r in made if r["task"] == "medmcqa"])
