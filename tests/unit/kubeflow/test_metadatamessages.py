"""The description of ML Metadata's messages, held against bytes that are written by hand from its protocol."""

import struct

import pytest

from kfadapter.kubeflow.executions import executions_of
from kfadapter.kubeflow.metadatamessages import MetadataMessages
from kfadapter.kubeflow.metadatastore import RunRecords, places


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def block(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def pair(field: int, key: str, value: bytes) -> bytes:
    return block(field, block(1, key) + block(2, value))


@pytest.fixture(scope="module")
def messages() -> MetadataMessages:
    return MetadataMessages()


def test_questions_have_the_protocols_bytes(messages: MetadataMessages) -> None:
    asked = messages.new("GetContextByTypeAndNameRequest", type_name="system.PipelineRun", context_name="run")
    assert asked.SerializeToString() == block(1, "system.PipelineRun") + block(2, "run")
    asked = messages.new("GetExecutionsByContextRequest", context_id=300, options={"max_result_size": 100})
    assert asked.SerializeToString() == number(1, 300) + block(2, number(1, 100))
    asked = messages.new("GetEventsByExecutionIDsRequest", execution_ids=[1, 300])
    assert asked.SerializeToString() == number(1, 1) + number(1, 300)


def test_an_execution_with_its_artifacts(messages: MetadataMessages) -> None:
    inputs = block(4, pair(1, "epochs", double(2, 3.0)) + pair(1, "name", block(3, "qoe")))
    execution = (
        number(1, 7)
        + number(2, 12)
        + number(3, 5)
        + block(6, "run/7")
        + block(7, "system.ContainerExecution")
        + number(8, 1_700_000_000_000)
        + pair(5, "task_name", block(3, "train"))
        + pair(5, "pod_name", block(3, "train-1"))
        + pair(5, "parent_dag_id", number(1, 3))
        + pair(5, "iteration_index", number(1, 0))
        + pair(5, "inputs", inputs)
    )
    event = number(1, 9) + number(2, 7) + block(3, block(1, block(2, "model"))) + number(4, 4) + number(5, 1)
    artifact = (
        number(1, 9)
        + number(2, 4)
        + block(3, "minio://b/model")
        + pair(5, "display_name", block(3, "my-model"))
        + pair(5, "accuracy", double(2, 0.75))
        + number(6, 2)
        + block(8, "system.Model")
    )
    told = messages.parse("GetExecutionsByContextResponse", block(1, execution) + block(2, "next"))
    events = messages.parse("GetEventsByExecutionIDsResponse", block(1, event)).events
    [model] = messages.parse("GetArtifactsByContextResponse", block(1, artifact)).artifacts
    assert told.next_page_token == "next"
    records = RunRecords(executions=told.executions, events=events, artifacts={9: model}, artifact_types={})
    train = executions_of(records)[7]
    assert (train.kind, train.names, train.parent_id, train.iteration_index) == (
        "container",
        frozenset({"train"}),
        3,
        0,
    )
    assert (train.pod_name, train.is_cached) == ("train-1", True)
    assert train.inputs.parameters == {"epochs": 3, "name": "qoe"}
    assert train.outputs is not None
    assert train.outputs.to_json()["artifacts"] == {
        "model": [
            {
                "name": "my-model",
                "type": "system.Model",
                "uri": "minio://b/model",
                "metadata": {"accuracy": 0.75},
            }
        ]
    }


def test_a_context_and_a_type(messages: MetadataMessages) -> None:
    context = number(1, 5) + number(2, 2) + block(3, "run") + block(6, "system.PipelineRun")
    assert messages.parse("GetContextByTypeAndNameResponse", block(1, context)).context.id == 5
    kind = number(1, 4) + block(2, "system.Model") + pair(3, "x", b"")
    [one] = messages.parse("GetArtifactTypesByIDResponse", block(1, kind)).artifact_types
    assert (one.id, one.name) == (4, "system.Model")


@pytest.mark.parametrize("content", [b"\xff\xff", block(1, b"\xff"), block(1, block(3, b"\xff\xfe"))])
def test_what_is_no_message(messages: MetadataMessages, content: bytes) -> None:
    with pytest.raises(ValueError, match="parsing"):
        messages.parse("GetContextByTypeAndNameResponse", content)


@pytest.mark.parametrize(
    ("base_url", "wanted"),
    [
        ("http://ml-pipeline:8888", ["http://ml-pipeline:8888"]),
        ("http://ui:80/pipeline", ["http://ui", "http://ui:80/pipeline"]),
        ("https://h:1/kfp/pipeline", ["https://h:1/kfp", "https://h:1/kfp/pipeline"]),
        ("http://h:1/a%20b/pipeline", ["http://h:1/a%20b", "http://h:1/a%20b/pipeline"]),
    ],
)
def test_where_the_store_may_be(base_url: str, wanted: list[str]) -> None:
    assert list(places(base_url)) == wanted
