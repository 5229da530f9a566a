"""The error tree. Each message says what was found, what is legal, and what to do next; never patient text.

ResidencyError                 exit 1   a fault of ours, or the machine's
├── UserError                  exit 2   something the user can mend; no trace is shown
│   ├── RecipeError                     unknown keys, wrong types: all at once, with lines
│   ├── SourceError                     a source that is absent, unreadable, or too often malformed
│   ├── GateError                       text of patients that nothing proves to be de-identified; ``reason`` says why
│   ├── Contradiction                   settings that do not go together: all at once
│   ├── ModelError                      weights absent, or with another hash than expected
│   ├── OutOfMemory                     memory does not suffice; says which setting needs less
│   └── Unsupported                     the model cannot do this; says which can
└── StorageError               exit 1   disk full, folder unwritable; finished stages stay intact
"""

from __future__ import annotations

from collections.abc import Iterable


class ResidencyError(Exception):
    """The root: catch this to catch all of ours."""

    exit_code = 1


class UserError(ResidencyError):
    """Something the user can mend; shown without a trace."""

    exit_code = 2


class RecipeError(UserError):
    """Every problem of a recipe, one a line."""


class SourceError(UserError):
    """A source is absent, unreadable, or holds more bad records than allowed."""


class GateError(UserError):
    """A source that holds patients may not be trained on; ``reason`` is one word for programs, such as stale."""

    def __init__(self, message: str, reason: str) -> None:
        self.reason = reason
        super().__init__(message)


class Contradiction(UserError):
    """Settings that do not go together; ``found`` has a pair for each case: their names, and what to do."""

    def __init__(self, found: Iterable[tuple[tuple[str, ...], str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(text for _, text in self.found))


class ModelError(UserError):
    """Weights are absent, or are not the ones expected."""


class OutOfMemory(UserError):
    """Memory does not suffice; the message names the setting that needs less."""


class Unsupported(UserError):
    """The model cannot do what was asked; the message names the ones that can."""


class StorageError(ResidencyError):
    """The disk is full or the folder cannot be written; every finished stage is intact."""
