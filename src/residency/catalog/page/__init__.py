"""The catalog as one HTML page that holds everything it needs: tables with filters, entries, and the three pictures.

The page can be read without its script, which adds filters, tabs and highlighting; nothing is fetched, from anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from residency import __version__
from residency.catalog import gaps
from residency.catalog.beside import beside, differences, number, value_text
from residency.catalog.entries import MARKS, Catalog
from residency.catalog.gap_picture import gap_picture
from residency.catalog.lineage import lineage
from residency.catalog.page import articles, tables
from residency.catalog.place import Placed
from residency.catalog.place_run import place_run
from residency.catalog.timeline import timeline
from residency.catalog.words import CELLS, words
from residency.core.store import atomic_path

HERE = Path(__file__).parent
KINDS = {
    "models": ("model", "models"),
    "datasets": ("data set", "data sets"),
    "methods": ("method", "methods"),
    "results": ("result", "results"),
    "metrics": ("metric", "metrics"),
    "sources": ("source", "sources"),
}
"""The tables of the page, and what one and several of a kind are called."""


def write_page(catalog: Catalog, out: Path, runs: Sequence[Path] = ()) -> None:
    """Write the page to the file ``out``, with the runs of ours in these folders on it."""
    text = page(catalog, [place_run(run, catalog) for run in runs])
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page(catalog: Catalog, runs: Sequence[Placed] = ()) -> str:
    """Return the page of a catalog as HTML."""
    found = gaps.gap_map(catalog)
    template = environment().get_template("catalog.html.jinja")
    compared = beside(catalog, *runs)
    results = articles.result_groups(catalog)
    shown = {kind: tables.table(catalog, kind, runs) for kind in tables.COLUMNS}
    counts = {kind: len(table.lines) for kind, table in shown.items()} | {"results": len(catalog.results)}
    return template.render(
        tables=shown,
        counts=counts,
        filters={
            **{kind: table.filters for kind, table in shown.items()},
            "results": articles.result_filters(catalog, results),
        },
        kinds=KINDS,
        results=results,
        articles=articles.articles(catalog),
        run_articles=[articles.run_article(catalog, one) for one in runs],
        axes=catalog.axes,
        marks=MARKS,
        timeline=timeline(catalog, link=tables.href),
        lineage=lineage(catalog, link=tables.href),
        gaps=gap_picture(found, catalog, link=True),
        gaps_told=gaps.told(found),
        gaps_text=gaps.as_text(found),
        compared=[(one, tables.named(catalog, one.set, one.metric), list(differences(one.groups))) for one in compared],
        sources_of=partial(tables.sources_of, catalog),
        version=__version__,
    )


@cache
def environment() -> Environment:
    """Return the page's templates: everything that is filled in is escaped, and a missing name is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"words": words, "cell_name": cell_name, "number": number, "value_text": value_text}
    return made


def cell_name(name: str) -> str:
    """Return what a cell or axis is called."""
    return CELLS.get(name, name.replace("_", " "))


def picture_file(picture: Markup) -> str:
    """Return a picture of the page as an SVG file of its own, which follows the reader's light or dark."""
    styles = environment().get_template("alone.css.jinja").render()
    head, _, rest = str(picture).partition(">")
    back: Any = '<rect class="back" width="100%" height="100%"/>'
    return f"{head}><style>{styles}</style>{back}{rest}\n"
