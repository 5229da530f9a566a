"""Residency: medical training of open language models on your own hardware, with evidence at every step."""

import os

__version__ = "0.1.0"

# oneDNN keeps a plan for every shape of product it has seen, 1,024 of them by default: half a gigabyte in each process
# of an evaluation, and as fast with fewer. It reads these when torch first multiplies; children inherit them.
for _name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_name, "32")
