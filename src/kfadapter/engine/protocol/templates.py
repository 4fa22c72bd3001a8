"""What a KFP API server makes of an uploaded file or an inline spec: which files it opens, which documents it takes.

The rules, and the words of refusal, follow the recorded answers of Kubeflow Pipelines 2.17: the file name decides
before the content does, one document is the pipeline, one may hold the Kubernetes settings, others are passed over.
"""

import hashlib
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kfadapter.engine.protocol.faults import ApiError, invalid
from kfadapter.engine.protocol.wire import MAX_DEPTH, number
from kfadapter.errors import PackageError
from kfadapter.pipelines.documents import JSON, DocumentLimits, load_documents
from kfadapter.pipelines.ir_proto import pipeline_spec_pb2

FILE_LIMIT_BYTES = 32 * 1024 * 1024
SCHEMA_VERSION = "2.1.0"
UNKNOWN_FORMAT = "unknown template format"
PLAIN_ENDINGS = (".yaml", ".yml", ".json")
YAML_ENDINGS = (".yaml", ".yml")
MEMBER_NAME = "pipeline.yaml"
ZIP_MAGIC = b"PK\x03\x04"
GZIP_MAGIC = b"\x1f\x8b"
BAD_NAME = (
    "pipeline's name must contain only lowercase alphanumeric characters or '-' and must start with alphanumeric "
    "characters"
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class UnreadableFile(Exception):
    """The file is none of those that KFP opens, too large, or a broken archive."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A pipeline as a version or a run keeps it.

    Attributes:
        document: What the API shows: the spec, or `{"pipeline_spec", "platform_spec"}` when there are settings.
        pipeline_spec: The spec alone.
        platform_spec: The settings, or None.
        is_workflow: An Argo workflow of the first KFP: kept, never run.
    """

    document: Mapping[str, Any]
    pipeline_spec: Mapping[str, Any]
    platform_spec: Mapping[str, Any] | None
    is_workflow: bool = False

    @property
    def name(self) -> str:
        """The pipeline's name inside the spec."""
        return str(self.pipeline_spec.get("pipelineInfo", {}).get("name", ""))

    def to_json(self) -> tuple[str, bytes]:
        """Digest and text of the document."""
        text = orjson.dumps(self.document)
        return hashlib.sha256(text).hexdigest(), text


def open_file(file_name: str, content: bytes) -> bytes:
    """The YAML or JSON in an uploaded file.

    Raises:
        UnreadableFile: KFP would not open it.
    """
    if len(content) > FILE_LIMIT_BYTES:
        raise UnreadableFile(f"file size too large, maximum supported: {FILE_LIMIT_BYTES} bytes")
    if file_name.endswith(PLAIN_ENDINGS):
        return content
    try:
        if content.startswith(ZIP_MAGIC):
            return _from_zip(content)
        if content.startswith(GZIP_MAGIC):
            return _from_tar(content)
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, RuntimeError, ValueError) as exc:
        raise UnreadableFile(f"not a valid archive: {exc}") from exc
    raise UnreadableFile("unexpected pipeline file format; zip, tar.gz, json, yaml and yml are supported")


def read_template(content: bytes) -> Template:
    """The pipeline in a YAML or JSON text.

    Raises:
        ApiError: It holds no pipeline that KFP takes.
    """
    documents = _documents(content)
    spec: Mapping[str, Any] | None = None
    platform: Mapping[str, Any] | None = None
    for document in documents:
        if isinstance(document, dict) and (found := _pipeline(document)):
            if spec is not None:
                raise invalid("multiple pipeline specs provided")
            spec = found
        elif isinstance(document, dict) and _has_kubernetes(document):
            if platform is not None:
                raise invalid("multiple platform specs provided")
            platform = _platform(document)
    if spec is None:
        return _workflow(documents)
    _check(spec)
    return _template(spec, platform)


def read_inline(document: Mapping[str, Any]) -> Template:
    """The pipeline in a request's `pipeline_spec`: the spec itself, or wrapped, with or without settings.

    Raises:
        ApiError: It holds no pipeline.
    """
    given, platform = document, None
    if isinstance(document.get("pipeline_spec"), dict):
        given, platform = document["pipeline_spec"], document.get("platform_spec")
    spec = _pipeline(given)
    if spec is None:
        raise invalid(f"{UNKNOWN_FORMAT}: pipeline spec is invalid")
    _check(spec)
    if isinstance(platform, dict) and _has_kubernetes(platform):
        return _template(spec, _platform(platform))
    return _template(spec, None)


def stored_template(document: Mapping[str, Any]) -> Template:
    """A template from the document that `Template.to_json` gave."""
    if "pipeline_spec" in document:
        return _template(document["pipeline_spec"], document.get("platform_spec"))
    is_workflow = "root" not in document
    return Template(document=document, pipeline_spec=document, platform_spec=None, is_workflow=is_workflow)


def _template(spec: Mapping[str, Any], platform: Mapping[str, Any] | None) -> Template:
    document = spec if platform is None else {"pipeline_spec": spec, "platform_spec": platform}
    return Template(document=document, pipeline_spec=spec, platform_spec=platform)


