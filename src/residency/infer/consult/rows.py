"""Consultations as training rows: chats in which the doctor is the assistant, as TRL reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from residency.core.types import Document
from residency.corpus.make.rows import chat, turn
from residency.infer.consult.consultation import Consultation
from residency.infer.consult.expert import closing_words

MAKER = "consultations"


def rows(talks: Iterable[Consultation]) -> Iterator[Document]:
    """Yield a row for each talk that came to the right diagnosis; ``meta["messages"]`` is the chat.

    It stands on the document that the case was made of, and keeps its licence, patient and date.
    """
    for talk in talks:
        if talk.right and talk.turns:
            messages = [*talk.messages, turn("assistant", closing_words(talk))]
            key = f"{MAKER}/{talk.case.id}"
            yield chat(MAKER, key, [talk.case.document], messages, found=talk.scores()["found"], why=talk.why)
