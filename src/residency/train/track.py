"""Trackers on request, through accelerate: the figures of every step also go to TensorBoard, MLflow or trackio.

All of them write beside the stage, on this machine; nothing is sent anywhere unless the tracker's own environment
variables say so (``MLFLOW_TRACKING_URI``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from residency.core.errors import UserError
from residency.core.legal import Rule

Known = Literal["tensorboard", "mlflow", "trackio"]
NEEDS = {"tensorboard": ("tensorboard", "tensorboardX"), "mlflow": ("mlflow",), "trackio": ("trackio",)}


def _missing(name: str) -> str | None:
    """Return why a tracker cannot be used here."""
    if name not in NEEDS:
        return f"tracker {name!r} is not known; legal are {', '.join(get_args(Known))}"
    if not any(find_spec(part) for part in NEEDS[name]):
        return f"{name} is not installed; install it with: pip install {NEEDS[name][-1]}"
    return None


Tracker = Annotated[Known, Rule("one that is installed", _missing)]
Log = Callable[[Mapping[str, Any], int], None]


@contextmanager
def tracked(names: Sequence[Tracker], out: Path, label: str, main: bool) -> Iterator[Log]:
    """Yield a function that hands a step's figures to the trackers; UserError where one is not installed."""
    if wrong := [why for name in names if (why := _missing(name))]:
        raise UserError("; ".join(wrong))
    if not names or not main:
        yield lambda row, step: None
        return
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    folder = out / "trackers"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TRACKIO_DIR", str(folder / "trackio"))
    trackers = []
    for name in names:
        kind = LOGGER_TYPE_TO_CLASS[name]
        where = {"logging_dir": str(folder)} if kind.requires_logging_directory else {}
        if name == "mlflow" and "MLFLOW_TRACKING_URI" in os.environ:
            where = {}
        trackers.append(kind(label.replace(" ", "-"), **where))
        trackers[-1].start()  # none begins by itself

    def log(row: Mapping[str, Any], step: int) -> None:
        for tracker in trackers:
            tracker.log({key: float(value) for key, value in row.items()}, step=step)

    try:
        yield log
    finally:
        for tracker in trackers:
            tracker.finish()
