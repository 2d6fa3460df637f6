"""What the OpenAPI page says beside bodies: how a request is refused, and which key it needs."""

from typing import Any

from fastapi import Depends
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from playmask.server.limits import ApiKeys


class Error(BaseModel):
    """Why a request is not answered: one sentence, and its kind."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorResponse(BaseModel):
    """A refusal, in the form that clients of OpenAI's interface read."""

    error: Error


RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
REFUSALS: dict[int, dict[str, Any]] = {
    401: {"description": "No key, or a wrong one."},
    404: {"description": "No task of this name."},
    408: {"description": "The body did not arrive in time."},
    413: {"description": "The body has too many bytes."},
    422: {"description": "Something in the body is wrong, or cannot be answered."},
    500: {"description": "A fault of the server or of the task's weights."},
    503: {"description": "Not ready yet, or too much to do.", "headers": RETRY},
    504: {"description": "No answer in time."},
}
"""When each status is sent."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of an endpoint that is refused with some statuses."""
    return {status: {"model": ErrorResponse, **REFUSALS[status]} for status in statuses}


TASK_REFUSALS = refusals(404, 408, 413, 422, 500, 503, 504)
"""The refusals of an endpoint that asks a task."""


def behind_keys(keys: ApiKeys) -> dict[str, Any]:
    """What a router has whose endpoints need a key, where there are keys; the gate checks it."""
    if not keys.digests:
        return {}
    scheme = HTTPBearer(auto_error=False, description="One of the server's keys.")
    return {"dependencies": [Depends(scheme)], "responses": refusals(401)}
