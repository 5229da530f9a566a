"""The page of an evaluation: what is worse than the first model stands there in red, what is not does not."""

from __future__ import annotations

from residency.evaluate.ledger import rows, versus
from residency.evaluate.overview import overview

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
