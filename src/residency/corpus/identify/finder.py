"""The way in: a finder of identifiers for a language, by our own engine, an encoder, or Presidio; all answer alike.

``recall`` mode finds whatever may be an identifier: a word whose probability is above the language's threshold, rules
that are not sure, the rest of a number of which a part was found, a name that the text said before. ``default`` mode
takes the likeliest reading. What a finder is made of stands in ``about``, for the receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from residency.core.errors import UserError
from residency.corpus.identify.found import Found

Language = Literal["en", "es"]
Mode = Literal["default", "recall"]
Engine = Literal["residency", "encoder", "presidio", "presidio-regex"]
NEEDS = "finding identifiers needs numba, Faker and safetensors; install them with: pip install 'residency[deidentify]'"
Labelled = tuple[str, Sequence[tuple[int, int, str]]]
"""A text and what is marked in it: first character, the one behind the last, label."""


class Finder(Protocol):
    """Finds identifiers in texts."""

    def find(self, text: str, patient: Mapping[str, Any] | None = None) -> list[Found]:
        """Return what identifies somebody in a text, in its order and without overlap.

        ``patient`` is the FHIR Patient that the text is about, where it is known.
        """
        ...

    def about(self) -> dict[str, Any]:
        """Return what the finder is made of, as JSON: the same for two that find the same."""
        ...


def finder(
    detector: str = "residency",
    *,
    language: str = "en",
    mode: str = "recall",
    threshold: float | None = None,
    tagger: Path | None = None,
    opened: Callable[[str], Any] | None = None,
    at_hand: bool = False,
) -> Finder:
    """Return a finder; ``threshold`` overrides the mode's.

    ``tagger`` is the folder of one that ``learn`` wrote, or of an encoder, which ``opened`` opens (a function from a
    name to a model that tags: ``residency.models.load.load``). Without one our engine's is trained at first use, and
    kept; ``at_hand`` takes the rules alone where that has not been done. Raises UserError where a setting is not known
    or a package is not installed.
    """
    _checked(detector, language, mode, threshold)
    if detector.startswith("presidio"):
        from residency.corpus.identify.presidio import Presidio

        return Presidio(language, names=detector == "presidio", mode=mode, threshold=threshold)
    try:
        from residency.corpus.identify.detector import Detector, Settings
        from residency.corpus.identify.trained import is_kept, trained
    except ImportError as error:
        raise UserError(f"{error.name} is not installed: {NEEDS}") from error
    settings = Settings.of(language, mode, threshold)
    if detector == "encoder":
        from residency.corpus.identify.encoder import Encoder

        if tagger is None or opened is None:
            raise UserError("the detector encoder needs the folder of a trained encoder: --tagger runs/ID")
        return Detector(settings, Encoder(opened(str(tagger))))
    missing = at_hand and tagger is None and not is_kept(language)
    return Detector(settings, None if missing else trained(language, tagger))


def _checked(detector: str, language: str, mode: str, threshold: float | None) -> None:
    for what, value, legal in (
        ("detector", detector, get_args(Engine)),
        ("language", language, get_args(Language)),
        ("mode", mode, get_args(Mode)),
    ):
        if value not in legal:
            raise UserError(f"{what} {value!r} is not known; there are {', '.join(legal)}")
    if threshold is not None and not 0 < threshold < 1:
        raise UserError(f"threshold {threshold} is no probability; it is above 0 and below 1, and lower finds more")


def learn(
    labelled: Iterable[Labelled], *, language: str, out: Path, practice: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Train a tagger on texts that a hospital labelled and on texts of practice, and keep it in the folder ``out``.

    ``practice`` is how many of those (None: as many as the tagger at first use learns from; 0: none). Return the facts
    that stand beside it: hash, labels, counts. Raises UserError where nothing is labelled.
    """
    _checked("residency", language, "default", None)
    try:
        from residency.corpus.identify.trained import retrained
    except ImportError as error:
        raise UserError(f"{error.name} is not installed: {NEEDS}") from error
    return retrained(list(labelled), language=language, out=out, practice=practice, seed=seed)
