"""What of a pipeline would not be honoured: an extension, asked of a version or of a package that is not kept."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import JSONAnswer
from kfadapter.engine.protocol.faults import invalid, layered
from kfadapter.engine.protocol.templates import (
    GZIP_MAGIC,
    ZIP_MAGIC,
    Template,
    UnreadableFile,
    open_file,
    read_inline,
    read_template,
)
from kfadapter.engine.running.findings import Finding
from kfadapter.engine.store.manifests import fetch_manifest

HEADER = "kfadapter-preflight"


async def of_version(parts: Parts, call: Call) -> Response:
    """The findings of a version."""
    reference = {"pipeline_version_reference": {"pipeline_version_id": call.parameters["version_id"]}}
    with layered("Failed to look through a pipeline version"):
        manifest = await parts.store.read(fetch_manifest, reference)
    return _answer(await findings(parts, manifest.template))


async def of_package(parts: Parts, call: Call) -> Response:
    """The findings of the package in the body."""
    with layered("Failed to look through a pipeline"):
        template = await asyncio.to_thread(_read, call.body)
    return _answer(await findings(parts, template))


async def findings(parts: Parts, template: Template) -> Sequence[Finding]:
    """Everything of a pipeline that would not be honoured."""
    return await asyncio.to_thread(parts.runs.preflight, template)


def findings_header(found: Sequence[Finding]) -> dict[str, str]:
    """How many findings there are of each kind, as a header; none without findings."""
    counted = Counter(one.severity for one in found)
    text = ", ".join(f"{severity}={counted[severity]}" for severity in ("refused", "warning") if counted[severity])
    return {HEADER: text} if text else {}


def _answer(found: Sequence[Finding]) -> Response:
    return JSONAnswer({"findings": [one.to_json() for one in found]})


def _read(body: bytes) -> Template:
    """A package as it could be uploaded, or a request's JSON with `pipeline_spec`."""
    if not body:
        raise invalid("the body is empty: it should be a pipeline package")
    try:
        is_archive = body.startswith((ZIP_MAGIC, GZIP_MAGIC))
        content = open_file("" if is_archive else "pipeline.yaml", body)
    except UnreadableFile as exc:
        raise invalid(f"the package cannot be read: {exc}") from exc
    wrapped = _wrapped(content)
    return read_template(content) if wrapped is None else read_inline(wrapped)


def _wrapped(content: bytes) -> dict[str, Any] | None:
    """A JSON object with the spec inside, as a run's request has it."""
    if not content.lstrip().startswith(b"{"):
        return None
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) and isinstance(document.get("pipeline_spec"), dict) else None


ROUTES = (
    Route("GET", "/pipelines/{pipeline_id}/versions/{version_id}:preflight", of_version),
    Route("POST", "/pipelines:preflight", of_package, spooled=True),
)
