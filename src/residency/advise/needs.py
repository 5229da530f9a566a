"""What somebody needs, read and checked whole: every value that is not legal is told at once, with those that are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from residency.catalog.entries import Catalog
from residency.core.errors import UserError
from residency.core.legal import nearest

WITHOUT = {
    "retrieval": ("no stage trains what finds passages", "qa"),
    "vqa": ("no stage reads images", "qa"),
    "prediction": ("no stage learns from structured records alone", "cls"),
    "lm": ("a base has no task of its own to examine", "generation"),
}
"""Tasks of the catalog that no stage does today: why, and the nearest that one does."""
PRIVACY = ("on-premise", "cloud")
_BYTES = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "MIB": 2**20, "GIB": 2**30}
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Needs:
    """What is asked for. Memory, latency and the accelerator's memory are in bytes and seconds; None: not said."""

    task: str
    data: tuple[str, ...] = ()
    memory: float | None = None
    latency: float | None = None
    language: str = "en"
    privacy: str = "on-premise"
    labelled: int | None = None
    unlabelled: int | None = None
    stakeholder: str = ""
    care: str = ""
    accelerator: float = 0.0
    waiver: str = ""
    base: str = ""


def needs_of(given: Mapping[str, Any], catalog: Catalog) -> Needs:
    """Return what a command asks for. Raises UserError with all that is not legal."""
    wrong: list[str] = [*_off_axis(given, catalog), *_words(given)]
    read: dict[str, Any] = {name: given.get(name) or default for name, default in _TEXTS.items()}
    for name, units in (("memory", _BYTES), ("latency", _SECONDS), ("accelerator", _BYTES)):
        value, problem = _amount(name, str(given.get(name) or ""), units)
        read[name] = value if name != "accelerator" else value or 0.0
        wrong += [problem] if problem else []
    if wrong:
        raise UserError("\n".join(wrong))
    counts: dict[str, Any] = {name: given.get(name) for name in ("labelled", "unlabelled")}
    return Needs(**read, **counts, data=tuple(given.get("data") or ()))


_TEXTS = {
    "task": "",
    "language": "en",
    "privacy": "on-premise",
    "stakeholder": "",
    "care": "",
    "waiver": "",
    "base": "",
}


def _off_axis(given: Mapping[str, Any], catalog: Catalog) -> Iterator[str]:
    """Yield what is no value of an axis, and tasks that no stage does."""
    for option, axis in (("task", "tasks"), ("stakeholder", "stakeholders"), ("care", "care")):
        value = given.get(option)
        if value and value not in catalog.axes[axis]:
            yield f"--{option} {value}: there is none such; {nearest(value, _legal(option, catalog.axes[axis]))}"
        elif option == "task" and value in WITHOUT:
            why, near = WITHOUT[value]
            yield f"--task {value}: {why} today. The nearest is --task {near}"


def _legal(option: str, axis: Mapping[str, Any]) -> list[str]:
    return [value for value in axis if option != "task" or value not in WITHOUT]


def _words(given: Mapping[str, Any]) -> Iterator[str]:
    privacy, language = given.get("privacy"), given.get("language")
    if privacy and privacy not in PRIVACY:
        yield f"--privacy {privacy}: there is none such; {nearest(privacy, PRIVACY)}"
    if language and not _LANGUAGE.fullmatch(language):
        yield f"--language {language}: expected its code in ISO 639, as en, es, de or zh"


def _amount(name: str, text: str, units: Mapping[str, float]) -> tuple[float | None, str]:
    """Return (a number of bytes or seconds, what is wrong); None where nothing is said."""
    if not text or text == "none":
        return None, ""
    match = _AMOUNT.fullmatch(text.strip())
    known = {unit.lower(): size for unit, size in units.items()}
    if not match or match[2].lower() not in known or float(match[1]) == 0:
        example = {"latency": "500ms or 2s"}.get(name, "8GB or 500MB")
        none = ", or none" if name == "accelerator" else ""
        return None, f"--{name} {text}: expected a number and a unit ({', '.join(units)}), such as {example}{none}"
    return float(match[1]) * known[match[2].lower()], ""


def size(count: float) -> str:
    """Return bytes in words."""
    return f"{count / 1e9:.3g} GB" if count >= 0.75e9 else f"{count / 1e6:.0f} MB"


def span(seconds: float) -> str:
    """Return a latency in words."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
