"""The scripted tasks of the bench are solved exactly; those of the graph by the bench alone, which has HPO."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.infer.tools.all import tools
from residency.infer.tools.chart import open_chart

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import agent

        yield agent


def test_there_are_thirty_tasks_with_questions_of_their_own(bench):
    assert len({task.question for task in bench.TASKS}) == len(bench.TASKS) == 30


def test_every_task_without_a_graph_is_solved_exactly(bench, tmp_path):
    (tmp_path / "chart.ndjson").write_text("".join(bench.json.dumps(row) + "\n" for row in bench.CHART))
    chart = open_chart(tmp_path, "p1", today=bench.date.fromisoformat(bench.TODAY))
    known = {tool.name: tool for tool in tools(search=bench.search, chart=chart)}
    tasks = [task for task in bench.TASKS if task.needs != "graph"]
    assert len(tasks) == 28
    for task in tasks:
        done = bench.solve(task.question, bench.Scripted(task, known), [*known.values()])
        assert bench.solved(done, task), (task.question, done.why, [call.outcome for call in done.calls])


def test_a_number_is_told_from_a_part_of_another(bench):
    assert bench.has("it is 46.0 mL/min", "46") and not bench.has("it is 146 or 4.6", "46")
    assert bench.has("on 2024-10-07", "2024-10-07") and bench.has("HP:0001166", "hp:0001166")
