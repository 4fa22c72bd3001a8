"""Opening an uploaded pipeline package: told by its content, validated, and made ready for Kubeflow.

Kubeflow 2.3.0 never comes back from YAML it cannot parse, so whatever leaves here has been parsed by the same rules.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from kfadapter.errors import PackageError, PackageTooLarge
from kfadapter.pipelines.archive import ArchiveLimits, archive_kind, unpack_pipeline
from kfadapter.pipelines.documents import JSON, DocumentLimits, check_text, parse_json, parse_yaml
from kfadapter.pipelines.rules import check_pipeline, choose_documents
from kfadapter.pipelines.spec import PipelineSpec, read_spec, whole_numbers
from kfadapter.pipelines.yaml_writer import dump_documents

YAML_FILE = "pipeline.yaml"
JSON_FILE = "pipeline.json"


class PackageKind(StrEnum):
    """How a package came."""

    YAML = "yaml"
    JSON = "json"
    ZIP = "zip"
    TAR_GZ = "tar.gz"


@dataclass(frozen=True, kw_only=True)
class PackageLimits:
    """What a package may be.

    Attributes:
        max_bytes: Size as sent, and of the pipeline's file in an archive. Kubeflow's own limit is 32 MiB.
        max_nodes, max_depth, max_aliases: As in `DocumentLimits`.
        max_members, max_total_bytes, max_ratio: As in `ArchiveLimits`.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_nodes: int = DocumentLimits.max_nodes
    max_depth: int = DocumentLimits.max_depth
    max_aliases: int = DocumentLimits.max_aliases
    max_members: int = ArchiveLimits.max_members
    max_total_bytes: int = ArchiveLimits.max_total_bytes
    max_ratio: int = ArchiveLimits.max_ratio

    @property
    def documents(self) -> DocumentLimits:
        """The part that concerns documents."""
        return DocumentLimits(
            max_bytes=self.max_bytes,
            max_expanded_bytes=2 * self.max_bytes,
            max_nodes=self.max_nodes,
            max_depth=self.max_depth,
            max_aliases=self.max_aliases,
        )

    @property
    def archive(self) -> ArchiveLimits:
        """The part that concerns archives."""
        return ArchiveLimits(
            max_member_bytes=self.max_bytes,
            max_total_bytes=self.max_total_bytes,
            max_members=self.max_members,
            max_ratio=self.max_ratio,
        )


@dataclass(frozen=True, kw_only=True)
class PipelinePackage:
    """A package that Kubeflow will take.

    Attributes:
        kind: As it came.
        file_name: What Kubeflow is told: `pipeline.yaml` or `pipeline.json`; it goes by the extension.
        content: What Kubeflow is sent: the pipeline's own bytes, except where Kubeflow could not read them (one
            nested document becomes two, JSON that is not YAML becomes YAML).
        spec: What the pipeline declares.
        digest: SHA-256 in hexadecimal of specification and platform document; does not depend on spelling.
    """

    kind: PackageKind
    file_name: str
    content: bytes
    spec: PipelineSpec
    digest: str


def open_package(content: bytes, limits: PackageLimits | None = None) -> PipelinePackage:
    """Open and validate what somebody uploaded. May take half a second of hostile input: call it in a thread.

    Raises:
        PackageTooLarge: Too large as sent, unpacked or expanded.
        PackageError: Anything else that must not reach Kubeflow; `str()` tells a person what is wrong and where.
    """
    limits = limits or PackageLimits()
    file = unpacked(content, limits)
    archive = archive_kind(content)
    json, documents = _load(file, limits.documents)
    pipeline, platform, nested = choose_documents(documents)
    check_pipeline(pipeline, platform)
    own_kind = PackageKind.YAML if json is None else PackageKind.JSON
    file_name, sendable = _sendable(file, json, limits) if not nested else _as_yaml(pipeline, platform, limits)
    return PipelinePackage(
        kind=own_kind if archive is None else PackageKind(archive.value),
        file_name=file_name,
        content=sendable,
        spec=read_spec({"pipeline_spec": dict(pipeline), "platform_spec": _plain(platform)}),
        digest=digest_of(pipeline, platform),
    )


def unpacked(content: bytes, limits: PackageLimits) -> bytes:
    """The pipeline's file of a package: the package itself, or the one in the archive.

    Raises:
        PackageTooLarge: Too large as sent or unpacked.
        PackageError: The archive cannot be used.
    """
    if len(content) > limits.max_bytes:
        raise PackageTooLarge(f"the package has {len(content):,} bytes; at most {limits.max_bytes:,} are accepted")
    archive = archive_kind(content)
    return content if archive is None else unpack_pipeline(content, archive, limits.archive)


def digest_of(pipeline: Mapping[str, JSON], platform: Mapping[str, JSON] | None) -> str:
    """SHA-256 in hexadecimal of a specification, the same however its numbers, keys and documents were written.

    Raises:
        PackageError: It holds a number of more than 64 bits, or a text that is none.
    """
    pair: JSON = {"pipeline_spec": dict(pipeline), "platform_spec": _plain(platform)}
    try:
        written = orjson.dumps(whole_numbers(pair), option=orjson.OPT_SORT_KEYS)
    except TypeError as exc:
        raise PackageError(f"the specification holds what JSON cannot: {exc}") from exc
    return hashlib.sha256(written).hexdigest()


def _load(file: bytes, limits: DocumentLimits) -> tuple[dict[str, JSON] | None, list[JSON]]:
    check_text(file, limits)
    json = parse_json(file, limits)
    return json, parse_yaml(file, limits) if json is None else [json]


def _sendable(file: bytes, json: dict[str, JSON] | None, limits: PackageLimits) -> tuple[str, bytes]:
    if json is None:
        return YAML_FILE, file
    if _reads_as(file, json, limits.documents):
        return JSON_FILE, file
    return _as_yaml(json, None, limits)


def _reads_as(file: bytes, json: dict[str, JSON], limits: DocumentLimits) -> bool:
    """Kubeflow reads JSON with its YAML parser, which knows neither escaped surrogate pairs nor very long keys."""
    try:
        return parse_yaml(file, limits) == [json]
    except PackageError:
        return False


def _as_yaml(
    pipeline: Mapping[str, Any], platform: Mapping[str, Any] | None, limits: PackageLimits
) -> tuple[str, bytes]:
    documents = [dict(pipeline)] if platform is None else [dict(pipeline), dict(platform)]
    return YAML_FILE, dump_documents(documents, limits.documents)


def _plain(platform: Mapping[str, JSON] | None) -> dict[str, JSON] | None:
    return None if platform is None else dict(platform)
