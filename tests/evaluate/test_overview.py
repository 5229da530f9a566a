"""The page of an evaluation: what is worse stands there in red and in words, and every table can be read and heard."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from fixture_evaluation import make_evaluation
from residency.core.store import read_json, write_json
from residency.evaluate.cuts import by_axes, by_language, gaps, primary_of
from residency.evaluate.grids import figure, spread
from residency.evaluate.ledger import rows, versus
from residency.evaluate.overview import overview, resolve, write_overview
from residency.evaluate.tasks import MED, TASKS
from residency.evaluate.views import gap_text

PROTOCOL = {"method": "likelihood of the letter", "shots": 0, "precision": "fp32"}


def answered(right):
    """Return forty item rows of which the first ``right`` are right."""
    return [
        {"id": str(i), "group": str(i), "score": float(i < right), "prediction": "A", "wanted": ["A"], "hash": "h"}
        for i in range(40)
    ]


def plain(html):
    """Return a page's words, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


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
    assert "-62.5 points [" in plain(text) and 'class="count">small</th>' in text
    line = text.split('<tr class="worse">')[1].split("</tr>")[0]
    assert plain(line).endswith("▼ worse")


def test_a_model_that_did_not_get_worse_does_not():
    text, (row,) = page(base=20, other=20)
    assert row["verdict"] == "open" and row["difference"] == 0
    assert 'class="worse"' not in text and "On no task is a model worse than the first" in text
    assert "of 1 differences 1 cannot be told from none" in text


def test_the_linear_crf_has_a_part_of_its_own_and_is_no_other_model():
    items = {"medmcqa": {"small": answered(10), "baseline:crf": answered(35)}}
    protocols = {("medmcqa", name): PROTOCOL for name in items["medmcqa"]}
    made = [row for name, found in items["medmcqa"].items() for row in rows("medmcqa", name, found, PROTOCOL, None)]
    text = overview(["small"], made, versus(items, protocols, "baseline:crf", "baseline"))
    assert "In 0 of 1 comparisons a model does clearly better than it." in plain(text)
    assert "Paired differences to the linear CRF" in plain(text) and "A conditional random field" in plain(text)
    assert "Against the first model" not in text and 'class="count">Linear CRF</th>' in text


def test_one_model_alone_is_compared_with_nothing():
    text, compared = page(base=20)
    assert compared == [] and "Against the first model" not in text and "50.0 [" in plain(text)


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
        ("en", "medmcqa"), ("es", "apollo_es"), ("fr", "apollo_fr"),
    ]  # fmt: skip
    spanish, french = gaps(primary_of(made))
    assert found[0]["gap"] is None and (french["task"], french["language"]) == ("apollo_fr", "fr")
    assert (spanish["from"], spanish["from_task"], spanish["metric"]) == ("en", "medmcqa", "accuracy")
    assert spanish["difference"] == pytest.approx(-0.5)
    assert -0.75 < spanish["low"] < -0.5 < spanish["high"] < -0.25
    assert gap_text(spanish).startswith("-50.0 points [-") and gap_text(None) == "reference"
    assert "Minus English" in overview(["base"], made)
    assert "Minus English" not in overview(["base"], [r for r in made if r["task"] == "medmcqa"])


# --- how it can be read ----------------------------------------------------------------------------------------------


MODELS = ("base", "tuned", "gguf")


@pytest.fixture(scope="module")
def whole():
    rows, compared = make_evaluation(MODELS)
    return overview(MODELS, rows, compared)


def tables(html):
    return re.findall(r"<table.*?</table>", html, flags=re.S)


def table_of(html, caption):
    return next(table for table in tables(html) if caption in table)


def test_a_task_is_named_once_in_a_table_and_its_metrics_stand_under_it(whole):
    table = table_of(whole, "Med-Gen: values")
    groups = re.findall(r'<tr class="group"><th scope="rowgroup" colspan="6">(.*?)</th>', table)
    generated = [task for task in MED if task.family == "Med-Gen"]
    assert [unescape(title) for title in groups] == [task.title for task in generated]
    for title, body in zip(groups, re.findall(r"<tbody.*?</tbody>", table, flags=re.S), strict=True):
        assert body.count(title) == 1 and body.count('<th scope="row">') >= 8
        first = re.search(r'<tr class="first">(.*?)</tr>', body, flags=re.S).group(1)
        assert first.count('<td class="value">') == len(MODELS) and body.count('class="first"') == 1


def test_every_table_can_be_heard(whole):
    for table in tables(whole):
        assert table.count("<caption>") == 1 and "<th>" not in table
        heads = re.search(r"<thead>(.*?)</thead>", table, flags=re.S).group(1).count('scope="col"')
        bodies = re.findall(r"<tbody.*?</tbody>", table, flags=re.S)
        assert heads > 2 and bodies and all('scope="row"' in body for body in bodies)


def test_every_entry_of_the_contents_leads_to_its_place(whole):
    places = re.findall(r' id="([^"]+)"', whole)
    assert len(places) == len(set(places))
    contents = whole.split('<nav id="contents"')[1].split("</nav>")[0]
    links = re.findall(r'href="#([^"]+)"', contents)
    assert set(links) < set(places) and len(links) >= len(MED) + 6
    assert all(task.title in unescape(contents) for task in MED)


def test_what_was_not_scored_is_written_and_is_never_0(whole):
    last = table_of(whole, "Med-Gen: values").split("<tbody")[-1]
    assert last.count('<span class="none">not scored</span>') == 1
    bare = overview(["base"], [{**answered_row(), "value": None, "low": None, "high": None}])
    values = re.findall(r'<td class="value">(.*?)</td>', bare)
    assert len(values) == 3 and set(values) == {'<span class="none">not scored</span>'}