def _documents(content: bytes) -> list[JSON]:
    if not content.strip():
        raise invalid(UNKNOWN_FORMAT)
    try:
        return load_documents(content, DocumentLimits(max_bytes=FILE_LIMIT_BYTES))
    except PackageError as exc:
        raise _refusal(content, exc) from exc


def _refusal(content: bytes, exc: PackageError) -> ApiError:
    cause: Any = exc.__cause__
    kind = type(cause).__name__
    if getattr(cause, "problem", None):
        return invalid(f"failed to parse pipeline spec YAML: yaml: line {_go_line(cause, kind)}: {cause.problem}")
    if kind == "ReaderError" or b"\x00" in content:
        return invalid("failed to parse pipeline spec YAML: yaml: control characters are not allowed")
    if all(not line.strip() or line.lstrip().startswith(b"#") for line in content.splitlines()):
        return invalid(UNKNOWN_FORMAT)
    return invalid(f"failed to parse pipeline spec YAML: {exc.reason}")


def _go_line(error: Any, kind: str) -> int:
    """The line as Go's YAML counts it: of the context if there is one, and one more for what the scanner found."""
    marks = [mark for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line]
    line = marks[0].line if marks else 0
    return max(line + (kind == "ScannerError"), 1)


def _pipeline(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The document as KFP keeps a pipeline: read into protobuf and written again, so that names are in camel case,
    zero values are left out, and durations and numbers are written one way. None when it is no pipeline."""
    spec = pipeline_spec_pb2().PipelineSpec()
    written = _through_protobuf(document, spec)
    return written if written and spec.pipeline_info.name and spec.HasField("root") else None


def _platform(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings as KFP keeps them. What is newer than the protobuf known here is kept as it came, so that the engine
    does not pass over it silently."""
    return _through_protobuf(document, pipeline_spec_pb2().PlatformSpec()) or document


def _through_protobuf(document: Mapping[str, Any], message: Any) -> dict[str, Any] | None:
    """Read a document into a message, and what the message writes; None when it cannot be read."""
    # Only the first upload pays for protobuf: importing it costs more than starting the rest of the engine.
    from google.protobuf import json_format

    try:
        json_format.ParseDict(dict(document), message, max_recursion_depth=MAX_DEPTH)
        written: dict[str, Any] = _as_go(json_format.MessageToDict(message))
    except (json_format.ParseError, json_format.SerializeToJsonError, RecursionError):
        return None
    return written


def _as_go(value: Any) -> Any:
    """Names in order, as Go writes maps, for Python's protobuf has them in any; whole doubles without a fraction."""
    if isinstance(value, dict):
        return {name: _as_go(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_as_go(item) for item in value]
    return number(value) if isinstance(value, float) else value


def _has_kubernetes(document: Mapping[str, Any]) -> bool:
    platforms = document.get("platforms")
    return isinstance(platforms, dict) and isinstance(platforms.get("kubernetes"), dict)


def _check(spec: Mapping[str, Any]) -> None:
    if not _NAME.fullmatch(spec["pipelineInfo"]["name"]):
        raise invalid(BAD_NAME)
    version = spec.get("schemaVersion", "")
    if version != SCHEMA_VERSION:
        raise invalid(f"KFP only supports schema version {SCHEMA_VERSION}, but the pipeline spec has version {version}")


def _workflow(documents: list[JSON]) -> Template:
    """The first KFP's format is still taken in, as KFP does; starting it is refused."""
    first = documents[0] if documents else None
    if not isinstance(first, dict) or first.get("kind") != "Workflow":
        raise invalid(UNKNOWN_FORMAT)
    if not str(first.get("apiVersion", "")).startswith("argoproj.io/"):
        raise invalid(UNKNOWN_FORMAT)
    return Template(document=first, pipeline_spec=first, platform_spec=None, is_workflow=True)


def _from_zip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [info.filename for info in archive.infolist()]
        with archive.open(_member(names)) as member:
            return _limited(member.read(FILE_LIMIT_BYTES + 1))


def _from_tar(content: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as archive:
        first: tuple[str, bytes] | None = None
        for info in archive:
            if not info.isfile():
                continue
            is_wanted = info.name == MEMBER_NAME
            if first is None or is_wanted:
                file = archive.extractfile(info)
                first = (info.name, _limited(file.read(FILE_LIMIT_BYTES + 1) if file else b""))
            if is_wanted:
                break
    if first is None:
        raise UnreadableFile("empty tarball")
    _member([first[0]])
    return first[1]


def _member(names: list[str]) -> str:
    """pipeline.yaml, else the first file, which must be YAML."""
    if not names:
        raise UnreadableFile("empty archive")
    name = MEMBER_NAME if MEMBER_NAME in names else names[0]
    if not name.endswith(YAML_ENDINGS):
        raise UnreadableFile("no YAML file in the archive")
    return name


def _limited(content: bytes) -> bytes:
    if len(content) > FILE_LIMIT_BYTES:
        raise UnreadableFile(f"file size too large, maximum supported: {FILE_LIMIT_BYTES} bytes")
    return content
