"""Answers that stand on evidence, sentence by sentence, or are not given."""

from residency.infer.answer.cited import answer
from residency.infer.answer.parts import Answer, Citation, Sentence
from residency.infer.answer.support import Support

__all__ = ["Answer", "Citation", "Sentence", "Support", "answer"]
