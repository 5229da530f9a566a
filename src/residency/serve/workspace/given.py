"""What a form gave: its fields as texts, checked before anything is done with them."""

from __future__ import annotations

from collections import defaultdict

from fastapi import Request

from residency.serve.types import Refused

MOST_FIELDS = 200
Form = defaultdict[str, str]
"""The fields of a form; one that was not given is empty."""


async def given(request: Request) -> Form:
    """Return a posted form's fields, line ends as \\n; Refused (400) where one is a file, or holds a NUL.

    Of a name that was given several times (check boxes), the values are parted by blanks.
    """
    found: Form = defaultdict(str)
    async with request.form(max_fields=MOST_FIELDS, max_files=0) as form:
        for name, value in form.multi_items():
            if not isinstance(value, str) or "\0" in value or "\0" in name:
                raise Refused("the form holds what no field of it takes", code="invalid_form")
            text = value.replace("\r\n", "\n")
            found[name] = f"{found[name]} {text}" if name in found else text
    return found


def whole(text: str, *, least: int, most: int, name: str) -> int:
    """Return a whole number of a form; Refused (422) says which are legal."""
    if not text.strip().isascii() or not text.strip().isdigit() or not least <= int(text[:12]) <= most:
        raise Refused(f"{name} is a whole number from {least} to {most}", status=422, param=name)
    return int(text)
