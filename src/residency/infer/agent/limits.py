"""Waiting for a tool no longer than agreed: one that raises or hangs has an outcome like any other.

A hung tool's thread cannot be ended; it is left behind as a daemon, which ends with the program, and the tool is not
called again in the same run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from residency.infer.tools.inputs import Refusal


def within(seconds: float, function: Callable[..., Any], *given: Any) -> Any:
    """Return what a function gives, or a Refusal: ``hung`` after so many seconds, ``raised`` where it raised.

    Of what was raised only the kind is told, since a message may quote a text.
    """
    box: list[Any] = []

    def work() -> None:
        try:
            box.append(function(*given))
        except Exception as error:
            box.append(Refusal("raised", f"the tool failed with {type(error).__name__}"))

    thread = threading.Thread(target=work, daemon=True, name="tool")
    thread.start()
    thread.join(max(seconds, 0.0))
    return box[0] if box else Refusal("hung", f"the tool gave nothing within {seconds:.3g} s, and is not called again")
