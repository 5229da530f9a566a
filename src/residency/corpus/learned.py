"""The rows of a finished corpus as what training learns from: dialogues, judged pairs, running text, and their order.

What is read is what the corpus wrote for trainers (``instruct/``, ``preference/``, ``text/``, ``order.parquet``): its
training part, cleaned and compared already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.core.types import Example, Message

SHAPES = ("text", "instruct", "preference")
Row = Mapping[str, Any]


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a folder of Parquet files, or of one file, some thousand in memory at a time."""
    import pyarrow.parquet as pq

    for file in sorted(folder.glob("*.parquet")) if folder.suffix != ".parquet" else [folder]:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches():
                yield from batch.to_pylist()


def texts(stage: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the running text of a corpus, by the ids that it has among what is gathered."""
    for row in rows(folder / "text"):
        yield {**row, "id": f"{stage}/{row['id']}"}


def dialogue(stage: str, row: Row) -> Example | None:
    """Return a dialogue as an example: all turns before the last answer are its prompt. None where there is none."""
    turns = row["messages"]
    if len(turns) < 2 or turns[-1]["role"] != "assistant" or not turns[-1]["content"].strip():
        return None
    return _example(stage, row, turns[:-1], "instruct", turns[-1]["content"])


def preference(stage: str, row: Row) -> Example | None:
    """Return a judged pair as an example; what both answers begin with belongs to the prompt. None where that fails."""
    prompt, chosen, rejected = row["prompt"] or [], row["chosen"], row["rejected"]
    if not chosen or not rejected or chosen[:-1] != rejected[:-1]:
        return None
    prompt = [*prompt, *chosen[:-1]]
    if not prompt or {chosen[-1]["role"], rejected[-1]["role"]} != {"assistant"}:
        return None
    return _example(stage, row, prompt, "prefer", chosen[-1]["content"], [rejected[-1]["content"]])


def _example(
    stage: str, row: Row, prompt: Sequence[Message], use: str, wanted: str, unwanted: Sequence[str] = ()
) -> Example:
    key, turns = f"{stage}/{row['id']}", [{"role": m["role"], "content": m["content"]} for m in prompt]
    meta = {"task": stage, "use": use, "facts": [*(m["content"] for m in turns), wanted]}
    return Example(key, turns, [wanted], list(unwanted), source=stage, group=key, meta=meta)


def order(stage: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the order of a corpus's mixture: a row each time that a document is seen, with its stage and epoch."""
    import pyarrow.parquet as pq

    if not (folder / "order.parquet").is_file():
        return
    names: dict[str, list[str]] = {}
    for row in rows(folder / "order.parquet"):
        shard = row["shard"]
        if shard not in names:
            names[shard] = pq.read_table(folder / "documents" / f"{shard}.parquet", columns=["id"])["id"].to_pylist()
        yield {"id": f"{stage}/{names[shard][row['place']]}", "stage": row["stage"], "epoch": row["epoch"]}
