"""All tools together: those that need nothing, and those of a graph, a search and a chart where they are handed in."""

from __future__ import annotations

from typing import Any

from residency.infer.tools import codes, convert
from residency.infer.tools.calculator import calculators
from residency.infer.tools.chart import Chart, chart_tools
from residency.infer.tools.knowledge import Search, graph_tools, literature
from residency.infer.tools.tool import Tool


def tools(*, search: Search | None = None, graph: Any = None, chart: Chart | None = None) -> list[Tool]:
    """Return every tool that can be had, by name each once: calculators, conversion, codes, then what is handed in.

    ``search`` takes words and returns what was found, ``graph`` is a knowledge graph, ``chart`` one patient's record.
    """
    found = [*calculators(), *convert.tools(), *codes.tools()]
    found += [literature(search)] if search else []
    found += graph_tools(graph) if graph is not None else []
    return found + (chart_tools(chart) if chart else [])
