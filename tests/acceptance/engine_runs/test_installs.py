"""Packages that cannot be installed: the task fails in time, with the installer's own last words."""

# mypy: ignore-errors

import hashlib
import http.server
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

WHEEL = "probe-1.0-py3-none-any.whl"


class Index:
    """A package index that has one package, and promises a hash for it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *given: handler(*given, directory=str(place))
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> "Index":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def offer(self, *, digest: str | None = None) -> None:
        directory = self.place / "simple" / "probe"
        directory.mkdir(parents=True)
        with zipfile.ZipFile(directory / WHEEL, "w") as wheel:
            wheel.writestr("probe.py", "WORD = 'found'\n")
            about = "probe-1.0.dist-info"
            wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1.0\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", f"probe.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
        true = hashlib.sha256((directory / WHEEL).read_bytes()).hexdigest()
        page = f'<!DOCTYPE html><html><body><a href="{WHEEL}#sha256={digest or true}">{WHEEL}</a></body></html>'
        (directory / "index.html").write_text(page)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    (tmp_path / "index" / "simple").mkdir(parents=True)
    with Index(tmp_path / "index") as index:
        yield index


@pytest.fixture
def silent() -> Iterator[str]:
    """An index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def installing(spec: dict[str, Any], requirement: str, index: str) -> dict[str, Any]:
    """The pipeline, with another package to be installed from another index before the kfp it asks for."""
    (executor,) = spec["deploymentSpec"]["executors"].values()
    command = executor["container"]["command"]
    first = f"python3 -m pip install --quiet --index-url {index} --trusted-host 127.0.0.1 '{requirement}'"
    command[2] = command[2].replace("PIP_DISABLE_PIP_VERSION_CHECK=1 python3", f"{first} && python3", 1)
    return spec


async def failed(engine: Any, spec: dict[str, Any]) -> str:
    """The error of a run that must fail while its environment is built."""
    run_id, end = await engine.run(spec)
    assert end["state"] == "FAILED"
    told = [event.type for event in engine.rows.events[run_id] if event.type.startswith("env.")]
    assert told == ["env.preparing", "env.failed"]
    return str(end["error"]["message"])


async def test_a_package_from_an_index_of_the_pipelines_own(
    engine: Any, index: Index, conformance: Callable[[str], dict[str, Any]]
) -> None:
    index.offer()
    _, end = await engine.run(installing(conformance("hello"), "probe==1.0", index.url))
    assert end["state"] == "SUCCEEDED", end["error"]


async def test_a_package_that_no_index_knows(
    engine: Any, index: Index, conformance: Callable[[str], dict[str, Any]]
) -> None:
    message = await failed(engine, installing(conformance("hello"), "no-such-probe==9", index.url))
    assert "cannot install" in message
    assert "No matching distribution found for no-such-probe==9" in message


async def test_a_package_whose_hash_is_not_the_promised_one(
    engine: Any, index: Index, conformance: Callable[[str], dict[str, Any]]
) -> None:
    index.offer(digest="0" * 64)
    message = await failed(engine, installing(conformance("hello"), "probe==1.0", index.url))
    assert "HASH" in message.upper()


async def test_an_index_that_cannot_be_reached(engine: Any, conformance: Callable[[str], dict[str, Any]]) -> None:
    begin = time.monotonic()
    message = await failed(engine, installing(conformance("hello"), "probe==1.0", "http://127.0.0.1:1/simple"))
    assert "probe==1.0" in message
    assert time.monotonic() - begin < 60


async def test_an_index_that_never_answers_is_given_up_in_time(
    start: Any, silent: str, conformance: Callable[[str], dict[str, Any]]
) -> None:
    engine = await start(install_timeout_seconds=3)
    begin = time.monotonic()
    message = await failed(engine, installing(conformance("hello"), "probe==1.0", silent))
    assert "not done after 3 seconds" in message
    assert time.monotonic() - begin < 20
