"""Retrieval: documents in an index of passages, found by words and by meaning, each with its place in its document."""

from residency.infer.retrieve.build import build, delete, update
from residency.infer.retrieve.cut import Cut
from residency.infer.retrieve.index import Index, open_index
from residency.infer.retrieve.rerank import by_classifier, by_likelihood

__all__ = ["Cut", "Index", "build", "by_classifier", "by_likelihood", "delete", "open_index", "update"]
