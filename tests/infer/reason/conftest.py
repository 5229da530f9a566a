"""The toy model and its examples, for every test in this folder."""

from toy import toy_base, toy_bytes, toy_examples  # noqa: F401
