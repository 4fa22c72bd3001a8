"""Uploads of pipeline packages: as a form with a file, or the package itself as the body."""

import asyncio
import json
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.requests import Request

from kfadapter.api.problems import BadRequest
from kfadapter.api.requests import read_bytes, read_form
from kfadapter.kubeflow.publishing import Upload
from kfadapter.pipelines.package import PackageLimits, PipelinePackage, open_package

# `file` is this API's own name for the field, `uploadfile` is KFP's.
FILE_FIELDS = ("file", "uploadfile")
OPENINGS_AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class UploadOptions:
    """What is said about a package beside it, in the query or in fields of the form; the query wins.

    Attributes:
        name: The pipeline's; empty: the name inside the package.
        version: The version's name; empty: the next free one.
        tags: A JSON object of texts, as text.
    """

    name: str = ""
    description: str = ""
    version: str = ""
    if_changed: bool = False
    create_only: bool = False
    tags: str = ""

    def upload(self, package: PipelinePackage) -> Upload:
        """What is published.

        Raises:
            BadRequest: The tags are not tags.
        """
        return Upload(
            package=package,
            description=self.description,
            version_name=self.version,
            if_changed=self.if_changed,
            tags=_read_tags(self.tags),
        )


class PackageReader:
    """Reads and opens uploaded packages, a few at a time: opening one takes a processor."""

    def __init__(self, limit_bytes: int, timeout_seconds: float) -> None:
        self._limit_bytes = limit_bytes
        self._timeout_seconds = timeout_seconds
        self._opening = asyncio.Semaphore(OPENINGS_AT_ONCE)

    async def read(self, request: Request, options: UploadOptions) -> tuple[bytes, UploadOptions]:
        """The package as it came, and what is said about it.

        Raises:
            BadRequest: There is no package in the request.
            PackageTooLarge: It is larger than allowed.
        """
        if not request.headers.get("content-type", "").lower().startswith("multipart/"):
            content = await read_bytes(request, self._limit_bytes)
            if not content:
                raise BadRequest("The body is empty: send the package as the body, or in the field 'file' of a form")
            return content, options
        form = await read_form(request, self._limit_bytes)
        try:
            file = next((one for name in FILE_FIELDS if isinstance(one := form.get(name), UploadFile)), None)
            if file is None:
                raise BadRequest("The form has no file: send the package in the field 'file'")
            return await file.read(), _completed(options, {key: str(value) for key, value in form.items()})
        finally:
            await form.close()

    async def open(self, content: bytes) -> PipelinePackage:
        """The package, validated.

        Raises:
            PackageError: It is not one that can be run.
            TimeoutError: Others are opened first, for too long.
        """
        limits = PackageLimits(max_bytes=self._limit_bytes)
        async with asyncio.timeout(self._timeout_seconds), self._opening:
            return await asyncio.to_thread(open_package, content, limits)


def _completed(options: UploadOptions, form: dict[str, str]) -> UploadOptions:
    return UploadOptions(
        name=options.name or form.get("name", ""),
        description=options.description or form.get("description", ""),
        version=options.version or form.get("version", ""),
        if_changed=options.if_changed or _is_true(form.get("if_changed", "")),
        create_only=options.create_only or _is_true(form.get("create_only", "")),
        tags=options.tags or form.get("tags", ""),
    )


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "yes", "on")


def _read_tags(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BadRequest(f"tags must be a JSON object of texts: {exc}") from exc
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise BadRequest("tags must be a JSON object whose values are texts")
    return tags
