"""Whether a resource is as FHIR R4 has it, asked of the library fhir.resources (its R4B models)."""

from __future__ import annotations

from typing import Any

from residency.core.errors import UserError
from residency.corpus.readers.fhir.values import Resource


def wrong_field(resource: Resource) -> str:
    """Return "" for a valid resource, else its type and the path of the first wrong field, never a value.

    Raises UserError where fhir.resources is not installed.
    """
    try:
        from fhir.resources.R4B import get_fhir_model_class
    except ModuleNotFoundError:
        raise UserError("validate: true needs fhir.resources; install it with: pip install fhir.resources") from None
    kind = resource["resourceType"]
    try:
        get_fhir_model_class(kind).model_validate(resource)
    except Exception as error:
        return f"not valid FHIR R4 at {kind}{_path(error)}"
    return ""


def _path(error: Any) -> str:
    """Return the path of the first wrong field; of one that FHIR does not have, the path of what it stands in."""
    details: list[Any] = getattr(error, "errors", list)()
    if not details:
        return ""
    steps = [step for step in details[0].get("loc", ()) if step != "root"]
    if details[0].get("type") == "extra_forbidden":
        steps = steps[:-1]
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
