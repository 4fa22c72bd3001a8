"""The commands in this process, against an adapter whose answers a test writes down."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kfadapter.cli.main import main
from kfadapter.testing.loopback import LoopbackServer


@dataclass
class ScriptedAdapter:
    """Serves answers by method and target; several answers to one are given one after the other, the last for ever."""

    answers: dict[str, list[tuple[int, bytes, str]]] = field(default_factory=dict)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    url: str = ""

    def answer(self, call: str, content: Any, *, status: int = 200, content_type: str = "application/json") -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.answers.setdefault(call, []).append((status, body, content_type))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.requests.append((request.method, target, await request.body()))
        waiting = self.answers.get(f"{request.method} {target}", [])
        missing = (404, b'{"status": 404, "message": "There is nothing at this path"}', "application/json")
        status, body, content_type = (waiting.pop(0) if len(waiting) > 1 else waiting[0]) if waiting else missing
        await Response(body, status_code=status, media_type=content_type)(scope, receive, send)


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedAdapter]:
    scripted = ScriptedAdapter()
    with LoopbackServer(scripted) as server:
        scripted.url = f"http://{server.host}:{server.port}"
        monkeypatch.setenv("KFADAPTER_URL", scripted.url)
        yield scripted


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run
