"""ML Metadata's calls as gRPC-web, as the proxy behind the UI's server answers them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kfadapter.kubeflow.grpcweb import CONTENT_TYPE, HEADER, TRAILERS
from kfadapter.kubeflow.metadatamessages import MetadataMessages
from kfadapter.testing.kubeflow.metadata_world import FakeArtifact, FakeExecution, MetadataWorld
from kfadapter.testing.kubeflow.wire import Reply

SERVICE = "/ml_metadata.MetadataStoreService/"
RUN_CONTEXT = "system.PipelineRun"
NOT_FOUND, INVALID, UNIMPLEMENTED = 5, 3, 12
INPUT, OUTPUT = 3, 4
# The number of the type that a record tells by its number alone.
NAMELESS_TYPE, NAMELESS_TYPE_NAME = 77, "system.Model"

Pair = dict[str, Any]


class MetadataCalls:
    """Answers calls from what is recorded."""

    def __init__(self, world: MetadataWorld) -> None:
        self._world = world
        self._messages: MetadataMessages | None = None
        self._calls: Mapping[str, Callable[[Any], dict[str, Any] | None]] = {
            "GetContextByTypeAndName": self._context,
            "GetExecutionsByContext": self._executions,
            "GetArtifactsByContext": self._artifacts,
            "GetEventsByExecutionIDs": self._events,
            "GetArtifactsByID": self._artifacts_by_id,
            "GetArtifactTypesByID": self._types,
        }

    def reply(self, method: str, body: bytes) -> Reply:
        """The answer to the body of one call."""
        messages = self._messages = self._messages or MetadataMessages()
        call = self._calls.get(method)
        if call is None:
            return refused(UNIMPLEMENTED, f"no such method {method}")
        flags, length = HEADER.unpack_from(body) if len(body) >= HEADER.size else (1, 0)
        if flags or length != len(body) - HEADER.size:
            return refused(INVALID, "not one frame")
        answer = call(messages.parse(f"{method}Request", body[HEADER.size :]))
        if answer is None:
            return refused(NOT_FOUND, f"No type found for query, name: `{RUN_CONTEXT}`")
        return answered(messages.new(f"{method}Response", **answer).SerializeToString())

    def _context(self, asked: Any) -> dict[str, Any] | None:
        """A type that nobody has written yet is an error; a name that nobody has is an empty answer."""
        if not self._world.runs or asked.type_name != RUN_CONTEXT:
            return None
        id_ = self._world.context_id(asked.context_name)
        return {"context": {"id": id_, "name": asked.context_name}} if id_ else {}

    def _executions(self, asked: Any) -> dict[str, Any]:
        return {"executions": [self._execution(one) for one in self._world.of_context(asked.context_id)]}

    def _artifacts(self, asked: Any) -> dict[str, Any]:
        used = (one for execution in self._world.of_context(asked.context_id) for one in execution.artifacts)
        return {"artifacts": [self._artifact(one) for one in dict.fromkeys(used)]}

    def _artifacts_by_id(self, asked: Any) -> dict[str, Any]:
        found = [one for one in self._world.artifacts if self._world.artifact_id(one) in asked.artifact_ids]
        return {"artifacts": [self._artifact(one) for one in found]}

    def _types(self, asked: Any) -> dict[str, Any]:
        return {"artifact_types": [{"id": one, "name": NAMELESS_TYPE_NAME} for one in asked.type_ids]}

    def _events(self, asked: Any) -> dict[str, Any]:
        found = [one for one in self._world.executions if self._world.execution_id(one) in asked.execution_ids]
        return {
            "events": [
                {
                    "execution_id": self._world.execution_id(execution),
                    "artifact_id": self._world.artifact_id(artifact),
                    "path": {"steps": [{"key": name}]},
                    "type": type_,
                }
                for execution in found
                for type_, named in ((INPUT, execution.input_artifacts), (OUTPUT, execution.output_artifacts))
                for name, some in named.items()
                for artifact in some
            ]
        }

    def _execution(self, one: FakeExecution) -> dict[str, Any]:
        around = one.parent or self._world.root(one)
        noted: dict[str, Any] = {
            "display_name": one.display_name,
            "task_name": one.task_name,
            "parent_dag_id": self._world.execution_id(around) if around else None,
            "iteration_index": one.iteration_index,
            "iteration_count": one.iteration_count,
            "pod_name": one.pod_name if one.type == "system.ContainerExecution" else None,
            "cached_execution_id": one.cached_from or None,
        }
        pairs = [_pair(key, _number_or_text(value)) for key, value in noted.items() if value is not None]
        given = {"inputs": one.inputs, "outputs": one.outputs}
        pairs += [_pair(key, {"struct_value": dict(value)}) for key, value in given.items() if value is not None]
        id_ = self._world.execution_id(one)
        return {"id": id_, "type": one.type, "last_known_state": one.state, "custom_properties": pairs}

    def _artifact(self, one: FakeArtifact) -> dict[str, Any]:
        session = '{"Provider":"minio","Params":{"secretName":"mlpipeline-minio-artifact"}}'
        noted = {"display_name": one.name, "store_session_info": session, **one.metadata}
        return {
            "id": self._world.artifact_id(one),
            "type": one.type,
            "type_id": NAMELESS_TYPE,
            "uri": one.uri,
            "custom_properties": [_pair(key, _metadata(value)) for key, value in noted.items()],
        }


def answered(message: bytes) -> Reply:
    """A message, and that all went well."""
    frames: Iterable[tuple[int, bytes]] = ((0, message), (TRAILERS, b"grpc-status:0\r\ngrpc-message:\r\n"))
    return Reply(content_type=CONTENT_TYPE, body=b"".join(HEADER.pack(flags, len(one)) + one for flags, one in frames))


def refused(status: int, message: str) -> Reply:
    """A status of gRPC's and no message."""
    trailers = f"grpc-status:{status}\r\ngrpc-message:{message}\r\n".encode()
    return Reply(content_type=CONTENT_TYPE, body=HEADER.pack(TRAILERS, len(trailers)) + trailers)


def _pair(key: str, value: dict[str, Any]) -> Pair:
    return {"key": key, "value": value}


def _number_or_text(value: int | str) -> dict[str, Any]:
    return {"int_value": value} if isinstance(value, int) else {"string_value": value}


def _metadata(value: object) -> dict[str, Any]:
    """As KFP's launcher keeps a value: numbers as doubles, booleans as numbers, the rest in an object."""
    if isinstance(value, str):
        return {"string_value": value}
    if isinstance(value, bool):
        return {"int_value": int(value)}
    if isinstance(value, (int, float)):
        return {"double_value": value}
    return {"struct_value": {"list" if isinstance(value, Sequence) else "struct": value}}