def answered_row():
    """Return the ledger row of a task's own metric."""
    return rows("medmcqa", "base", answered(20), PROTOCOL, None)[0]


def test_a_regression_is_said_in_words_wherever_it_is_red(whole):
    against = table_of(whole, "Paired differences")
    red = re.findall(r'<tr class="worse">(.*?)</tr>', against, flags=re.S)
    assert len(red) == len(MED[::5]) and all("▼</span> worse" in line for line in red)
    beside = [cell for cell in re.findall(r"<td.*?</td>", table_of(whole, "Med-QA: values")) if "worse" in cell]
    expected = sum(task.family == "Med-QA" for task in MED[::5])
    assert len(beside) == expected and all("▼</span> worse" in cell for cell in beside)


def test_several_models_stand_under_each_task_and_one_beside_the_first_has_a_line_a_task(whole):
    against = table_of(whole, "Paired differences")
    assert against.count('scope="rowgroup"') == against.count('<th scope="row">Compressed</th>') == len(MED)
    made, compared = make_evaluation(("base", "gguf"))
    against = table_of(overview(["a", "b"], made, compared), "Paired differences")
    assert re.findall(r'<th scope="rowgroup"[^>]*>(.*?)</th>', against) == list(dict.fromkeys(t.family for t in MED))
    assert all(unescape(against).count(f">{task.title} <small>") == 1 for task in MED)


def test_what_stands_behind_a_task_is_said_once_for_the_models_that_share_it():
    made = [row for name in ("a", "b", "c") for row in rows("medmcqa", name, answered(20), PROTOCOL, name == "c")]
    said = re.findall(r'<tr class="behind">(.*?)</tr>', overview(["a", "b", "c"], made))[0]
    assert re.findall("<p>(.*?)</p>", said) == [
        "How it was asked: likelihood of the letter, 0 examples, fp32.",
        "Answers: 0 unreadable, 0 not scored.",
        "In the training data: a, b: no; c: yes.",
    ]
    alone = re.findall(r'<tr class="behind">(.*?)</tr>', overview(["a"], made[:2]))[0]
    assert alone.count("<p>") == 1 and alone.count("In the training data: no.") == 1


def test_every_number_stands_with_its_counts_in_one_table(whole):
    made, _ = make_evaluation(MODELS)
    table = table_of(whole, "Every value with its 95% interval")
    body = re.findall(r"<tr>(.*?)</tr>", table.split("<tbody", 1)[1], flags=re.S)
    assert len(body) == len(made)
    assert [plain(line.split("</td>")[-2]) for line in body] == [str(row["not_scored"]) for row in made]


def test_models_that_differ_are_spread_out_and_those_that_do_not_are_not():
    assert spread(["20", "20"]) == "20" and spread(["9.5", "12.0", "2.3"]) == "2.3 to 12.0"
    assert spread(["2.3", "none: too few items"]) == "2.3, none: too few items"


def test_an_interval_is_set_apart_and_words_in_a_numbers_place_are_marked():
    assert figure("8.0 [5.4, 13.7]") == '8.0 <span class="interval">[5.4, 13.7]</span>'
    assert figure("not scored") == '<span class="none">not scored</span>' and figure("< 0.1") == "&lt; 0.1"


def test_a_model_of_a_run_is_named_by_the_run_it_was(tmp_path):
    run = tmp_path / "quickstart-0e241a2f"
    (run / "prefer").mkdir(parents=True)
    (run / "recipe.yaml").write_text("base: toy\n")
    (tmp_path / "latest").symlink_to(run)
    assert resolve(f"{tmp_path}/latest:base") == "quickstart-0e241a2f:base"
    assert resolve(f"{tmp_path}/latest/prefer") == "quickstart-0e241a2f/prefer"
    assert resolve("http://there/v1#m") == "http://there/v1#m" and resolve("smollm2-135m") == "smollm2-135m"
    made = rows("medmcqa", "base", answered(20), PROTOCOL, None)
    cost = {"wall_s": 1.0, "peak_rss_mb": 1000.0}
    page = write_overview(tmp_path, ["latest:base"], made, [], cost, "", ["quickstart-0e241a2f:base"])
    assert read_json(tmp_path / "ledger.json")["resolved"] == ["quickstart-0e241a2f:base"]
    assert "<dt>Models</dt><dd><code>quickstart-0e241a2f:base</code></dd>" in page.read_text()


def test_what_each_model_took_stands_beside_how_good_it_is():
    made = {name: rows("medmcqa", name, answered(right), PROTOCOL, None)[0] for name, right in (("a", 30), ("b", 10))}
    base = {"parameters": None, "train_s": None, "train_tokens_per_s": None, "train_peak_rss_mb": None, "stages": []}
    known = {"parameters": 134_515_008, "train_s": 1500.2, "train_tokens_per_s": 453.2, "train_peak_rss_mb": 3210.0}
    lines = [
        {**made["a"], **base, **known, "stages": ["instruct"], "seconds_per_item": 0.25},
        {**made["b"], **base, "parameters": 22_700_000, "train_s": 0.0, "seconds_per_item": 2.5},
    ]
    text = plain(overview(["a", "b"], list(made.values()), took=lines).split('<section id="took">')[1])
    assert "a75.0 [" in text and "134.5 M25 min 00 s4533.2 GB250 ms" in text
    assert "b25.0 [" in text and "22.7 Mnot trained––2.5 s" in text
    assert "Quality and cost" not in overview(["a"], [made["a"]], took=lines[:1])
