"""Packages from addresses: refused, unless a setting allows them; never a way into other networks."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.packages import Packages, Prefix
from kfadapter.engine.protocol.faults import ApiError
from kfadapter.engine.server import EngineServer
from kfadapter.errors import EngineError
from support.engine_api import PIPELINES, EngineApi, spec
from support.scripted_supervisor import ScriptedSupervisor

HELLO = (PIPELINES / "hello.yaml").read_bytes()
LARGE = 33 * 1024 * 1024


def archive() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as opened:
        opened.writestr("pipeline.yaml", HELLO)
    return held.getvalue()


class Shelf:
    """A web server with packages; notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.port = 0
        self._never = asyncio.Event()
        self._serving: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.append(asyncio.current_task())
        try:
            await self._serve(reader, writer)
        except ConnectionError:
            pass  # the client has read enough
        finally:
            writer.close()

    async def stop(self) -> None:
        self._never.set()
        await asyncio.gather(*(task for task in self._serving if task))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        self.asked.append(path)
        self.hosts += [line.split(" ")[1] for line in head.split("\r\n") if line.lower().startswith("host:")]
        if path.endswith("silent.yaml"):
            await self._never.wait()
        status, extra, body = self._answer(path.partition("?")[0])
        writer.write(f"HTTP/1.1 {status}\r\n{extra}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    def _answer(self, path: str) -> tuple[str, str, bytes]:
        moved = {
            "/p/moved.yaml": "/p/hello.yaml",
            "/p/out.yaml": "/secret.yaml",
            "/p/file.yaml": "file:///etc/passwd",
            "/p/round.yaml": "/p/round.yaml",
        }
        if path in moved:
            return "302 Found", f"location: {moved[path]}\r\n", b""
        files = {
            "/p/hello.yaml": HELLO,
            "/p/hello.zip": archive(),
            "/secret.yaml": HELLO,
            "/p/large.yaml": b" " * LARGE,
        }
        return ("200 OK", "", files[path]) if path in files else ("404 Not Found", "", b"")


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    shelf = Shelf()
    server = await asyncio.start_server(shelf.serve, "127.0.0.1", 0)
    shelf.port = server.sockets[0].getsockname()[1]
    yield shelf
    await shelf.stop()
    server.close()
    await server.wait_closed()


@pytest.fixture
async def allowing(tmp_path: Path, shelf: Shelf) -> AsyncIterator[EngineApi]:
    """An engine that may fetch from below /p/ of the shelf."""
    settings = EngineSettings(data_dir=tmp_path, package_urls=(f"http://127.0.0.1:{shelf.port}/p",))
    server = EngineServer(settings, supervisor=ScriptedSupervisor())
    await server.start()
    async with httpx.AsyncClient(base_url=server.base_url, timeout=30) as client:
        yield EngineApi(client)
    await server.stop()


async def refusal(packages: Packages, url: str) -> str:
    with pytest.raises(ApiError) as caught:
        await packages.fetch(url)
    assert caught.value.status in (400, 500)
    return caught.value.message


@pytest.mark.parametrize("file", ["hello.yaml", "hello.zip", "moved.yaml"])
async def test_an_allowed_package_becomes_a_pipeline_with_a_version(
    allowing: EngineApi, shelf: Shelf, file: str
) -> None:
    version = {"package_url": {"pipeline_url": f"http://127.0.0.1:{shelf.port}/p/{file}"}, "tags": {"a": "b"}}
    created = await allowing.post("/pipelines/create", {"pipeline": {"name": "hi"}, "pipeline_version": version})
    listed = await allowing.get(f"/pipelines/{created['pipeline_id']}/versions")
    (only,) = listed["pipeline_versions"]
    assert (created["name"], only["name"], only["tags"]) == ("hi", "hi", {"a": "b"})
    assert only["pipeline_spec"] == spec("hello")
    assert shelf.hosts[0] == f"127.0.0.1:{shelf.port}"


async def test_a_pipeline_without_a_name_is_named_like_its_file(allowing: EngineApi, shelf: Shelf) -> None:
    url = f"http://127.0.0.1:{shelf.port}/p/hello.yaml?raw=1"
    created = await allowing.post("/pipelines/create", {"pipeline_version": {"package_url": {"pipeline_url": url}}})
    assert created["display_name"] == "hello.yaml"
    assert shelf.asked == ["/p/hello.yaml?raw=1"]


async def test_an_allowed_package_becomes_a_version(allowing: EngineApi, shelf: Shelf) -> None:
    pipeline_id = (await allowing.upload("first"))["pipeline_id"]
    url = {"pipeline_url": f"http://127.0.0.1:{shelf.port}/p/hello.yaml"}
    new = {"pipeline_id": pipeline_id, "display_name": "second", "description": "d", "package_url": url}
    made = await allowing.post(f"/pipelines/{pipeline_id}/versions", new)
    assert (made["name"], made["description"], made["pipeline_spec"]) == ("second", "d", spec("hello"))
    status, message = await allowing.refused("POST", f"/pipelines/{pipeline_id}/versions", json=new)
    assert (status, "already exist" in message) == (409, True)
    status, message = await allowing.refused(
        "POST", f"/pipelines/{pipeline_id}/versions", json=new | {"display_name": ""}
    )
    assert (status, "name is required" in message) == (400, True)


async def test_nothing_is_fetched_when_nothing_is_allowed(api: EngineApi, shelf: Shelf) -> None:
    version = {"package_url": {"pipeline_url": f"http://127.0.0.1:{shelf.port}/p/hello.yaml"}}
    status, message = await api.refused("POST", "/pipelines/create", json={"pipeline_version": version})
    assert (status, message.endswith("Pipeline URL validation failed")) == (400, True)
    assert shelf.asked == []


@pytest.mark.parametrize(
    "path",
    ["/secret.yaml", "/p", "/pp/x.yaml", "/p/../secret.yaml", "/p/%2e%2e/secret.yaml", "/p/..\\secret.yaml", ""],
)
async def test_only_what_lies_below_is_allowed(shelf: Shelf, path: str) -> None:
    packages = Packages([f"http://127.0.0.1:{shelf.port}/p"])
    assert "validation failed" in await refusal(packages, f"http://127.0.0.1:{shelf.port}{path}")
    assert shelf.asked == []


@pytest.mark.parametrize(
    "form",
    ["https://127.0.0.1:{port}/p/a", "http://me@127.0.0.1:{port}/p/a", "http://127.0.0.1/p/a", "ftp://h/p/a", "/p/a"],
)
async def test_scheme_host_and_port_must_be_the_same(shelf: Shelf, form: str) -> None:
    packages = Packages([f"http://127.0.0.1:{shelf.port}/p/"])
    assert "validation failed" in await refusal(packages, form.format(port=shelf.port))


@pytest.mark.parametrize("url", ["", "nonsense", "http://h/a b", "http://h:port/p"])
async def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    assert "invalid pipeline spec URL" in await refusal(Packages(["http://h/"]), url)


@pytest.mark.parametrize("file", ["out.yaml", "file.yaml", "round.yaml"])
async def test_a_redirect_leads_nowhere_else(shelf: Shelf, file: str) -> None:
    packages = Packages([f"http://127.0.0.1:{shelf.port}/p/"])
    assert "validation failed" in await refusal(packages, f"http://127.0.0.1:{shelf.port}/p/{file}")
    assert "/secret.yaml" not in shelf.asked


async def test_a_name_that_leads_to_a_private_address_is_refused(shelf: Shelf) -> None:
    """The host is a spelling of 127.0.0.1 that only the resolver understands, as a name in DNS could be one."""
    packages = Packages([f"http://0x7f.1:{shelf.port}/p/"])
    assert "is not public" in await refusal(packages, f"http://0x7f.1:{shelf.port}/p/hello.yaml")
    assert shelf.asked == []


async def test_this_machine_may_be_allowed_by_name(shelf: Shelf) -> None:
    assert await Packages([f"http://localhost:{shelf.port}/p/"]).fetch(f"http://localhost:{shelf.port}/p/hello.yaml")


async def test_size_and_time_are_limited(shelf: Shelf) -> None:
    base = f"http://127.0.0.1:{shelf.port}/p/"
    assert "larger than" in await refusal(Packages([base]), f"{base}large.yaml")
    assert "error downloading" in await refusal(Packages([base], seconds=0.2), f"{base}silent.yaml")
    assert "404" in await refusal(Packages([base]), f"{base}nothing.yaml")


async def test_a_server_that_is_away_is_said_to_be(unused_port: int) -> None:
    base = f"http://127.0.0.1:{unused_port}/"
    assert "error downloading" in await refusal(Packages([base]), f"{base}hello.yaml")


@pytest.fixture
async def unused_port() -> int:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


@pytest.mark.parametrize("text", ["example.com", "ftp://h/", "https://", "https://h/?q", "https://u@h/", "http://h:x/"])
def test_a_prefix_must_be_an_address(text: str) -> None:
    with pytest.raises(EngineError):
        Prefix.read(text)
