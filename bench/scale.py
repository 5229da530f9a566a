"""What `residency evaluate` needs for ever more items: seconds and peak memory, each size in a process of its own.

    python bench/scale.py [--items 1000,10000,100000] [--kinds choice,classify] [--model FOLDER] [--json]

The items are made up and lie in a user's own task file, as anybody's would. The model is a two-layer Llama of random
weights with the packaged tokenizer, small enough for the time and memory of our own code to show. Of each size are
printed the seconds of the whole command, of asking alone, and the peak memory; and beside the size before, the bytes
and the seconds that each further item took.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Row = dict[str, Any]
LABELS = ("urgent", "soon", "routine")
STEMS = ("card", "derm", "gastr", "hepat", "nephr", "neur", "oste", "pulm", "haemat", "enter", "arthr", "cyst")
ENDS = ("itis", "osis", "algia", "ectomy", "opathy", "emia", "oma", "plasty", "rrhage", "ology")


def main() -> None:
    """Measure every size and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="1000,10000,100000")
    parser.add_argument("--kinds", default="choice,classify")
    parser.add_argument("--model", default="", help="a folder (default: the small random model)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        model = args.model or str(small_model(Path(scratch) / "model"))
        for kind in args.kinds.split(","):
            before: Row = {}
            for count in map(int, args.items.split(",")):
                row = measured(model, kind, count, Path(scratch) / f"{kind}-{count}")
                rows.append({**row, **grown(before, row)})
                print(line(rows[-1]), file=sys.stderr, flush=True)
                before = row
    print(json.dumps(rows, indent=1) if args.json else "\n".join([HEAD, *map(line, rows)]))


def small_model(folder: Path) -> Path:
    """Return the folder of a two-layer Llama of random weights with the packaged tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from residency.models.weights import packaged_base

    packaged = packaged_base()
    tokenizer = AutoTokenizer.from_pretrained(packaged)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for path in packaged.iterdir():
        if path.name.startswith(("tokenizer", "special_tokens", "vocab", "merges", "chat_template")):
            shutil.copy(path, folder)
    return folder


def measured(model: str, kind: str, count: int, folder: Path) -> Row:
    """Return what the command took for this many items."""
    task = write_task(folder, kind, count)
    command = [sys.executable, "-m", "residency", "evaluate", model, "--tasks", str(task), "--precision", "fp32"]
    environment = {**os.environ, "RESIDENCY_RUNS": str(folder / "runs")}
    began = time.perf_counter()
    with (folder / "said.json").open("wb") as said:
        process = subprocess.Popen([*command, "--json"], stdout=said, env=environment, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    document = json.loads((folder / "said.json").read_text())
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {document.get('error')}")
    asking = document["rows"][0]["protocol"]["seconds"]
    assert document["rows"][0]["n"] == count
    shutil.rmtree(folder)
    return {"kind": kind, "items": count, "seconds": seconds, "asking": asking, "peak_mb": usage.ru_maxrss / 1024}


def write_task(folder: Path, kind: str, count: int) -> Path:
    """Return the file of a user's own task, after writing it with this many items."""
    folder.mkdir(parents=True)
    draw = random.Random(f"0:{kind}")
    with (folder / "items.jsonl").open("w", encoding="utf-8") as handle:
        for number in range(count):
            handle.write(json.dumps({"id": f"{number:07d}", **item(kind, draw)}) + "\n")
    labels = f"labels: [{', '.join(LABELS)}]\n" if kind == "classify" else ""
    path = folder / f"{kind}.yaml"
    path.write_text(f"task: scale_{kind}\nitems: items.jsonl\nkind: {kind}\n{labels}")
    return path


def item(kind: str, draw: random.Random) -> Row:
    """Return a made-up item."""
    text = " ".join(word(draw) for _ in range(draw.randint(10, 30)))
    if kind == "classify":
        return {"text": text, "label": draw.choice(LABELS)}
    choices: list[str] = []
    while len(choices) < 4:
        choices += [new for new in [word(draw)] if new not in choices]
    return {"question": f"{text}?", "choices": choices, "answer": draw.randrange(4)}


def word(draw: random.Random) -> str:
    """Return a word that looks like a medical one."""
    return draw.choice(STEMS) + draw.choice(ENDS)


def grown(before: Row, row: Row) -> Row:
    """Return what each further item took beside the size before."""
    if not before:
        return {}
    more = row["items"] - before["items"]
    return {
        "bytes_an_item": (row["peak_mb"] - before["peak_mb"]) * 2**20 / more,
        "seconds_an_item": (row["seconds"] - before["seconds"]) / more,
    }


HEAD = (
    f"{'kind':10s} {'items':>8s} {'seconds':>8s} {'asking':>8s} {'items/s':>8s} {'peak MB':>8s} "
    f"{'bytes/item more':>16s} {'ms/item more':>13s}"
)


def line(row: Row) -> str:
    """Return a row of the table."""
    more = f"{row['bytes_an_item']:16.0f} {1000 * row['seconds_an_item']:13.3f}" if "bytes_an_item" in row else ""
    return (
        f"{row['kind']:10s} {row['items']:8d} {row['seconds']:8.1f} {row['asking']:8.1f} "
        f"{row['items'] / row['seconds']:8.0f} {row['peak_mb']:8.0f} {more}"
    )


if __name__ == "__main__":
    main()
