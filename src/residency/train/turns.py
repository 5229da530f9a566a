"""A dialogue as one block in which every turn of the assistant is learned, and nothing that others say.

Where the chat template marks what the assistant says (``{% generation %}``), its marks are taken. Else the turns are
found by rendering the dialogue up to each of them, which must be how the whole of it begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from residency.core.errors import UserError
from residency.core.types import Message
from residency.models.local import LocalModel
from residency.models.pack import Block

MARK = re.compile(r"\{%-?\s*generation\s*-?%\}")
PROBE: list[Message] = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"},
    {"role": "user", "content": "c"},
    {"role": "assistant", "content": "d"},
]
"""The dialogue that a template is tried on."""
Told = tuple[list[int], list[bool]]
"""The token ids of a dialogue, and which of them the assistant says."""


def turned(messages: Sequence[Message], model: LocalModel, *, id: str = "") -> Block:
    """Return a dialogue as a block of one branch, from the assistant's first answer to its last, whose answers alone
    are scored, each with the token that ends it.

    UserError where the template does not tell the assistant's turns.
    """
    ids, said = by_marks(messages, model) if is_marked(model) else by_beginnings(messages, model)
    if True not in said:
        return Block(ids, [[]], notes=[1.0], id=id, scored=[[]])
    first = max(1, said.index(True))  # what is predicted stands behind something
    last = len(said) - said[::-1].index(True)
    return Block(ids[:first], [ids[first:last]], notes=[1.0], id=id, scored=[said[first:last]])


def tells_turns(model: LocalModel) -> None:
    """Raise UserError where a model's chat template does not tell which turns are the assistant's, ends included."""
    block = turned(PROBE, model)
    told = [token for token, said in zip(block.branches[0], block.scored[0], strict=True) if said]
    if told.count(model.end) < 2:
        raise _untold(
            model, "its marked turns do not hold the token that ends them, so a model would not learn to stop"
        )


def is_marked(model: LocalModel) -> bool:
    """Return whether a model's chat template marks what the assistant says."""
    return bool(MARK.search(str(model.tokenizer.chat_template)))


def by_marks(messages: Sequence[Message], model: LocalModel) -> Told:
    """Return a dialogue as its template marks it."""
    made = model.tokenizer.apply_chat_template(
        list(messages), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    return list(made["input_ids"]), [bool(mark) for mark in made["assistant_masks"]]


def by_beginnings(messages: Sequence[Message], model: LocalModel) -> Told:
    """Return a dialogue up to the assistant's last answer, encoded piece by piece as it comes about.

    A turn of the assistant that opens the dialogue answers nothing, and is not learned.
    """
    ids: list[int] = []
    said: list[bool] = []
    before = ""
    for at, message in enumerate(messages):
        if message["role"] != "assistant" or not at:
            continue
        head = model.render(messages[:at], reply=True)
        whole = model.render(messages[: at + 1], reply=False)
        end = _end_of(whole, len(head), message["content"], str(model.tokenizer.eos_token))
        if not head.startswith(before) or not whole.startswith(head) or not end:
            raise _untold(model, "a dialogue does not begin as its first turns do")
        given, answer = model.encode(head[len(before) :]), [*model.encode(message["content"]), model.end]
        ids += [*given, *answer]
        said += [*([False] * len(given)), *([True] * len(answer))]
        before = whole[:end]
    return ids, said


def _end_of(whole: str, start: int, answer: str, end: str) -> int:
    """Return where a turn that begins at ``start`` ends, its end token included; 0 where that does not follow it."""
    found = re.compile(rf"\s*{re.escape(answer.strip())}\s*{re.escape(end)}").match(whole, start)
    return found.end() if found else 0


def _untold(model: LocalModel, why: str) -> UserError:
    last = "or learn the last turn only (turns: last)"
    if is_marked(model):
        text = f"marks the assistant's turns, but {why}. Move {{% endgeneration %}} behind that token, {last}"
    else:
        text = (
            f"has no generation marker and does not tell the assistant's turns: {why}. Put {{% generation %}} and "
            f"{{% endgeneration %}} around what the assistant says, its end token included, {last}"
        )
    return UserError(f"the chat template of {model.name} {text}")
