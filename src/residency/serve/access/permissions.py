"""Who may go where: one table from each route to the roles and scopes that it takes.

A person in a session is let in by role; an API key by its user's role and by a scope of its own. A route that stands in
no line here is refused when the service starts, and a path that fits no line is not handed to any route.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from residency.serve.types import ROLES, Principal

MEDICAL = ("clinician", "reviewer")
READERS = ("administrator", "auditor")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SCOPES_OF: dict[str, frozenset[str]] = {
    "clinician": frozenset({"chat", "embed", "medical", "models"}),
    "reviewer": frozenset({"chat", "embed", "medical", "models"}),
    "administrator": frozenset({"models", "metrics"}),
    "auditor": frozenset({"models", "metrics", "audit"}),
}
"""The scopes that a key of a user in this role can have."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What one route takes: one of the roles and, of a key, one of the scopes; without scopes no key is let in.

    ``open`` asks for nothing; ``any_key`` takes a key whatever its scopes; ``changing`` lets in those who have to
    choose a password first.
    """

    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    open: bool = False
    any_key: bool = False
    changing: bool = False

    def admits(self, principal: Principal) -> bool:
        """Return whether this caller may use the route."""
        if self.open:
            return True
        if principal.role not in self.roles or (principal.must_change and not self.changing):
            return False
        return principal.scopes is None or self.any_key or not self.scopes.isdisjoint(principal.scopes)


def _to(roles: Iterable[str], *scopes: str, changing: bool = False, any_key: bool = False) -> Permission:
    return Permission(frozenset(roles), frozenset(scopes), changing=changing, any_key=any_key)


OPEN = Permission(open=True)
ROUTES: dict[tuple[str, str], Permission] = {
    # --- the API ---
    ("GET", "/health"): OPEN,
    ("GET", "/metrics"): _to(READERS, "metrics"),
    ("GET", "/openapi.json"): _to(ROLES, any_key=True),
    ("POST", "/v1/chat/completions"): _to(MEDICAL, "chat"),
    ("POST", "/v1/completions"): _to(MEDICAL, "chat"),
    ("POST", "/v1/embeddings"): _to(MEDICAL, "embed"),
    ("GET", "/v1/models"): _to(ROLES, "models"),
    ("GET", "/v1/models/{name}"): _to(ROLES, "models"),
    ("POST", "/v1/medical/answer"): _to(MEDICAL, "medical"),
    ("POST", "/v1/medical/extract"): _to(MEDICAL, "medical"),
    ("POST", "/v1/medical/deidentify"): _to(MEDICAL, "medical"),
    ("POST", "/v1/medical/summarise"): _to(MEDICAL, "medical"),
    ("POST", "/v1/medical/classify"): _to(MEDICAL, "medical"),
    ("GET", "/v1/applications"): _to(MEDICAL, "medical"),
    ("POST", "/v1/applications/{name}"): _to(MEDICAL, "medical"),
    # --- signing in and out ---
    ("GET", "/login"): OPEN,
    ("POST", "/login"): OPEN,
    ("GET", "/static/{file}"): OPEN,
    ("POST", "/logout"): _to(ROLES, changing=True),
    ("GET", "/password"): _to(ROLES, changing=True),
    ("POST", "/password"): _to(ROLES, changing=True),
    ("POST", "/language"): _to(ROLES, changing=True),
    # --- pages with texts of patients ---
    ("GET", "/"): _to(MEDICAL),
    ("GET", "/ask"): _to(MEDICAL),
    ("POST", "/ask"): _to(MEDICAL),
    ("GET", "/note"): _to(MEDICAL),
    ("POST", "/note"): _to(MEDICAL),
    ("GET", "/applications"): _to(MEDICAL),
    ("POST", "/applications"): _to(MEDICAL),
    ("GET", "/applications/{name}"): _to(MEDICAL),
    ("POST", "/applications/{name}"): _to(MEDICAL),
    ("GET", "/tutor"): _to(MEDICAL),
    ("POST", "/tutor"): _to(MEDICAL),
    ("GET", "/compare"): _to(MEDICAL),
    ("POST", "/compare"): _to(MEDICAL),
    ("GET", "/compare/{id}"): _to(MEDICAL),
    ("POST", "/compare/{id}"): _to(MEDICAL),
    ("GET", "/review"): _to(MEDICAL),
    ("GET", "/review/{id}"): _to(MEDICAL),
    ("POST", "/review/{id}"): _to(MEDICAL),
    # --- pages without ---
    ("GET", "/catalog"): _to(READERS),
    ("GET", "/runs"): _to(READERS),
    ("GET", "/runs/{id}"): _to(READERS),
    ("GET", "/ledger/{id}"): _to(READERS),
    ("GET", "/audit"): _to(("auditor",), "audit"),
    ("POST", "/audit/export"): _to(("auditor",), "audit"),
    ("GET", "/users"): _to(("administrator",)),
    ("POST", "/users"): _to(("administrator",)),
    ("POST", "/users/{id}"): _to(("administrator",)),
    ("GET", "/keys"): _to(("administrator",)),
    ("POST", "/keys"): _to(("administrator",)),
    ("POST", "/keys/{id}/revoke"): _to(("administrator",)),
}
"""Each route and what it takes. A clinician sees their own drafts alone under /review: the pages there hold to that."""
# A model's name may hold a slash (runs/latest), and so may the path of a file.
_WITH_SLASHES = ("/v1/models/{}", "/static/{}")


def pattern(template: str) -> re.Pattern[str]:
    """Return what a path has to match to fit a template."""
    part = ".+" if bare(template) in _WITH_SLASHES else "[^/]+"
    return re.compile(part.join(re.escape(piece) for piece in bare(template).split("{}")), re.DOTALL)


def bare(template: str) -> str:
    """Return a template without the names of its parts."""
    return re.sub(r"\{[^/{}]*\}", "{}", template)


_METHODS: dict[str, tuple[str, ...]] = {}
for _method, _template in ROUTES:
    _METHODS[_template] = (*_METHODS.get(_template, ()), _method)
_PATTERNS = [(pattern(template), template) for template in _METHODS if "{" in template]


def template_of(path: str) -> str | None:
    """Return the template that a path fits; None where there is none. A path that stands there as it is goes first."""
    if path in _METHODS and "{" not in path:
        return path
    return next((template for pattern, template in _PATTERNS if pattern.fullmatch(path)), None)


def methods_of(template: str) -> tuple[str, ...]:
    """Return the methods that a template takes."""
    return _METHODS[template]


def allowed(principal: Principal, method: str, path: str) -> bool:
    """Return whether a caller may use a method on a path (or template); never where no line stands for it."""
    template = path if path in _METHODS else template_of(path)
    permission = ROUTES.get((method, template)) if template else None
    return permission is not None and permission.admits(principal)


def home(role: str) -> str:
    """Return the page that a role begins with."""
    return {"administrator": "/users", "auditor": "/audit"}.get(role, "/")
