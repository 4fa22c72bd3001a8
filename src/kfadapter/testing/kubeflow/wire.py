"""How a fake Kubeflow writes: the JSON of its objects and errors, as KFP 2.17 and as KFP 2.3.0 do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from kfadapter.testing.kubeflow.world import FakeExperiment, FakePipeline, FakeRun, FakeVersion

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
STATUS_TYPE = "type.googleapis.com/google.rpc.Status"
HTTP_STATUS = {3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 9: 400, 10: 409, 12: 501, 13: 500, 14: 503, 16: 401}


class Wire(Enum):
    """Which server the fake talks like."""

    V2_17 = "2.17"
    V2_3_0 = "2.3.0"

    @property
    def tag_name(self) -> str:
        return "2.17.0" if self is Wire.V2_17 else "2.3.0"

    @property
    def is_old(self) -> bool:
        return self is Wire.V2_3_0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An HTTP answer."""

    status: int = 200
    content_type: str = JSON_TYPE
    body: bytes = b""


class KFPError(Exception):
    """An error of KFP's own kind.

    Attributes:
        code: The gRPC code.
        chain: The whole message, with the contexts it was wrapped in.
        message: The message for the outside; empty: an error of the gateway, which has no details.
    """

    def __init__(self, code: int, chain: str, message: str = "") -> None:
        super().__init__(chain)
        self.code = code
        self.chain = chain
        self.message = message


class UploadError(Exception):
    """An error of the upload handlers, which write another shape.

    Attributes:
        cause: What 2.3.0 says in full and 2.17 hides behind `message`.
        as_text: Sent as text/plain although it is JSON.
    """

    def __init__(self, status: int, message: str, *, cause: str = "", as_text: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.cause = cause
        self.as_text = as_text


class TextError(Exception):
    """An error that is one line of plain text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NeverAnswered(Exception):
    """The server is stuck in this request for good."""


def invalid(context: str, message: str) -> KFPError:
    """The caller's mistake (code 3)."""
    return KFPError(
        3, f"{context}: Invalid input error: {message}" if context else f"Invalid input error: {message}", message
    )


def not_found(context: str, what: str) -> KFPError:
    """An unknown thing (code 5)."""
    return KFPError(5, f"{context}: ResourceNotFoundError: {what} not found", f"{what} not found")


def internal(context: str, cause: str) -> KFPError:
    """What KFP answers with 500, callers' mistakes among it (code 13)."""
    return KFPError(13, f"{context}: InternalServerError: {cause}", "Internal Server Error")


def json_reply(document: object, wire: Wire, status: int = 200, content_type: str = JSON_TYPE) -> Reply:
    """JSON as the server writes it: 2.17 puts blanks after commas, 2.3.0 does not."""
    separators = (",", ":") if wire.is_old else (", ", ":")
    text = json.dumps(document, ensure_ascii=False, separators=separators)
    return Reply(status=status, content_type=content_type, body=text.encode("utf-8", "replace"))


def error_reply(error: KFPError, wire: Wire) -> Reply:
    """An error of the API."""
    document: dict[str, object] = {"code": error.code, "message": error.chain}
    if wire.is_old:
        document = {"error": error.chain, **document}
    if error.message:
        document["details"] = [{"@type": STATUS_TYPE, "code": error.code, "message": error.message}]
    return json_reply(document, wire, HTTP_STATUS[error.code])


def upload_error_reply(error: UploadError, wire: Wire) -> Reply:
    """An error of an upload: 2.3.0 says the whole chain, 2.17 a phrase; both add a stack with source paths."""
    message = f"{error.message}: {error.cause}" if wire.is_old and error.cause else error.message
    stack = (
        "\ngithub.com/kubeflow/pipelines/backend/src/apiserver/server.(*PipelineUploadServer).UploadPipeline"
        "\n\t/go/src/github.com/kubeflow/pipelines/backend/src/apiserver/server/pipeline_upload_server.go:148"
        "\nnet/http.HandlerFunc.ServeHTTP\n\t/usr/local/go/src/net/http/server.go:2136"
    )
    document = {"error_message": message, "error_details": message + stack}
    return json_reply(document, wire, error.status, TEXT_TYPE if error.as_text else JSON_TYPE)


def text_reply(status: int, text: str) -> Reply:
    """A plain text answer."""
    return Reply(status=status, content_type=TEXT_TYPE, body=text.encode())


def pipeline_json(pipeline: FakePipeline, wire: Wire) -> dict[str, Any]:
    """A pipeline; zero fields are left out."""
    named = {"display_name": pipeline.display_name, "name": pipeline.name}
    return _filled(
        {
            "pipeline_id": pipeline.pipeline_id,
            **_for_wire(named, wire),
            "description": pipeline.description,
            "created_at": timestamp(pipeline.created_at),
            "tags": {} if wire.is_old else dict(sorted(pipeline.tags.items())),
        }
    )


def version_json(version: FakeVersion, wire: Wire) -> dict[str, Any]:
    """A pipeline version with its spec."""
    named = {"display_name": version.display_name, "name": version.name}
    return _filled(
        {
            "pipeline_id": version.pipeline_id,
            "pipeline_version_id": version.pipeline_version_id,
            **_for_wire(named, wire),
            "description": version.description,
            "created_at": timestamp(version.created_at),
            "code_source_url": "" if wire.is_old else version.code_source_url,
            "pipeline_spec": version.pipeline_spec,
            "tags": {} if wire.is_old else version.tags,
        }
    )


def experiment_json(experiment: FakeExperiment, wire: Wire) -> dict[str, Any]:
    """An experiment; only newer servers know its last run."""
    last_run = {"last_run_created_at": timestamp(experiment.last_run_created_at)}
    return _filled(
        {
            "experiment_id": experiment.experiment_id,
            "display_name": experiment.display_name,
            "description": experiment.description,
            "created_at": timestamp(experiment.created_at),
            "storage_state": experiment.storage_state,
            **({} if wire.is_old else last_run),
        }
    )


def run_json(run: FakeRun, wire: Wire) -> dict[str, Any]:
    """A run; `finished_at` is 1970 while it goes on."""
    reference = {"pipeline_id": run.pipeline_id, "pipeline_version_id": run.pipeline_version_id}
    return _filled(
        {
            "experiment_id": run.experiment_id,
            "run_id": run.run_id,
            "display_name": run.display_name,
            "storage_state": run.storage_state,
            "description": run.description,
            "pipeline_version_reference": _filled(reference),
            "pipeline_spec": run.pipeline_spec,
            "runtime_config": run.runtime_config,
            "service_account": run.service_account,
            "created_at": timestamp(run.created_at),
            "scheduled_at": timestamp(run.scheduled_at),
            "finished_at": timestamp(run.finished_at),
            "state": run.state,
            "error": {"code": 2, "message": run.error} if run.error else None,
            "run_details": {"task_details": run.tasks} if run.tasks else None,
            "state_history": [{"update_time": timestamp(at), "state": state} for at, state in run.history],
            **({} if wire.is_old else run.extra),
        }
    )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _for_wire(names: Mapping[str, str], wire: Wire) -> dict[str, str]:
    return {"display_name": names["display_name"]} if wire.is_old else dict(names)


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value not in (None, "", {}, [])}
