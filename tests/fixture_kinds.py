"""Items of the kinds `similar` and `tag`, as lines of a user's file and as examples."""

from __future__ import annotations

import json

from residency.evaluate.tasks.form import Ask, example_of

PAIR = {"id": "1", "text": "the sky is blue", "text_b": "blue the sky", "score": 3.4}
TAGGED = {"id": "1", "text": "the sky is blue", "labels": ["red", "blue"]}
LABELS = ("blue", "green", "red")
DECLARED = {"similar": "scale: [0, 5]\n", "tag": "labels: [blue, green, red]\n"}
ITEMS = {"similar": PAIR, "tag": TAGGED}


def task_file(folder, kind, rows=None, more="", shots=()):
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows or [ITEMS[kind]]))
    if shots:
        (folder / "solved.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shots))
        more += "shots: solved.jsonl\n"
    path = folder / f"{kind}.yaml"
    path.write_text(f"task: my_{kind}\nitems: items.jsonl\nkind: {kind}\n{DECLARED[kind]}{more}")
    return path


def many(kind, count=12):
    """Return items whose numbers or labels differ."""
    things = ["sky", "grass", "blood", "cat"]
    for n in range(count):
        row = {"id": f"i{n:02}", "group": f"g{n // 2}", "text": f"the {things[n % 4]} is {LABELS[n % 3]}"}
        if kind == "similar":
            yield {**row, "text_b": f"{LABELS[n % 2]} the {things[n % 3]}", "score": (n * 7 % 11) / 2}
        else:
            yield {**row, "labels": [label for place, label in enumerate(LABELS) if (n >> place) & 1]}


def put(kind, **how):
    ask = Ask("Look.", LABELS if kind == "tag" else (), scale=(0, 5) if kind == "similar" else (), **how)
    return example_of(kind, ask, ITEMS[kind], task="t")
