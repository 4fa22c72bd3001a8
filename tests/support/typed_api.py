"""The engine's API as a client sees it that was generated for a typed language: every answer is read into a message.

Those clients send a package in chunks with the whole path of its file as its name, and name a namespace in every list.
"""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import yaml
from google.protobuf import json_format

from kfadapter.engine.protocol import messages
from kfadapter.engine.protocol.wire import Message, Repeated, Scalar, read_body
from kfadapter.pipelines.ir_proto import pipeline_spec_pb2
from support.engine_api import API

NAMESPACE = "kubeflow"
PAGE = {"total_size": Scalar.INT32, "next_page_token": Scalar.STRING}
LISTS = {
    "/pipelines": ("pipelines", messages.PIPELINE),
    "/experiments": ("experiments", messages.EXPERIMENT),
    "/runs": ("runs", messages.RUN),
    "/recurringruns": ("recurringRuns", messages.RECURRING_RUN),
}


def typed(answer: httpx.Response, message: Message) -> dict[str, Any]:
    """An answer whose every field is one of the message and of its type."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    read_body(answer.content, message)
    document: dict[str, Any] = answer.json()
    return document


def list_of(noun: str, message: Message) -> Message:
    return Message(full_name=noun, fields={noun: Repeated(message), **PAGE})


@dataclass(frozen=True)
class Package:
    """A compiled pipeline as a test sends it: its file, and what the server is to show of it."""

    path: Path
    content: bytes

    @property
    def shown(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(json_format.MessageToJson(self._spec))
        return document

    @property
    def arguments(self) -> dict[str, Any]:
        """Something for every input that must be given."""
        declared = self._spec.root.input_definitions.parameters
        return {
            name: self._example(parameter.parameter_type)
            for name, parameter in declared.items()
            if not parameter.is_optional and not parameter.HasField("default_value")
        }

    def with_caching(self, enabled: bool) -> "Package":
        """The same with caching of every task switched on or off."""
        documents = list(yaml.safe_load_all(self.content))
        for component in (documents[0]["root"], *documents[0].get("components", {}).values()):
            for task in component.get("dag", {}).get("tasks", {}).values():
                task["cachingOptions"] = {"enableCache": enabled}
        return Package(self.path, yaml.safe_dump_all(documents).encode())

    @property
    def _spec(self) -> Any:
        return json_format.ParseDict(next(yaml.safe_load_all(self.content)), pipeline_spec_pb2().PipelineSpec())

    def _example(self, kind: int) -> Any:
        name = pipeline_spec_pb2().ParameterType.ParameterTypeEnum.Name(kind)
        examples = {
            "NUMBER_INTEGER": random.randrange(1000),
            "NUMBER_DOUBLE": random.random(),
            "BOOLEAN": True,
            "LIST": ["x"],
            "STRUCT": {"A": "0.1", "B": "0.2"},
        }
        return examples.get(name, "text")


class TypedApi:
    """The calls, each with the types of its answer."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def upload(self, package: Package, **query: str) -> dict[str, Any]:
        answer = await self.send("/pipelines/upload", package, query)
        return typed(answer, messages.PIPELINE)

    async def upload_version(self, package: Package, **query: str) -> dict[str, Any]:
        answer = await self.send("/pipelines/upload_version", package, query)
        return typed(answer, messages.PIPELINE_VERSION)

    async def create(self, path: str, message: Message, document: dict[str, Any]) -> dict[str, Any]:
        return typed(await self.client.post(API + path, json=document), message)

    async def get(self, path: str, message: Message, **query: Any) -> dict[str, Any]:
        return typed(await self.client.get(API + path, params=query), message)

    async def listed(self, path: str, **query: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        noun, message = LISTS.get(path, ("pipeline_versions", messages.PIPELINE_VERSION))
        page = await self.get(path, list_of(noun, message), namespace=NAMESPACE, **query)
        return page.get(noun, []), page

    async def act(self, path: str) -> None:
        typed(await self.client.post(API + path), messages.EMPTY)

    async def delete(self, path: str, **query: str) -> None:
        typed(await self.client.delete(API + path, params=query), messages.EMPTY)

    async def fails(self, method: str, path: str, **request: Any) -> int:
        answer = await self.client.request(method, API + path, **request)
        read_body(answer.content, messages.STATUS)
        assert answer.status_code >= 400, answer.text
        return answer.status_code

    async def send(self, path: str, package: Package, query: dict[str, str]) -> httpx.Response:
        """Upload a package in chunks."""
        boundary = uuid4().hex
        head = f'Content-Disposition: form-data; name="uploadfile"; filename="{package.path}"'
        pieces = (
            f"--{boundary}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode(),
            *(package.content[place : place + 1000] for place in range(0, len(package.content), 1000)),
            f"\r\n--{boundary}--\r\n".encode(),
        )

        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        headers = {"content-type": f"multipart/form-data; boundary={boundary}", "accept": "application/json"}
        return await self.client.post(API + path, params=query, content=body(), headers=headers)
