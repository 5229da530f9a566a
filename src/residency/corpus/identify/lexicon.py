"""Names and places that people commonly have, as Faker's providers list them (MIT), by the hash of each word.

A list says that a word is a name somewhere, not that it is one here ("May", "Long"), and most names of the world stand
in none: it is one thing among many that the tagger sees. What was looked up while training is kept with the tagger.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator

import numpy as np

from residency.corpus.identify.medical import listed_texts
from residency.corpus.identify.seen import facts_of
from residency.corpus.identify.words import codes_of, cut, tables

GIVEN, FAMILY, CITY, STREET, STATE, COUNTRY, COMMON, MEDICAL = (1 << bit for bit in range(8))
"""What a word is listed as; one may be several."""
EMPTY = (np.zeros(8, np.uint64), np.zeros(8, np.uint32))
"""A list of nothing."""
PERSON = {"first_name": GIVEN, "last_name": FAMILY}
PLACE = {"cit": CITY, "municipalit": CITY, "town": CITY, "village": CITY, "street": STREET, "state": STATE,
         "provinc": STATE, "region": STATE, "countr": COUNTRY}  # fmt: skip
WORDS = ("en_US", "es_ES")
"""Of these languages the common words are listed as well."""
PARTS = ("prefix", "suffix", "format", "abbr", "code", "ratio", "_unisex_weights")


def table_of(lists: Iterable[tuple[str, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return an open table (keys uint64, flags uint32) of words and what they are listed as, for ``found_in``."""
    flags: dict[int, int] = {}
    known = list(lists)
    for key, flag in zip(_hashes(word for word, _ in known), (flag for _, flag in known), strict=True):
        for each in key:
            flags[each] = flags.get(each, 0) | flag
    size = 1 << max(3, (3 * len(flags)).bit_length())
    keys, values = np.zeros(size, np.uint64), np.zeros(size, np.uint32)
    for key_, flag in sorted(flags.items()):
        at = (key_ ^ (key_ >> 29)) & (size - 1)
        while keys[at]:
            at = (at + 1) & (size - 1)
        keys[at], values[at] = key_, flag
    return keys, values


def _hashes(words: Iterable[str]) -> Iterator[list[int]]:
    """Yield the hashes of each entry's words of two letters and more."""
    kinds, folded = tables()
    for word in words:
        codes = codes_of(word)
        facts, _ = facts_of(codes, cut(codes, kinds), kinds, folded, *EMPTY)
        yield [int(row[0]) for row in facts if row[4] > 1 and row[5] in (2, 3)]


def known_names() -> Iterator[tuple[str, int]]:
    """Yield every name and place of Faker's providers, and what it is, common words, and those of medicine."""
    for provider, names in (("person", PERSON), ("address", PLACE)):
        package = importlib.import_module(f"faker.providers.{provider}")
        for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            listed = importlib.import_module(f"faker.providers.{provider}.{found.name}").Provider
            for attribute in sorted(vars(listed)):
                flag = next((flag for part, flag in names.items() if part in attribute), 0)
                if flag and not any(part in attribute for part in PARTS):
                    yield from ((entry, flag) for entry in entries(getattr(listed, attribute)))
    for language in WORDS:
        words = importlib.import_module(f"faker.providers.lorem.{language}").Provider.word_list
        yield from ((word, COMMON) for word in words)
    yield from ((text, MEDICAL) for text in listed_texts())


def entries(value: object) -> Iterator[str]:
    """Yield the strings of a provider's list, which may be a mapping to weights or a list of lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple | set):
        for each in value:
            yield from entries(each)
