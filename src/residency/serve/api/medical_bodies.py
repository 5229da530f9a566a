"""What the medical endpoints take and reply, field by field. Offsets count characters of the text given, half open."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from residency.serve.api.bodies import Name, Strict
from residency.serve.api.schemas import Residency

Question = Annotated[str, Field(min_length=1, max_length=8_000)]
Note = Annotated[str, Field(min_length=1, max_length=200_000)]
Label = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]


class Asking(Strict):
    """What all of them take: which model answers; without it the first one."""

    model: Name = ""


class AnswerBody(Asking):
    """A question to the service's sources. "quote" answers in sentences of them, "write" in the model's, checked."""

    question: Question
    style: Literal["quote", "write"] = "quote"
    most: Annotated[int, Field(ge=1, le=10, description="Sentences at most.")] = 3
    max_tokens: Annotated[int, Field(ge=16, le=1024)] = 160

    @field_validator("question")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("empty")
        return value


class ExtractBody(Asking):
    """A text whose entities are wanted: those of the graph by their names, and phrases of ``labels`` by the model."""

    text: Note
    labels: Annotated[list[Label], Field(max_length=16)] = []
    codes: Annotated[list[Literal["graph", "icd10"]], Field(description="Systems that entities are coded in.")] = [
        "graph",
        "icd10",
    ]
    max_tokens: Annotated[int, Field(ge=16, le=2048)] = 512


class DeidentifyBody(Asking):
    """A text whose identifiers are hidden: by their kind, by signs, by something made up, or left out."""

    text: Note
    language: Literal["en", "es"] = "en"
    operator: Literal["tag", "mask", "surrogate", "drop"] = "tag"
    mode: Literal["default", "recall"] = "recall"


class Dated(Strict):
    """One note of a record."""

    text: Note
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = ""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None


class SummariseBody(Asking):
    """The notes of one patient, of any length together; each statement of the summary names the lines it stands on."""

    notes: Annotated[list[Dated], Field(min_length=1, max_length=500)]
    how: Literal["map", "rolling", "central"] = "map"
    style: Literal["quote", "write"] = "quote"
    most: Annotated[int, Field(ge=1, le=50, description="Statements at most.")] = 12


class ClassifyBody(Asking):
    """A text and the labels of which one is right."""

    text: Note
    labels: Annotated[list[Label], Field(min_length=2, max_length=32, json_schema_extra={"uniqueItems": True})]
    instruction: Annotated[str, Field(max_length=4_000)] = ""

    @field_validator("labels")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("a label is there twice")
        return value


# --- replies ---------------------------------------------------------------------------------------------------------


class Cited(BaseModel):
    """A place that a sentence or statement stands on; ``quote`` are its words."""

    document: str
    start: int
    end: int
    quote: str
    section: str
    date: str | None
    title: str = ""
    page: int | None = None
    evidence: str = ""
    shelf: str = ""


class SentenceReply(BaseModel):
    """A sentence of an answer, how it is supported, and how surely (0 to 1)."""

    text: str
    support: Literal["quoted", "supported", "unsupported"]
    score: float
    start: int
    end: int
    citations: list[Cited]


class AnswerReply(BaseModel):
    """An answer with what it stands on; where it is None, ``why`` and ``missing`` say why."""

    answer: str | None
    why: str | None
    missing: list[str]
    sentences: list[SentenceReply]
    dated: str | None
    language: str | None
    snapshots: dict[str, Any]
    residency: Residency


class Code(BaseModel):
    """A code that an entity may have, the nearest first; ``score`` is how alike the names are, 1 for the same."""

    system: str
    code: str
    name: str
    score: float | None


class Entity(BaseModel):
    """A mention in the text, and how it was found: by name in the graph, or by the model.

    ``denied``: the text says that it is not there ("no seizures"). ``of``: whose it is ("Father had epilepsy": family);
    null where that is not clear, or it is said of anyone at all. Both are read from the words near the mention, in
    English and Spanish, and can be wrong: only what is the patient's and not denied may be coded, by a person.
    """

    start: int
    end: int
    text: str
    label: str
    how: str
    denied: bool
    of: Literal["patient", "family", "other"] | None
    codes: list[Code]


class ExtractReply(BaseModel):
    """The entities in the order of the text; ``absent`` phrases that the model named stand nowhere in it."""

    entities: list[Entity]
    absent: int
    residency: Residency


class Hidden(BaseModel):
    """An identifier that was hidden, and where what stands for it is in the new text."""

    start: int
    end: int
    new_start: int
    new_end: int
    kind: str


class DeidentifyReply(BaseModel):
    """The text with its identifiers hidden. No finder finds all: read it before it leaves the hospital."""

    text: str
    hidden: list[Hidden]
    residency: Residency


class StatementReply(BaseModel):
    """A statement of a summary and the lines that it stands on."""

    text: str
    citations: list[Cited]


class SummariseReply(BaseModel):
    """A summary in the order of time; ``left`` counts what the model said and is not kept, by reason."""

    statements: list[StatementReply]
    lines: int
    calls: int
    left: dict[str, int]
    residency: Residency


class ClassifyReply(BaseModel):
    """The label, and each label's share of the likelihood where it was chosen by that (not a calibrated confidence)."""

    label: str | None
    how: Literal["likelihood", "schema"]
    shares: dict[str, float] | None
    residency: Residency


# --- applications ----------------------------------------------------------------------------------------------------


class ApplicationBody(Asking):
    """The fields of an application; ``unproven`` says that one without a measured score is asked knowingly."""

    fields: dict[str, Any] = {}
    unproven: bool = False
    language: Literal["en", "es"] | None = None


class ApplicationReply(BaseModel):
    """What an application came to: its reply by its schema, and in words; ``marks`` are doubts about its parts.

    ``output`` is what its file says that it is, a draft or an answer; ``tokens`` those that the model wrote.
    """

    application: str
    version: int
    hash: str
    output: Literal["draft", "answer"]
    decision: str
    abstained: bool
    draft: bool
    reply: dict[str, Any] | None
    text: str
    urgency: str
    why: str
    marks: list[dict[str, Any]]
    facts: dict[str, Any]
    rules: list[str]
    note: str
    request: str
    seq: int
    model: str
    model_hash: str
    calibrated: bool
    confidence: float | None
    measured: str
    evidence: list[dict[str, Any]]
    tokens: int
    residency: Residency


class Applications(BaseModel):
    """The applications of this service, each with its fields, its ``proof`` and whether it is ``unproven``."""

    object: Literal["list"]
    data: list[dict[str, Any]]
