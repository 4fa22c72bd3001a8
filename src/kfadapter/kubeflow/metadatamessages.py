"""ML Metadata's messages, as far as they are used here.

The numbers are those of `metadata_store.proto` and `metadata_store_service.proto` (google/ml-metadata 1.x). Fields that
nobody here reads are not described; protobuf passes over them. On the wire a map is a list of pairs and an enumeration
is a number, and so they stand here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

PAIRS = "repeated Property"
ONE_PAGE: Sequence[str] = ("int64 context_id = 1", "ListOperationOptions options = 2")
SCHEMA: Mapping[str, Sequence[str]] = {
    "Value": (
        "oneof int64 int_value = 1",
        "oneof double double_value = 2",
        "oneof string string_value = 3",
        "oneof google.protobuf.Struct struct_value = 4",
        "oneof bool bool_value = 6",
    ),
    "Property": ("string key = 1", "Value value = 2"),
    "Context": ("int64 id = 1", "string name = 3"),
    "Execution": (
        "int64 id = 1",
        "string type = 7",
        "int32 last_known_state = 3",
        f"{PAIRS} custom_properties = 5",
    ),
    "Artifact": (
        "int64 id = 1",
        "string name = 7",
        "int64 type_id = 2",
        "string type = 8",
        "string uri = 3",
        f"{PAIRS} properties = 4",
        f"{PAIRS} custom_properties = 5",
    ),
    "ArtifactType": ("int64 id = 1", "string name = 2"),
    "Step": ("string key = 2",),
    "Path": ("repeated Step steps = 1",),
    "Event": ("int64 artifact_id = 1", "int64 execution_id = 2", "Path path = 3", "int32 type = 4"),
    "ListOperationOptions": ("int32 max_result_size = 1", "string next_page_token = 3"),
    "GetContextByTypeAndNameRequest": ("string type_name = 1", "string context_name = 2"),
    "GetContextByTypeAndNameResponse": ("Context context = 1",),
    "GetExecutionsByContextRequest": ONE_PAGE,
    "GetExecutionsByContextResponse": ("repeated Execution executions = 1", "string next_page_token = 2"),
    "GetArtifactsByContextRequest": ONE_PAGE,
    "GetArtifactsByContextResponse": ("repeated Artifact artifacts = 1", "string next_page_token = 2"),
    "GetEventsByExecutionIDsRequest": ("repeated int64 execution_ids = 1",),
    "GetEventsByExecutionIDsResponse": ("repeated Event events = 1",),
    "GetArtifactsByIDRequest": ("repeated int64 artifact_ids = 1",),
    "GetArtifactsByIDResponse": ("repeated Artifact artifacts = 1",),
    "GetArtifactTypesByIDRequest": ("repeated int64 type_ids = 1",),
    "GetArtifactTypesByIDResponse": ("repeated ArtifactType artifact_types = 1",),
}
PACKAGE = "ml_metadata"
FILE = "kfadapter/ml_metadata.proto"


class MetadataMessages:
    """The classes of the messages. Building them loads protobuf, so whoever needs them makes one of these then."""

    def __init__(self) -> None:
        from google.protobuf import message_factory  # here: most processes never read ML Metadata

        pool = _pool()
        names = [f"{PACKAGE}.{name}" for name in SCHEMA]
        self._classes = {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names}

    def new(self, message: str, /, **fields: Any) -> Any:
        """A message by its name, with these fields."""
        return self._classes[f"{PACKAGE}.{message}"](**fields)

    def parse(self, message: str, content: bytes) -> Any:
        """A message from its bytes.

        Raises:
            ValueError: They are none.
        """
        from google.protobuf.message import DecodeError

        try:
            return self._classes[f"{PACKAGE}.{message}"].FromString(content)
        except DecodeError as exc:
            raise ValueError(str(exc)) from exc


def _pool() -> Any:
    """The description, in a pool of its own: another user of ML Metadata in this process is not disturbed."""
    from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2

    file = descriptor_pb2.FileDescriptorProto(name=FILE, package=PACKAGE, syntax="proto3")
    file.dependency.append(struct_pb2.DESCRIPTOR.name)
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _describe(message, field)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _describe(message: Any, declaration: str) -> None:
    """Add a field to a message, from what its line in the protocol's file says."""
    words = declaration.split()
    label = words.pop(0) if words[0] in ("repeated", "oneof") else ""
    type_name, name, _, number = words
    field = message.field.add(name=name, number=int(number), label=3 if label == "repeated" else 1)
    scalar = f"TYPE_{type_name.upper()}"
    if scalar in field.DESCRIPTOR.enum_types_by_name["Type"].values_by_name:
        field.type = field.DESCRIPTOR.enum_types_by_name["Type"].values_by_name[scalar].number
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{type_name if '.' in type_name else f'{PACKAGE}.{type_name}'}"
    if label == "oneof":
        if not message.oneof_decl:
            message.oneof_decl.add(name="value")
        field.oneof_index = 0
    elif label == "repeated" and field.type != field.TYPE_MESSAGE:
        field.options.packed = False  # as proto2 writes it, which ML Metadata is
