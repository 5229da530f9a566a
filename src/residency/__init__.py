"""Residency: medical training of open language models on your own hardware, with evidence at every step."""

__version__ = "0.1.0"
