"""What it costs to have everything a pipeline says, in place of what Kubeflow says.

One pipeline with its latest version whole against the one direct call that brings the same specification; a full page
of a hundred pipelines against the direct list of them; and what a specification costs that the caller has already.
"""

import argparse
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from processes import program, stand_in
from routes import API, Call, Comparison, compare

DATA = Path(__file__).parents[1] / "tests" / "data" / "kfp-conformance" / "pipelines"
PIPELINES = 100


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What was put into the server: one pipeline and its version, and its address below the adapter."""

    pipeline_id: str
    version_id: str

    @property
    def path(self) -> str:
        return f"/v1/pipelines/{self.pipeline_id}"


def main() -> None:
    """Start both programs, fill them, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help="calls a round")
    parser.add_argument(
        "--stand-in", type=float, metavar="MS", help="a stand-in that takes so long for an answer, not the engine"
    )
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directories = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        if arguments.stand_in is None:
            server = stack.enter_context(program("engine", directories[0]))
        else:
            server = stack.enter_context(stand_in(arguments.stand_in))
        adapter = stack.enter_context(program("serve", directories[1], "--kubeflow-url", server.url))
        uvloop.run(measure(server.url, adapter.url, arguments.calls))


async def measure(engine: str, adapter: str, calls: int) -> None:
    """Compare all calls, one and sixteen at a time."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        filled = await fill(session, engine)
        print(f"{'call':28} {'at once':>7} {'direct':>9} {'adapter':>9} {'median':>8} {'throughput':>11}")
        for comparison in await comparisons(session, engine, adapter, filled, calls):
            for at_once in (1, 16):
                await compare(comparison, at_once)


async def fill(session: aiohttp.ClientSession, engine: str) -> Filled:
    """A hundred pipelines."""
    content = (DATA / "control_flow.yaml").read_bytes()
    made: dict[str, Any] = {}
    for number in range(PIPELINES):
        form = aiohttp.FormData()
        form.add_field("uploadfile", content, filename="pipeline.yaml")
        url = f"{engine}{API}/pipelines/upload"
        async with session.post(url, params={"name": f"flow-{number}"}, data=form) as answer:
            answer.raise_for_status()
            made = await answer.json()
    async with session.get(f"{engine}{API}/pipelines/{made['pipeline_id']}/versions") as answer:
        version = (await answer.json())["pipeline_versions"][0]
    return Filled(pipeline_id=made["pipeline_id"], version_id=version["pipeline_version_id"])


async def comparisons(
    session: aiohttp.ClientSession, engine: str, adapter: str, filled: Filled, calls: int
) -> list[Comparison]:
    """What is asked, both ways."""

    def get(url: str, status: int = 200, **headers: str) -> Call:
        async def call() -> None:
            async with session.get(url, headers=headers) as answer:
                assert answer.status == status, answer.status
                await answer.read()

        return call

    spec = f"{adapter}{filled.path}/versions/{filled.version_id}/spec.yaml"
    async with session.get(spec) as answer:
        tag = answer.headers["ETag"]
    direct = f"{engine}{API}/pipelines"
    version = f"{direct}/{filled.pipeline_id}/versions/{filled.version_id}"
    return [
        Comparison(
            name="GET /v1/pipelines/{id}",
            direct=get(version),
            adapted=get(f"{adapter}{filled.path}"),
            calls=calls,
        ),
        Comparison(
            name=f"page of {PIPELINES}, view=FULL",
            direct=get(f"{direct}?page_size={PIPELINES}"),
            adapted=get(f"{adapter}/v1/pipelines?view=FULL&page_size={PIPELINES}"),
            calls=calls,
        ),
        Comparison(
            name="spec the caller has (304)",
            direct=get(version),
            adapted=get(spec, 304, **{"If-None-Match": tag}),
            calls=calls,
        ),
        Comparison(
            name="graph of a known version",
            direct=get(version),
            adapted=get(f"{adapter}{filled.path}/versions/{filled.version_id}/graph.json"),
            calls=calls,
        ),
    ]


if __name__ == "__main__":
    main()
