"""Tasks of lm-evaluation-harness on local data: the task files are theirs, included, and the rows are ours to read.

Each is named ``local_NAME``, after the task that it includes, and needs no hub. The rows come from the public sets of
$RESIDENCY_DATA, in the fields that the included file asks for; what is asked is therefore not always what the task
was made for (MedQA's template is put over ICD-10-CM codes), which a comparison of two scorers does not mind.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]
LETTERS = string.ascii_uppercase
WORDS = 40
"""Words of a text whose last one is to be said."""


def items_of(name: str, count: int) -> list[Row]:
    """Return the first test items of a public set."""
    from residency.corpus import benchmarks

    return benchmarks.items(name, "test").items[:count]


def medmcqa(count: int) -> list[Row]:
    """Return exam questions with four options; five more than asked for, to be shown before the others."""
    return [
        {
            "question": i["question"],
            "cop": i["answer"],
            **dict(zip(("opa", "opb", "opc", "opd"), i["choices"], strict=True)),
        }
        for i in items_of("medmcqa", count + 5)
    ]


def medqa(count: int) -> list[Row]:
    """Return terms with four ICD-10-CM codes."""
    return [
        {"sent1": i["question"], "label": i["answer"], **{f"ending{n}": c for n, c in enumerate(i["choices"])}}
        for i in items_of("icd10_coding", count)
    ]


def headqa_es(count: int) -> list[Row]:
    """Return Spanish exam questions."""
    return [
        {
            "qtext": i["question"],
            "ra": i["answer"] + 1,
            "answers": [{"aid": n + 1, "atext": c} for n, c in enumerate(i["choices"])],
        }
        for i in items_of("apollo_es", count)
    ]


def arc_easy(count: int) -> list[Row]:
    """Return Chinese exam questions."""
    return [_arc(i) for i in items_of("apollo_zh", count)]


def arc_challenge_chat(count: int) -> list[Row]:
    """Return exam questions with four options, the letter to be written."""
    return [_arc(i) for i in items_of("medmcqa", count)]


def _arc(item: Row) -> Row:
    labels = list(LETTERS[: len(item["choices"])])
    choices = {"text": item["choices"], "label": labels}
    return {"question": item["question"], "choices": choices, "answerKey": labels[item["answer"]]}


def french_bench_arc_challenge(count: int) -> list[Row]:
    """Return French exam questions whose answer is one of the first four, which is all that the template knows."""
    return [
        {"question": i["question"], "choices": i["choices"], "answerKey": LETTERS[i["answer"]]}
        for i in items_of("apollo_fr", count)
        if i["answer"] < 4
    ]


def pubmedqa(count: int) -> list[Row]:
    """Return questions to be answered from an abstract."""
    return [
        {"QUESTION": i["question"], "CONTEXTS": i["context"].split("\n"), "final_decision": i["choices"][i["answer"]]}
        for i in items_of("pubmedqa", count)
    ]


def lambada_openai(count: int) -> list[Row]:
    """Return the beginnings of answers for consumers, whose last word is to be said."""
    return [{"text": " ".join(i["reference"].split()[:WORDS])} for i in items_of("medquad", count)]


def wikitext(count: int) -> list[Row]:
    """Return passages of general text, and after these whole visits, some longer than a model's window."""
    from residency.corpus.general import general_text

    pages = [e.meta["text"] for e in general_text()] + [i["input"] for i in items_of("aci_bench", count)]
    return [{"page": page} for page in pages[:count]]


def meqsum(count: int) -> list[Row]:
    """Return consumers' messages to be put in one short question."""
    return [{"long": i["input"], "short": i["reference"]} for i in items_of("meqsum", count)]


_MEQSUM = (
    'output_type: generate_until\ndoc_to_text: "{{long}}\\nIn one short question:"\ndoc_to_target: "{{short}}"\n'
    'generation_kwargs:\n  until: ["\\n"]\n  max_gen_toks: 32\n  do_sample: false\n'
    "metric_list:\n  - metric: exact_match\n"
)
TASKS: dict[str, tuple[str, Callable[[int], list[Row]]]] = {
    "medmcqa": ("medmcqa/medmcqa.yaml", medmcqa),
    "medqa": ("medqa/medqa.yaml", medqa),
    "headqa_es": ("headqa/headqa_en.yaml", headqa_es),
    "arc_easy": ("arc/arc_easy.yaml", arc_easy),
    "french_bench_arc_challenge": ("french_bench/french_bench_arc_challenge.yaml", french_bench_arc_challenge),
    "pubmedqa": ("pubmedqa/pubmedqa.yaml", pubmedqa),
    "lambada_openai": ("lambada/lambada_openai.yaml", lambada_openai),
    "wikitext": ("wikitext/wikitext.yaml", wikitext),
    "arc_challenge_chat": ("arc/arc_challenge_chat.yaml", arc_challenge_chat),
    "meqsum": ("", meqsum),
}
"""Their task file (none: the one above, of written answers), and the rows that fill it."""


def write_tasks(folder: Path, items: int, names: Sequence[str] = tuple(TASKS)) -> list[str]:
    """Write task files and their rows, at most about ``items`` each, and return the tasks' names."""
    import lm_eval

    folder.mkdir(parents=True)
    theirs = Path(lm_eval.__file__).parent / "tasks"
    for name in names:
        file, rows = TASKS[name]
        head = f"include: {theirs / file}\n" if file else _MEQSUM
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(items)))
        (folder / f"{name}.yaml").write_text(
            f"{head}task: local_{name}\ndataset_path: json\ndataset_name: null\ndataset_kwargs:\n  data_files:\n"
            f"    test: {folder}/{name}.jsonl\ntraining_split: null\nvalidation_split: null\ntest_split: test\n"
            "fewshot_split: test\nfewshot_config:\n  sampler: first_n\n"
        )
    return [f"local_{name}" for name in names]
