"""The few calls that tests of the engine make again and again."""

import json
from pathlib import Path
from typing import Any

import httpx

PIPELINES = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines"
API = "/apis/v2beta1"


def spec(name: str) -> dict[str, Any]:
    """One of the example pipelines, as JSON."""
    document: dict[str, Any] = json.loads((PIPELINES / f"{name}.json").read_text())
    return document


def predicates(*each: dict[str, Any]) -> str:
    """A filter of these predicates."""
    return json.dumps({"predicates": each})


class EngineApi:
    """The engine over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(API + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, document: Any = None) -> Any:
        answer = await self.client.post(API + path, json={} if document is None else document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, **request: Any) -> tuple[int, str]:
        """Status and message of an error in KFP's form."""
        answer = await self.client.request(method, API + path, **request)
        assert answer.headers["content-type"] == "application/json", answer.text
        body = answer.json()
        assert isinstance(body["code"], int)
        return answer.status_code, body["message"]

    async def upload(self, name: str, pipeline: str = "hello") -> Any:
        content = (PIPELINES / f"{pipeline}.yaml").read_bytes()
        files = {"uploadfile": ("pipeline.yaml", content)}
        answer = await self.client.post(f"{API}/pipelines/upload", params={"name": name}, files=files)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def start_run(self, pipeline: str = "hello", **fields: Any) -> str:
        """A run of an example pipeline; its id."""
        document = {"display_name": "one", "pipeline_spec": spec(pipeline), **fields}
        return str((await self.post("/runs", document))["run_id"])
