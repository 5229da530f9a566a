"""The toy model and its examples, for every test in this folder."""

from toy import toy_base, toy_bytes, toy_examples  # noqa: F401
from toy_encoder import bert_stage, class_examples, relation_examples, tag_examples, toy_bert  # noqa: F401
