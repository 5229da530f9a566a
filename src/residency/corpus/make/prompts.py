"""What a model is asked, in one place: each request is its words, the form of the reply, and nothing else.

The wording is ours. Every request asks for one JSON object, so that a reply is read strictly or counted as unread. Its
form is told in words: a small model copies the dots of a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from residency.core.types import Message
from residency.corpus.make.rows import STRING, YES_NO, list_of, object_of, turn


@dataclass(frozen=True)
class Request:
    """The words of a request, with {places} to fill, and the JSON schema of its reply."""

    words: str
    schema: dict[str, Any]


def asked(request: Request, **parts: object) -> list[Message]:
    """Return the chat that makes a request; what fills its places may hold braces."""
    return [turn("user", request.words.format(**parts))]


def several(request: Request, key: str, count: int) -> dict[str, Any]:
    """Return a request's schema with the list under ``key`` held to at most ``count`` items."""
    inner = {**request.schema["properties"], key: {**request.schema["properties"][key], "maxItems": count}}
    return object_of(**inner)


_PAIR = object_of(question=STRING, answer=STRING)
QUESTIONS = Request(
    "Read this passage and write {count} questions that it answers, each with its answer. A question must make sense "
    "to someone who has not read the passage. An answer must say only what the passage says, in one to three sentences."
    '\n\nPassage:\n{passage}\n\nReply as a JSON object with a list "pairs"; each pair has "question" and "answer".',
    object_of(pairs=list_of(_PAIR, 1, 99)),
)
TASKS = Request(
    "Read this passage and write {count} tasks that a doctor or patient could give an assistant, and that can be done "
    "with what the passage says: explain, compare, list, advise, summarise. Write with each the response, which must "
    'say only what the passage says.\n\nPassage:\n{passage}\n\nReply as a JSON object with a list "tasks"; each '
    'task has "instruction" and "response".',
    object_of(tasks=list_of(object_of(instruction=STRING, response=STRING), 1, 99)),
)
DIALOGUE = Request(
    "Write a conversation of {count} exchanges between a patient and a doctor about what this passage says. The "
    "patient speaks first. The doctor says only what the passage says, asks when something is missing, and is kind."
    '\n\nPassage:\n{passage}\n\nReply as a JSON object with a list "turns"; each turn has "patient" and "doctor".',
    object_of(turns=list_of(object_of(patient=STRING, doctor=STRING), 1, 99)),
)
_REWRITING = '\n\nText:\n{passage}\n\nReply as a JSON object with "text", the new text.'
STYLES = {
    "patient": "Explain this text to a patient, in everyday words. Keep every number, and add nothing.",
    "summary": "Summarise this text in a few sentences. Keep what matters for care, and add nothing.",
    "simplify": "Write this text in simpler sentences for a reader who is not at home in medicine. Add nothing.",
    "reword": "Say the same as this text in other words. Keep every fact and every name, and add nothing.",
}
REWRITE = {name: Request(words + _REWRITING, object_of(text=STRING)) for name, words in STYLES.items()}
VERDICT = Request(
    "Source:\n{source}\n\nStatement:\n{answer}\n\nDoes the source say everything that the statement says? Reply as "
    'JSON: {{"supported": true}} or {{"supported": false}}',
    object_of(supported=YES_NO),
)
NEW_TASKS = Request(
    "Here are tasks that doctors, nurses, students and patients give an assistant:\n{examples}\n\nWrite {count} new "
    "ones that are unlike these and unlike each other, and that can be answered in writing.\n\nReply as a "
    'JSON object with a list "instructions".',
    object_of(instructions=list_of(STRING, 1, 99)),
)
DO_TASK = Request(
    "Examples of tasks with their input (empty where none is needed) and output:\n\n{examples}\n\nNow do the same for "
    'this task.\nTask: {instruction}\n\nReply as a JSON object with "input" and "output".',
    object_of(input=STRING, output=STRING),
)
TRANSLATE = Request(
    "Translate each of these texts from {source} to {target}. Keep all numbers, units, names in brackets and line "
    'breaks as they are.\n\n{texts}\n\nReply as a JSON object with a list "texts", in the same order.',
    object_of(texts=list_of(STRING, 1, 9999)),
)
