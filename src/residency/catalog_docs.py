"""docs/catalog.md, made from the catalog: ``python -m residency.catalog_docs > docs/catalog.md``.

The answers on the page are what the commands print: they are run when the page is made, and again by its test.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout

from residency import cli
from residency.catalog.entries import DATA, MARKS, Catalog, axes_of, load
from residency.catalog.show import counts

QUESTIONS = (
    ("Which models of at most 3 billion parameters mark names or relations?", "models --task ner,re --max-params 3B"),
    ("Which small models are made for patients?", "models --stakeholder patient --max-params 3B"),
    ("Which systems were made small, and how?", "models --compression distillation,pruning,quantization"),
    (
        "Which models read medical text on and then learnt from preferences?",
        "models --paradigm continued_pretraining+alignment",
    ),
    ("What has been made out of LLaMA-2, directly or not?", "models --base llama2 --sort oldest"),
    (
        "Which Chinese dialogues of several turns can be had for instruction tuning?",
        "datasets --use instruct --language zh --form multi_turn --licence open",
    ),
    ("Which data sets are there in Spanish?", "datasets --language es"),
    ("Which methods let several roles, or tools, work together?", "methods --kind agents"),
    ("What was published on PubMedQA, and what may be compared?", "results --set pubmedqa"),
    ("Which systems do all three surveys name?", "models --named-in A+B+C"),
    ("What is known of Med-PaLM 2, and on what does it rest?", "'Med-PaLM 2'"),
    ("For which task, whom and which stage of care is nothing open?", "gaps"),
)
"""What a reader of the three surveys would ask, and the arguments that answer it."""

HEAD = """# The catalog

Made by `python -m residency.catalog_docs`; a test makes it again and compares.

The catalog is a map of small medical language models: systems, data sets, methods, metrics and published results, as
three surveys draw it (A: Garg et al. 2025, arXiv 2504.17119; B: Wang et al. 2024, arXiv 2406.10303; C: Liu et al. 2024,
arXiv 2406.03712). Every value bears a mark that says what it rests on, and names its sources. `residency catalog` asks
it; `residency catalog ENTRY` shows all that is known of one thing; `--json` gives either as a document;
`residency catalog page --out catalog.html` makes a page with filters, a timeline and the lines of descent, and
`residency catalog place runs/latest` places a run of yours, or a model card, on the same axes.
"""
UNKNOWN = """## Unknown is not no

What nobody could read is left out, and stays unknown. An entry whose cell is unknown fits no wish about it: it is left
out of the answer, which says how many were left out and why. What is only from memory is shown with "(from memory)",
and `--firm` leaves it out as if it were unknown. Results stand in groups of one set, metric and protocol. Only where
the protocol is known whole and one source measured all of them are they put in order of value.
"""
OWN = """## An entry of your own

An entry is one file, `FOLDER/models/ID.yaml` (or `datasets`, `methods`, `metrics`, `sources`); its id is the name of
the file. Leave out what you do not know. A value is a cell: `is` the value, `mark` what it rests on, `from` the ids of
the sources it was read in (a source is an entry too), and where it helps a `note` or `weak: true`. A result says its
`protocol`; where nothing is known of it: `not stated in what was read`. BioGPT's file:

```yaml
{example}```

`residency catalog check FOLDER` lists everything that is wrong with the folder, with file and line: names given twice,
values that are on no axis, odd sizes, results without protocol, references to what is not there. Then
`residency catalog models --with FOLDER` answers with your entries among ours. To add one to Residency itself, put the
file into `src/residency/catalog/data`, run `residency catalog check`, and make this page again.
"""


def page() -> str:
    """Return docs/catalog.md."""
    catalog = load()
    parts = [HEAD, *_counted(catalog), *_axes(), UNKNOWN, "## Twelve questions\n"]
    for number, (question, arguments) in enumerate(QUESTIONS, 1):
        parts.append(
            f"### {number}. {question}\n\n```console\n$ residency catalog {arguments}\n{answer(arguments)}```\n"
        )
    example = (DATA / "models" / "biogpt.yaml").read_text(encoding="utf-8")
    return "\n".join([*parts, OWN.format(example=example)])


def answer(arguments: str) -> str:
    """Return what `residency catalog` prints with some arguments; RuntimeError where it fails."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = cli.main(["catalog", *shlex.split(arguments)])
    if code:
        raise RuntimeError(f"residency catalog {arguments}: exit code {code}")
    return out.getvalue()


def _counted(catalog: Catalog) -> Iterator[str]:
    """Yield what there is, by kind and by mark."""
    yield "## What there is\n"
    yield f"| | entries | {' | '.join(MARKS)} | weak |"
    yield f"|---|---|{'---|' * len(MARKS)}---|"
    for kind, count in counts(catalog).items():
        yield f"| {kind.replace('datasets', 'data sets')} | {' | '.join(f'{number:,}' for number in count.values())} |"
    listed = "; ".join(f"{mark}: {words}" for mark, words in MARKS.items())
    yield f"\nThe letters count the values of the entries by what they rest on. {listed}. Weak: the ground is doubtful."
    sources = len(catalog.entries["sources"])
    yield f"The values are from {sources} sources, each an entry that says what of it was read.\n"


def _axes() -> Iterator[str]:
    """Yield the axes with their values."""
    yield "## The axes\n"
    for name, axis in axes_of(DATA).items():
        yield f"**{name}**: {axis['about']}\n"
        yield "| value | meaning | mark |"
        yield "|---|---|---|"
        for value, meant in axis["values"].items():
            yield f"| `{value}` | {meant['about']} | {meant['mark']} |"
        yield ""


if __name__ == "__main__":
    print(page(), end="")
