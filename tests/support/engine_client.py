"""A blocking client of an engine in a process of its own."""

import time
from collections.abc import Callable
from typing import Any, Self

import httpx

API = "/apis/v2beta1"
ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that announces itself to nobody."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class EngineClient:
    """Calls of the engine, each with a clear answer."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url + API, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create(self, spec: dict[str, Any], **parameters: Any) -> httpx.Response:
        """Ask for a run."""
        body = {"display_name": "one", "pipeline_spec": spec, "runtime_config": {"parameters": parameters}}
        return self._http.post("/runs", json=body)

    def run(self, spec: dict[str, Any], **parameters: Any) -> str:
        """Start a run; its id."""
        answer = self.create(spec, **parameters)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["run_id"])

    def get(self, run_id: str) -> dict[str, Any]:
        """A run with everything that is known of it."""
        answer = self._http.get(f"/runs/{run_id}", params={"view": "FULL"})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def delete(self, run_id: str) -> None:
        self._http.delete(f"/runs/{run_id}").raise_for_status()

    def terminate(self, run_id: str) -> None:
        self._http.post(f"/runs/{run_id}:terminate").raise_for_status()

    def until(self, run_id: str, states: tuple[str, ...] = ENDED, seconds: float = 60) -> dict[str, Any]:
        """The run once it is in one of these states."""
        deadline = time.monotonic() + seconds
        while (run := self.get(run_id))["state"] not in states:
            assert time.monotonic() < deadline, run
            time.sleep(0.05)
        return run

    def messages(self, run_id: str) -> str:
        """Every error that is told of a run."""
        run = self.get(run_id)
        tasks = run["run_details"]["task_details"] if "run_details" in run else []
        return "; ".join(one["error"]["message"] for one in [run, *tasks] if one.get("error"))
