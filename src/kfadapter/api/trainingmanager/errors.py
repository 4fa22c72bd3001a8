"""How the Training Manager's routes tell errors: `{"status", "message", …}`, always JSON, `message` always text.

Upstream's three classes stay apart by their messages: a name that does not exist (400, upstream's own sentence), an
error of Kubeflow (its true status and reason), and anything else.
"""

from collections.abc import Mapping

from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.problems import BadRequest, message_of, status_of, with_cause
from kfadapter.errors import ArgumentsError, KFAdapterError, NameNotFound

NAME_MESSAGES = {
    "pipeline": "PipeLine Name does not exist",
    "pipeline version": "PipeLine Version does not exist",
    "experiment": "Experiment name does not exist",
}
NAME_KEYS = {"pipeline": "pipe_name", "pipeline version": "version_name", "experiment": "exp.name"}


def error_answer(error: BaseException, payload: Mapping[str, object]) -> Response:
    """The answer to a failed request.

    Args:
        error: What went wrong.
        payload: What upstream put beside the message on this route (`{"payload": …}` or `{"ext": 1}`).
    """
    error = with_cause(error)
    body: dict[str, object] = {**payload, **_facts(error)}
    body["status"] = status_of(error)
    body["message"] = _message(error)
    return json_answer(body, status=status_of(error))


def _message(error: BaseException) -> str:
    if isinstance(error, NameNotFound):
        return NAME_MESSAGES[error.kind]
    if isinstance(error, (KFAdapterError, TimeoutError)):
        return message_of(error)
    return "Unsupported error in the adapter; its log has the details"


def _facts(error: BaseException) -> dict[str, object]:
    if isinstance(error, NameNotFound):
        return {"payload": {NAME_KEYS[error.kind]: error.name, "error": str(error)}}
    if isinstance(error, ArgumentsError):
        return {"errors": [{"argument": one.name, "kind": one.kind, "message": one.message} for one in error.problems]}
    if isinstance(error, BadRequest):
        return error.extra
    return {}
