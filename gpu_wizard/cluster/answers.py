"""What an HTTP answer of the API means: a document, an `Unknown`, or one of our errors.

Source: recordings of kube-apiserver v1.36.2 (401, 403, 404, 409, 422, 500, 504 and their Status objects).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpu_wizard.model.errors import (
    AccessError,
    CommandError,
    ConflictError,
    TimedOutError,
    UnreachableError,
    Where,
    WizardError,
)
from gpu_wizard.model.fact import Unknown

BUSY = (429, 502, 503)
"""The request was not carried out; a moment later it may be. Source: Kubernetes API conventions, RFC 9110."""


@dataclass(frozen=True)
class HttpAnswer:
    """Status and body of one request."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """The Status object's message, or the first 300 characters of the body."""
        document = self.document()
        if isinstance(document, dict) and document.get("message"):
            return str(document["message"])
        return self.body[:300].decode(errors="replace").strip()

    def document(self, lean: Callable[[dict[str, Any]], Any] | None = None) -> Any:
        """The body as JSON; None where it is none, or nested deeper than any object.

        `lean`: what becomes of each JSON object in it, the inner ones first.
        """
        try:
            return json.loads(self.body, object_hook=lean)
        except (ValueError, RecursionError):
            return None


def unknown_of(answer: HttpAnswer) -> Unknown:
    """Why a question could not be answered."""
    codes = {
        401: "api-unauthorized",
        403: "api-forbidden",
        504: "api-timed-out",
        **dict.fromkeys(BUSY, "api-unreachable"),
    }
    return Unknown(
        codes.get(answer.status, "api-error"), f"{answer.status}: {answer.message}"[:500]
    )


def unknown_from(error: WizardError) -> Unknown:
    """Why a question could not be sent."""
    return Unknown(error.code, error.params.get("reason", error.message))


def error_of(answer: HttpAnswer, server: str, what: str) -> WizardError:
    """The error of a refused change. `what` names the object, such as `RuntimeClass nvidia`."""
    where = Where(host=server, command=what, status=answer.status)
    message = f"The API server refused {what}: {answer.message}"[:800]
    match answer.status:
        case 401:
            return AccessError(
                "api-unauthorized", message, where, "Check the kubeconfig's credentials."
            )
        case 403:
            return AccessError(
                "api-forbidden", message, where, "Use an account that may change this object."
            )
        case 409:
            return ConflictError(
                "api-conflict", message, where, "Look at who owns the object, then run again."
            )
        case status if status in BUSY:
            return UnreachableError(
                "api-unreachable",
                message,
                where,
                "Wait until the API server is ready.",
                params={"reason": answer.message},
            )
        case 504:
            return TimedOutError(
                "api-timed-out", message, where, "Look at the server's load and its store."
            )
        case _:
            return CommandError("api-refused", message, where)


def object_of(answer: HttpAnswer, server: str, what: str) -> dict[str, Any]:
    """The object of an answer that is ok. Raises: WizardError: it is an error's, or holds no object.

    A proxy before the API may answer 200 with a page of its own.
    """
    document = answer.document()
    if answer.ok and isinstance(document, dict) and isinstance(document.get("metadata"), dict):
        return document
    if not answer.ok:
        raise error_of(answer, server, what)
    raise CommandError(
        "api-error",
        f"The API server's answer about {what} is no object: {answer.message}"[:800],
        Where(host=server, command=what, status=answer.status),
        "Look whether a proxy stands between here and the API server.",
    )
