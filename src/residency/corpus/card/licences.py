"""What a licence allows, for those that medical text comes under: read from the words that a source gives.

A table of the field's usual licences, not legal advice: what is not in it, or is a publisher's own, is said to be
unknown, and never taken for a permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Allowed = bool | None
"""None: not known."""


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence: its SPDX name, its name on the Hugging Face hub, and what it allows; None is not known.

    ``attribution``: the authors must be named; ``alike``: what is made from it must carry the same licence.
    """

    spdx: str
    hub: str
    commercial: Allowed = True
    derivatives: Allowed = True
    redistribution: Allowed = True
    attribution: Allowed = True
    alike: Allowed = False
    note: str = ""


UNKNOWN = Licence("", "unknown", None, None, None, None, None)
OWN = Licence("", "other", None, None, None, None, None, "the hospital's own: its own rules and the law decide")
_USE = "a data use agreement binds whoever uses it"
KNOWN: tuple[tuple[str, Licence], ...] = (
    (r"mit", Licence("MIT", "mit")),
    (r"apache( license| licence)?( version)?( 2(\.0)?)?", Licence("Apache-2.0", "apache-2.0")),
    (r"bsd( 3 clause| 3)?", Licence("BSD-3-Clause", "bsd-3-clause")),
    (r"bsd 2( clause)?", Licence("BSD-2-Clause", "bsd-2-clause")),
    (r"(cc ?0|cc zero)( 1\.0)?( universal)?", Licence("CC0-1.0", "cc0-1.0", attribution=False)),
    (r"cc by( 4\.0)?", Licence("CC-BY-4.0", "cc-by-4.0")),
    (r"cc by 3\.0", Licence("CC-BY-3.0", "cc-by-3.0")),
    (r"cc by 2\.0", Licence("CC-BY-2.0", "cc-by-2.0")),
    (r"cc by sa( 4\.0)?", Licence("CC-BY-SA-4.0", "cc-by-sa-4.0", alike=True)),
    (r"cc by sa 3\.0", Licence("CC-BY-SA-3.0", "cc-by-sa-3.0", alike=True)),
    (r"cc by nc( 4\.0)?", Licence("CC-BY-NC-4.0", "cc-by-nc-4.0", commercial=False)),
    (r"cc by nc 3\.0", Licence("CC-BY-NC-3.0", "cc-by-nc-3.0", commercial=False)),
    (r"cc by nc sa( 4\.0)?", Licence("CC-BY-NC-SA-4.0", "cc-by-nc-sa-4.0", commercial=False, alike=True)),
    (r"cc by nc sa 3\.0", Licence("CC-BY-NC-SA-3.0", "cc-by-nc-sa-3.0", commercial=False, alike=True)),
    (r"cc by nd( 4\.0)?", Licence("CC-BY-ND-4.0", "cc-by-nd-4.0", derivatives=False)),
    (r"cc by nc nd( 4\.0)?", Licence("CC-BY-NC-ND-4.0", "cc-by-nc-nd-4.0", commercial=False, derivatives=False)),
    (r"odc by( 1\.0)?", Licence("ODC-By-1.0", "odc-by")),
    (r"(odbl|odc odbl)( 1\.0)?", Licence("ODbL-1.0", "odbl", alike=True)),
    (r"(gnu )?gpl ?(v ?)?3(\.0)?( only| or later)?", Licence("GPL-3.0", "gpl-3.0", alike=True)),
    (
        r"public domain|u\.?s\.? (government|federal)( government)? work|us government public domain",
        Licence("", "other", attribution=False, note="in the public domain, in the United States at least"),
    ),
    (
        r"physionet credentialed health data license( 1\.5\.0)?|physionet credentialed|mimic.*",
        Licence("", "other", None, True, False, True, None, _USE),
    ),
    (r"umls.*|snomed.*", Licence("", "other", None, None, False, True, None, _USE)),
    (
        r"hpo.*",
        Licence(
            "", "other", None, None, None, True, None, "free with its acknowledgement, its content unchanged: read it"
        ),
    ),
    (r"gnu fdl.*|gfdl.*", Licence("GFDL-1.3-or-later", "gfdl", alike=True)),
)


