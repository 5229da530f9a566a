"""The applications of a service with what proves each for the model at hand, and one of them asked by a JSON body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from residency.infer.evidence import Evidence
from residency.serve.apps.application import LANGUAGES, Application
from residency.serve.apps.proof import Proof, admitted, proof, read_ledgers
from residency.serve.apps.read import load
from residency.serve.apps.run import run
from residency.serve.apps.screening import hands_over
from residency.serve.types import Principal, Refused

if TYPE_CHECKING:
    from residency.serve.service import Service

OWN = "applications"
"""The folder beneath the service's where a hospital puts its own."""
KEYS = ("fields", "unproven", "model", "language")


def applications(service: Service) -> dict[str, Application]:
    """Return the applications of a service: ours, and the hospital's own in its folder."""
    return load(service.settings.folder / OWN)


def application(service: Service, name: str) -> Application:
    """Return an application by its id; Refused (404) where there is none."""
    found = applications(service)
    if name not in found:
        said = f"no such application here; there is: {', '.join(found)}"
        raise Refused(said, status=404, code="application_not_found", param="name")
    return found[name]


def proof_of(service: Service, one: Application, *, engine: str = "") -> Proof | None:
    """Return what proves an application for a model of the service (``about["ledgers"]``: the files)."""
    ledgers = read_ledgers(service.about.get("ledgers") or ())
    return proof(one, service.flow.engine(engine).hash, ledgers)


def listed(service: Service, *, language: str = "en", engine: str = "") -> list[dict[str, Any]]:
    """Return all applications as JSON has them, each with its ``proof`` and whether it is ``unproven``."""
    language = language if language in LANGUAGES else LANGUAGES[0]
    return [_listed(one, proof_of(service, one, engine=engine), language) for one in applications(service).values()]


def _listed(one: Application, found: Proof | None, language: str) -> dict[str, Any]:
    proven = found is not None and found.proves
    return {**one.told(language), "proof": found.told() if found else None, "unproven": not proven}


async def answered(
    service: Service,
    name: str,
    body: Mapping[str, Any],
    principal: Principal,
    *,
    evidence: Sequence[Evidence] = (),
    route: str = "",
) -> dict[str, Any]:
    """Return what an application comes to for a body with ``fields``, as JSON has it.

    Raises Refused: 404 for an unknown application or model, 409 for one that is unproven where the body does not say
    ``"unproven": true`` (but for what a rule hands over, which no model is asked about), 400 for a wrong body or field.
    """
    one = application(service, name)
    if unknown := [key for key in body if key not in KEYS]:
        raise Refused(f"{len(unknown)} keys are unknown; legal are {', '.join(KEYS)}", code="invalid_body")
    fields, unproven = body.get("fields", {}), body.get("unproven", False)
    engine, language = body.get("model") or "", body.get("language") or principal.language
    if not isinstance(fields, Mapping) or not isinstance(unproven, bool):
        raise Refused("fields is an object, unproven true or false", code="invalid_body", param="fields")
    if not isinstance(engine, str) or language not in LANGUAGES:
        raise Refused(f"model is a name, language one of {', '.join(LANGUAGES)}", code="invalid_body", param="model")
    if not hands_over(one, fields):
        admitted(one, proof_of(service, one, engine=engine), unproven=unproven, language=language)
    settings: dict[str, Any] = {"engine": engine, "language": language, "evidence": evidence, "route": route}
    return (await run(one, fields, service.flow, principal, **settings)).told()
