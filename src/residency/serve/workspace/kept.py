"""What ``static/keep.js`` says, for forms that are sent from their page: their words are not lost with a session."""

from __future__ import annotations

from residency.serve.workspace.render import for_script
from residency.serve.workspace.words import Words

SAID = ("frame.working", "keep.ended", "keep.sign_in", "keep.other", "keep.broken")


def keep(t: Words) -> str:
    """Return the words of the script as JSON, for the form's ``data-keep``."""
    return for_script(t, *SAID)