def licence_of(words: str) -> Licence:
    """Return what the words of a source say of its licence; one that is not known allows nothing that is known."""
    plain = " ".join(re.sub(r"[\s_/(),-]+", " ", words.lower()).split()).removeprefix("the ")
    plain = plain.replace("creative commons attribution", "cc by").replace("noncommercial", "nc")
    plain = plain.replace("sharealike", "sa").replace("noderivatives", "nd").replace("noderivs", "nd")
    plain = re.sub(r" (international|licen[cs]e|unported)\b", "", plain).strip()
    if re.fullmatch(r"own|your own|the user's own|.*\bown (notes|data|records)\b.*", plain):
        return OWN
    return next((about for pattern, about in KNOWN if re.fullmatch(pattern, plain)), UNKNOWN)


def together(licences: Iterable[str]) -> dict[str, Allowed]:
    """Return what may be done with texts of all these licences at once: forbidden by one is forbidden, else unknown to
    one is unknown; ``attribution`` and ``alike`` are asked for where one asks for them."""
    found = [licence_of(words) for words in licences]
    allowed = {
        name: _all(getattr(about, name) for about in found) for name in ("commercial", "derivatives", "redistribution")
    }
    asked = {name: _any(getattr(about, name) for about in found) for name in ("attribution", "alike")}
    return {**allowed, **asked}


def _all(values: Iterable[Allowed]) -> Allowed:
    held = list(values)
    return False if False in held else None if None in held or not held else True


def _any(values: Iterable[Allowed]) -> Allowed:
    held = list(values)
    return True if True in held else None if None in held or not held else False


def conflicts(licences: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of licences that each want the whole under themselves: made from both, it may not be passed on."""
    alike = sorted({licence_of(words).spdx for words in licences if licence_of(words).alike})
    return [(a, b) for i, a in enumerate(alike) for b in alike[i + 1 :]]


def hub_licence(licences: Iterable[str]) -> dict[str, str]:
    """Return the front matter's ``license`` (with ``license_name`` where it is none of the hub's own)."""
    names = {licence_of(words).hub for words in licences}
    if len(names) == 1 and not names & {"other", "unknown"}:
        return {"license": names.pop()}
    if not names or "unknown" in names:
        return {"license": "unknown"}
    return {"license": "other", "license_name": "see-the-licences-of-the-sources", "license_link": "README.md"}


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names in a row; of many, how many more there are."""
    found = list(names)
    return ", ".join([*found[:most], *([f"and {len(found) - most} more"] if len(found) > most else [])])


def licence_words(licences: Iterable[str]) -> list[str]:
    """Return in sentences what binds whoever uses texts of these licences."""
    found = list(dict.fromkeys(licences))
    words = []
    if unknown := [name or "none stated" for name in found if licence_of(name).hub == "unknown"]:
        words.append(f"Licences that are not known here ({listed(unknown)}): read them before anything is passed on.")
    words += [f"{name}: {licence_of(name).note}." for name in found if licence_of(name).note]
    if closed := [name for name in found if licence_of(name).commercial is False]:
        words.append(f"No commercial use, because of {listed(closed)}.")
    if fixed := [name for name in found if licence_of(name).derivatives is False]:
        words.append(f"Changed texts may not be passed on, because of {listed(fixed)}.")
    if alike := [name for name in found if licence_of(name).alike]:
        words.append(f"What is made from it must be passed on under the same licence: {listed(alike)}.")
    words += [
        f"{a} and {b} each want the whole under themselves: it cannot be passed on as one." for a, b in conflicts(found)
    ]
    if named := [name for name in found if licence_of(name).attribution]:
        words.append(f"The authors must be named ({listed(named)}): keep the acknowledgements below with it.")
    return words
