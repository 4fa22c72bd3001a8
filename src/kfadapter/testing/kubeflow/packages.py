"""What a fake Kubeflow makes of an uploaded file: KFP's tests by name first, then by content, then the spec's."""

import gzip
import io
import re
import tarfile
import zipfile
from typing import Any

import yaml

from kfadapter.testing.kubeflow.wire import NeverAnswered, UploadError, Wire
from kfadapter.testing.kubeflow.world import root_parameters

SCHEMA_VERSION = "2.1.0"
SPEC_KEYS = frozenset(
    {
        "pipelineInfo",
        "deploymentSpec",
        "schemaVersion",
        "sdkVersion",
        "components",
        "root",
        "defaultPipelineRoot",
    }
)
FORMAT = "unknown template format"
UNREADABLE = "Failed to read a pipeline spec file"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def unpacked(file_name: str, content: bytes, failure: str = UNREADABLE) -> bytes:
    """The YAML or JSON in an upload.

    Raises:
        UploadError: Neither the name nor the content is one KFP takes.
    """
    if file_name.endswith((".yaml", ".yml", ".json")):
        return content
    try:
        if file_name.endswith(".zip") or content.startswith(b"PK"):
            return _from_zip(content)
        if file_name.endswith(".tar.gz") or content.startswith(b"\x1f\x8b"):
            return _from_tar(content)
    except (OSError, ValueError, LookupError, zipfile.BadZipFile, tarfile.TarError, EOFError) as exc:
        raise UploadError(400, failure, cause=f"Invalid input error: {exc}", as_text=True) from exc
    cause = "Invalid input error: Unexpected pipeline file format. Support .zip, .tar.gz, .json or YAML"
    raise UploadError(400, failure, cause=cause, as_text=True)


def read_spec(content: bytes, wire: Wire, failure: str) -> Any:
    """The spec as it is stored, after the checks of KFP's template module.

    Raises:
        UploadError: It is no pipeline.
        NeverAnswered: 2.3.0 met a syntax error.
    """
    if not content:
        raise UploadError(500, failure, cause="InternalServerError: the file is empty")
    documents = _documents(content, wire)
    if _is_argo(documents):
        return documents[0]
    platforms = [one for one in documents if isinstance(one, dict) and "platforms" in one]
    specs = [one for one in documents if one not in platforms]
    spec = specs[0] if specs else None
    problem = "multiple pipeline specs provided" if len(specs) > 1 else _problem(spec, wire)
    if problem:
        raise _refused(problem, wire, failure)
    return {"pipeline_spec": spec, "platform_spec": platforms[0]} if platforms else spec


def _documents(content: bytes, wire: Wire) -> list[Any]:
    try:
        return [one for one in yaml.load_all(content, Loader=LOADER) if one is not None]
    except yaml.YAMLError as exc:
        if wire.is_old:
            raise NeverAnswered from exc
        line = str(exc).splitlines()[0]
        raise UploadError(400, f"failed to parse pipeline spec YAML: yaml: {line}") from exc


def _is_argo(documents: list[Any]) -> bool:
    return bool(documents) and isinstance(documents[0], dict) and documents[0].get("kind") == "Workflow"


def _problem(spec: Any, wire: Wire) -> str:
    if not isinstance(spec, dict) or not set(spec) <= SPEC_KEYS:
        return FORMAT
    info, root = spec.get("pipelineInfo"), spec.get("root")
    if not isinstance(info, dict) or not info.get("name") or not isinstance(root, dict):
        return FORMAT
    if wire.is_old and any("literals" in one for one in root_parameters(spec).values()):
        return f"{FORMAT}: pipeline spec is invalid"
    if spec.get("schemaVersion") != SCHEMA_VERSION:
        found = spec.get("schemaVersion")
        return f"KFP only supports schema version {SCHEMA_VERSION}, but the pipeline spec has version {found}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", str(info["name"])):
        return (
            "pipeline's name must contain only lowercase alphanumeric characters or '-' "
            "and must start with alphanumeric characters"
        )
    return ""


def _refused(problem: str, wire: Wire, failure: str) -> UploadError:
    """2.17 says the plain reason with 400; 2.3.0 says the whole chain with 500."""
    if wire.is_old:
        return UploadError(500, failure, cause=f"Failed to create a template: InvalidInputError: {problem}")
    return UploadError(400, problem)


def _from_zip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(_main_member(archive.namelist()))


def _from_tar(content: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        member = archive.extractfile(_main_member(archive.getnames()))
        if member is None:
            raise ValueError("not a file")
        return member.read()


def _main_member(names: list[str]) -> str:
    """`pipeline.yaml` if it is there, else the only YAML file."""
    found = [name for name in names if name.endswith((".yaml", ".yml"))]
    if "pipeline.yaml" in found:
        return "pipeline.yaml"
    if not found:
        raise LookupError("the archive has no YAML file")
    return found[0]
