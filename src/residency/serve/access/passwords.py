"""Passwords: what is refused as too easy, and how the rest is hashed and tried (argon2id, RFC 9106).

No rule asks for digits or signs: length counts, and not being what everyone guesses (NIST SP 800-63B, 5.1.1.2).
A password is taken exactly as typed. Trying one costs the same whether or not there is such a user.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from residency.core.errors import UserError

LEAST, MOST = 12, 256
_LEET = str.maketrans("013457@$!|", "oieastasil")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1234567890", "abcdefghijklmnopqrstuvwxyz")
_COLUMNS = ("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik", "1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhnujmik")


def check(password: str, *, user: str = "") -> None:
    """Raise UserError, which says why, for a password that is too short, too long, or easy to guess."""
    if len(password) < LEAST:
        raise UserError(f"a password has at least {LEAST} characters; a few words with spaces are easy to remember")
    if len(password) > MOST or not _encodable(password):
        raise UserError(f"a password has at most {MOST} characters, each of them a character of Unicode")
    if len(set(password)) < 5 or _repeats(password):
        raise UserError("the password is a few characters again and again: choose another")
    if common(password, user=user):
        raise UserError("the password is made of words or keys that everyone tries first: choose another")


def common(password: str, *, user: str = "") -> bool:
    """Return whether a password is only listed words, the user's name, keys in a row, and a few digits and letters."""
    words = [word for word in (*common_words(), *re.split(r"[._-]", user.lower())) if len(word) > 2]
    for plain in {password.lower(), password.lower().translate(_LEET)}:
        left = plain
        for word in sorted(words, key=len, reverse=True):
            left = left.replace(word, " ")
        left = re.sub(r"[a-z0-9]+", _without_runs, left)
        if len(re.sub(r"[\W\d_]", "", left)) < 4 and len(re.sub(r"\D", "", left)) < 9:
            return True
    return False


def _without_runs(match: re.Match[str]) -> str:
    """Return letters and digits without runs of four or more keys that lie in a row, either way."""
    text, kept, start = match.group(), [], 0
    while start < len(text):
        length = next((n for n in range(len(text) - start, 3, -1) if _in_a_row(text[start : start + n])), 0)
        kept.append("" if length else text[start])
        start += length or 1
    return "".join(kept)


def _in_a_row(text: str) -> bool:
    return any(text in row or text[::-1] in row for row in (*_ROWS, *_COLUMNS))


def _repeats(password: str) -> bool:
    """Return whether a password is one piece of at most half its length, written several times."""
    return password in (password + password)[1:-1]


def _encodable(password: str) -> bool:
    try:
        password.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def common_words() -> frozenset[str]:
    """Return the words that passwords are most often made of, and those that lie close in a hospital."""
    text = resources.files(__package__).joinpath("common.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


# --- hashes ----------------------------------------------------------------------------------------------------------


@cache
def nobody(hasher: PasswordHasher) -> str:
    """Return the hash that is tried where there is no user or no password: it costs the same, and nothing fits it."""
    return hasher.hash("there is no such user: this is tried so that trying takes as long")


def fits(hasher: PasswordHasher, hash: str | None, password: str) -> bool:
    """Return whether a password fits a hash; never without a hash, after as long a time as with one."""
    possible = hash is not None and len(password) <= MOST and _encodable(password)
    try:
        hasher.verify(hash if hash and possible else nobody(hasher), password if possible else "")
    except (VerificationError, InvalidHashError):
        return False
    return possible
