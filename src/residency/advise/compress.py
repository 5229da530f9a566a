"""Compression: a file for llama.cpp where a generator is trained, as quantization is what there is today."""

from __future__ import annotations

from residency.advise.case import Case
from residency.advise.evidence import figure, rows, stands_here
from residency.advise.form import SETTINGS, Form
from residency.advise.needs import size
from residency.advise.reason import Reason, code
from residency.advise.stages import LeftOut, Stage

WHERE = f"{SETTINGS}#compressquantize"


def quantize(case: Case, form: Form) -> Stage | LeftOut:
    """Return the stage that writes a Q8_0 file, or why there is none."""
    if form.name == "encoder":
        text = "an encoder stays as it is trained: no stage quantizes one, and 23M weights take 90 MB"
        return LeftOut("quantize", Reason(text, (code("compress.quantize", WHERE),)))
    if form.name == "prompting":
        return LeftOut("quantize", Reason("nothing is trained that could be written", (code("quantize", WHERE),)))
    found, whole = figure("quantized"), figure("quickstart")
    room = 1e9 * whole.numbers["memory_gb"]
    if case.memory < room:
        text = f"a run that writes a GGUF was measured with {size(room)}, and {size(case.memory)} may be taken"
        return LeftOut("quantize", Reason(text, (whole.point,)))
    where = rows(stands_here(case.catalog, "methods", "quantize")[:2])
    text = f"one file in 8 bits, half of bf16, that llama.cpp runs without Python. {found.says}"
    return Stage("quantize", {"type": "q8_0"}, "quantization", Reason(text, (found.point, *where)))
