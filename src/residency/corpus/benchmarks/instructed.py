"""Instructions with their answers, to be learned from and not tested on: Huatuo's Chinese ones (BenTsao)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Item = dict[str, Any]
_TURN = re.compile(r"<(user|bot)>:")
_ROLES = {"user": "user", "bot": "assistant"}


def huatuo_zh(folder: Path) -> Iterator[Item]:
    """Yield the instructions of Huatuo (Wang et al. 2023, arXiv 2304.06975), made by a model from a knowledge graph,
    and its 1,000 conversations on papers about liver cancer; all are for training, none was checked by a physician."""
    for number, line in enumerate((folder / "llama_data.json").read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        asked = "\n\n".join(part for part in (row["instruction"].strip(), row["input"].strip()) if part)
        yield {"id": f"graph-{number:05d}", "input": asked, "reference": row["output"].strip(), "split": "train"}
    rows = json.loads((folder / "liver_cancer.json").read_text(encoding="utf-8"))
    for number, row in enumerate(rows):
        key, turns = f"liver-{number:04d}", spoken(row["instruction"])
        if not turns or turns[-1]["role"] != "user":
            yield {"id": key, "skip": "a conversation that does not end with a question"}
            continue
        yield {"id": key, "turns": turns, "reference": row["output"].strip(), "split": "train"}


def spoken(text: str) -> list[dict[str, str]]:
    """Return the turns of a text in which each begins with ``<user>:`` or ``<bot>:``."""
    parts = _TURN.split(text)[1:]
    return [{"role": _ROLES[role], "content": said.strip()} for role, said in zip(parts[::2], parts[1::2], strict=True)]
