"""`POST /trainingjobs/{id}/execution`: the Training Manager starts a training job."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.problems import BadRequest
from kfadapter.api.requests import read_json_object
from kfadapter.api.trainingmanager.errors import error_answer
from kfadapter.api.trainingmanager.operation import Operation
from kfadapter.errors import KFAdapterError
from kfadapter.service import Service
from kfadapter.training.execution import ExecutionRequest
from kfadapter.training.records import ExecutionKey, TrainingRun

REQUIRED = ("arguments", "pipeline_name", "experiment_name", "pipeline_version")
SCHEDULED = "scheduled"
MAX_JOB_ID_LENGTH = 255
KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
# A structured-field string (RFC 8941), as draft-ietf-httpapi-idempotency-key-header asks for.
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


class ExecutionRoutes:
    """The execution of training jobs."""

    def __init__(self, service: Service) -> None:
        self._executor = service.executor
        self._launcher = service.launcher

    def operations(self) -> Iterator[Operation]:
        """The route of this group."""
        yield Operation(method="POST", path="/trainingjobs/{job_id}/execution", handle=self.execute)

    async def execute(self, request: Request) -> Response:
        """Start one run for the job; the answer is upstream's, with the arguments as the run got them."""
        body = await read_json_object(request)
        wanted = execution_request(request.path_params["job_id"], body, execution_key(request, body))
        try:
            run = (await self._executor.execute(wanted)).run
        except KFAdapterError as exc:
            return error_answer(exc, {"payload": body})
        after = BackgroundTask(self._launcher.answered, run.run_id)
        return json_answer(execution_body(wanted, run), after=after)


def execution_key(request: Request, body: Mapping[str, object]) -> ExecutionKey | None:
    """The `Idempotency-Key` of a request: a text in quotes, as the draft has it, or without.

    Raises:
        BadRequest: It is empty, too long, or not printable ASCII.
    """
    given = request.headers.get(KEY_HEADER)
    if given is None:
        return None
    quoted = QUOTED.fullmatch(given.strip())
    value = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given.strip()
    if not 0 < len(value) <= MAX_KEY_LENGTH or not (value.isascii() and value.isprintable()):
        raise BadRequest(f"{KEY_HEADER} must be a text of 1 to {MAX_KEY_LENGTH} printable ASCII characters")
    canonical = json.dumps(body, sort_keys=True).encode()
    return ExecutionKey(value=value, digest=hashlib.sha256(canonical).hexdigest())


def execution_request(job_id: str, body: Mapping[str, object], key: ExecutionKey | None = None) -> ExecutionRequest:
    """The request in its body, checked.

    Raises:
        BadRequest: Keys are missing or have the wrong type; every one is named.
    """
    missing = [key for key in REQUIRED if key not in body]
    if missing:
        raise BadRequest("Less arguments", extra={"payload": dict(body), "missing": missing})
    wrong = _wrong_types(body)
    if len(job_id) > MAX_JOB_ID_LENGTH:
        wrong.append(f"the training job's id has more than {MAX_JOB_ID_LENGTH} characters")
    if wrong:
        raise BadRequest("; ".join(wrong), extra={"payload": dict(body)})
    return ExecutionRequest(
        job_id=job_id,
        pipeline_name=str(body["pipeline_name"]),
        pipeline_version=str(body["pipeline_version"] or ""),
        experiment_name=str(body["experiment_name"]),
        arguments=cast(dict[str, object], body["arguments"]),
        key=key,
    )


def execution_body(request: ExecutionRequest, run: TrainingRun) -> dict[str, object]:
    """Upstream's answer, with the experiment that was asked for, and what became of the arguments."""
    return {
        "trainingjob_id": request.job_id,
        "run_id": run.run_id,
        "run_name": run.display_name,
        "experiment_name": request.experiment_name,
        "experiment_id": run.experiment_id,
        "pipeline_name": request.pipeline_name,
        "pipeline_id": run.pipeline_id,
        "pipeline_version": run.version_name,
        "pipeline_version_id": run.pipeline_version_id,
        "run_status": SCHEDULED,
        "ignored_arguments": list(run.ignored_arguments),
        "effective_arguments": dict(run.effective_arguments),
    }


def _wrong_types(body: Mapping[str, object]) -> list[str]:
    wrong = [
        f"{key} must be a text that is not empty"
        for key in ("pipeline_name", "experiment_name")
        if not isinstance(body[key], str) or not body[key]
    ]
    if not isinstance(body["arguments"], dict):
        wrong.append("arguments must be an object of names and values")
    if not isinstance(body["pipeline_version"], (str, type(None))):
        wrong.append("pipeline_version must be a text; empty or 'latest' is the newest version")
    return wrong
