"""The API server's refusals: HTTP status, reason and text, as Kubernetes words them.

Source: the recorded exchanges with kube-apiserver v1.36.2 (tests/recorded/kube-api).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject


@dataclass(frozen=True)
class Cause:
    """One reason why an object is not valid."""

    field: str
    reason: str
    message: str


class ApiError(Exception):
    """A request refused, or a failure, with the Status object that tells the client."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    @property
    def body(self) -> JsonObject:
        """The Status object."""
        status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
        status |= {"status": "Failure", "message": self.message}
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}


def about(kind: Kind, name: str = "") -> JsonObject:
    """The `details` that name a resource."""
    details: JsonObject = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    return details | {"kind": kind.plural}


def not_found(kind: Kind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', about(kind, name))


def no_such_resource() -> ApiError:
    text = "the server could not find the requested resource"
    return ApiError(404, "NotFound", text, {})


def already_exists(kind: Kind, name: str) -> ApiError:
    text = f'{kind.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, about(kind, name))


def modified(kind: Kind, name: str) -> ApiError:
    """The resourceVersion sent is no longer the newest."""
    text = (
        f'Operation cannot be fulfilled on {kind.qualified} "{name}": the object has been '
        "modified; please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", text, about(kind, name))


def wrong_precondition(kind: Kind, name: str, what: str, wanted: str, found: str) -> ApiError:
    text = (
        f'Operation cannot be fulfilled on {kind.name} "{name}": the {what} in the precondition '
        f"({wanted}) does not match the {what} in record ({found}). The object might have been "
        "deleted and then recreated"
    )
    details = about(kind, name) | {"kind": kind.name}
    return ApiError(409, "Conflict", text, details)


def bad_request(text: str) -> ApiError:
    return ApiError(400, "BadRequest", text)


def rejected_patch() -> ApiError:
    """A JSON patch that does not apply: the text says nothing (recorded c07, c09, c10)."""
    text = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", text, {})


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    """Refused by admission."""
    text = f'{kind.qualified} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", text, about(kind, name))


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def internal(text: str) -> ApiError:
    return ApiError(500, "", text)


def invalid(title: str, name: str, group: str, kind: str, causes: Sequence[Cause]) -> ApiError:
    """The 422 of a validation; `title` is the kind with its group."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: JsonObject = {"name": name} if name else {}
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    details["causes"] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes
    ]
    return ApiError(422, "Invalid", f'{title} "{name}" is invalid: {listed}', details)


def invalid_object(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    return invalid(kind.full_name, name, kind.group, kind.name, causes)


def invalid_patch(shown: str, why: str) -> ApiError:
    """A patch whose outcome is no object of the kind (recorded c15, c16, c30)."""
    cause = Cause("patch", "FieldValueInvalid", f'Invalid value: "{shown}": {why}')
    return invalid("", "", "", "", [cause])


def required(field: str, why: str = "") -> Cause:
    return Cause(field, "FieldValueRequired", f"Required value: {why}" if why else "Required value")


def wrong(field: str, shown: str, why: str) -> Cause:
    """`shown` is the value as Go prints it: quoted if a string."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {shown}: {why}")
