"""What Kubeflow's own API suite asks of a server, asked in our words and in the way of the clients it uses.

Those clients are generated for Go; `support/typed_api.py` does as they do.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.protocol import messages
from kfadapter.engine.server import EngineServer
from kfadapter.settings import installer_environment
from support.engine_api import API, PIPELINES, predicates
from support.typed_api import LISTS, NAMESPACE, Package, TypedApi, typed

pytestmark = pytest.mark.timeout(300)

DATA = Path(__file__).parents[1] / "data"
PACKAGES = sorted(
    path for path in (DATA / "corpus").rglob("*.yaml") if re.search(r"^pipelineInfo:", path.read_text(), re.M)
)
HELLO = PIPELINES / "hello.yaml"
UNDER_WAY = frozenset({"PENDING", "RUNNING"})
ANY_STATE = UNDER_WAY | {"SUCCEEDED", "FAILED"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[TypedApi]:
    settings = EngineSettings(data_dir=data_dir, installer_environment=installer_environment())
    server = EngineServer(settings)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.base_url, timeout=60) as client:
            yield TypedApi(client)
    finally:
        await server.stop(end_runs=True)


@pytest.fixture
async def suite(data_dir: Path) -> AsyncIterator[TypedApi]:
    async with serving(data_dir) as each:
        yield each


def name() -> str:
    return f"apitest-{uuid4().hex}"


def some(paths: list[Path], share: int) -> Iterator[Package]:
    return (Package(path, path.read_bytes()) for path in paths[::share])


async def test_packages_are_kept_run_and_removed(suite: TypedApi) -> None:
    """Twice, with caching and without. A run that is to be refused is still PENDING while it is looked at."""
    for package in some(PACKAGES, 4):
        states = UNDER_WAY if package.path.parent.name == "refused" else ANY_STATE
        for caching in (True, False):
            await run_and_remove(suite, package.with_caching(caching), states=states)


async def run_and_remove(suite: TypedApi, package: Package, *, states: Collection[str]) -> None:
    pipeline = await suite.upload(package, name=name())
    pipeline_id = pipeline["pipeline_id"]
    assert await suite.get(f"/pipelines/{pipeline_id}", messages.PIPELINE) == pipeline
    (version,), _ = await suite.listed(f"/pipelines/{pipeline_id}/versions")
    shown = version["pipeline_spec"]
    assert shown.get("pipeline_spec", shown) == package.shown, package.path
    experiment = await suite.create(
        "/experiments", messages.EXPERIMENT, {"display_name": f"of {name()}", "namespace": NAMESPACE}
    )
    reference = {"pipeline_id": pipeline_id, "pipeline_version_id": version["pipeline_version_id"]}
    document = {
        "display_name": f"Run - {name()}",
        "description": "a run",
        "experiment_id": experiment["experiment_id"],
        "service_account": "pipeline-runner",
        "pipeline_version_reference": reference,
        "runtime_config": {"parameters": package.arguments},
    }
    run = await suite.create("/runs", messages.RUN, document)
    path = f"/runs/{run['run_id']}"
    assert {key: run.get(key) for key in document} == {**document, "runtime_config": run.get("runtime_config")}
    assert (run["storage_state"], run["state"]) == ("AVAILABLE", "PENDING")
    assert (await suite.get(path, messages.RUN, view="FULL"))["state"] in states, package.path
    await suite.act(f"{path}:archive")
    archived = await suite.get(path, messages.RUN, view="FULL")
    assert (archived["storage_state"], archived["state"] in states) == ("ARCHIVED", True), package.path
    assert {key: archived.get(key) for key in document} == {key: run.get(key) for key in document}
    await suite.act(f"{path}:unarchive")
    assert (await suite.get(path, messages.RUN))["storage_state"] == "AVAILABLE"
    await suite.client.post(f"{API}{path}:terminate")
    await suite.delete(path)
    await suite.delete(f"/experiments/{experiment['experiment_id']}")
    await suite.delete(f"/pipelines/{pipeline_id}", cascade="true")


async def test_many_do_the_same_side_by_side(suite: TypedApi) -> None:
    """So many that what a run does meanwhile is no matter of milliseconds any more."""
    every_ninth = some(PACKAGES, 9)
    await asyncio.gather(*(run_and_remove(suite, package, states=ANY_STATE) for package in every_ninth))


@pytest.mark.parametrize(
    ("title", "uploaded", "created"),
    [
        ("a" * 100, 200, 200),
        ("a" * 127, 200, 200),
        ("a" * 128, 500, 200),
        ("a" * 129, 400, 500),
        ("A" * 500, 400, 500),
        ("with-ascii-!@#$%", 200, 200),
        ("\u4f60\u597d\u4e16\u754c-pipeline", 200, 200),
        ("\u4f60" * 42, 200, 200),
        ("\u4f60" * 43, 400, 500),
        ("Capitals And Spaces ", 200, 200),
    ],
)
async def test_names_are_as_long_and_as_odd_as_kfp_allows(
    suite: TypedApi, title: str, uploaded: int, created: int
) -> None:
    """KFP finds out late that a name of 128 characters is too long for the version that is named like it."""
    package = Package(HELLO, HELLO.read_bytes())
    for status, send in (
        (uploaded, suite.send("/pipelines/upload", package, {"name": title})),
        (created, suite.client.post(f"{API}/pipelines", json={"name": title, "namespace": NAMESPACE})),
    ):
        answer = await send
        assert answer.status_code == status, answer.text
        if status == 200:
            found = await suite.get(f"/pipelines/names/{quote(title, safe='')}", messages.PIPELINE, namespace=NAMESPACE)
            assert found == answer.json()
            assert found["name"] == title
            await suite.delete(f"/pipelines/{found['pipeline_id']}", cascade="true")


@pytest.mark.parametrize("path", LISTS)
async def test_every_list_takes_a_namespace_sorts_filters_and_pages_together(suite: TypedApi, path: str) -> None:
    made = [await make(suite, path, f"{letter}-{mark}") for mark in [uuid4().hex] for letter in "bAcD"]
    mark = made[0]["display_name"][2:]
    filtered = predicates({"key": "name", "operation": "IS_SUBSTRING", "string_value": mark})
    for sort_by, reverse in (("name", False), ("name asc", False), ("display_name desc", True)):
        found, token = [], ""
        while True:
            items, page = await suite.listed(path, filter=filtered, sort_by=sort_by, page_size=1, page_token=token)
            found += items
            assert page["total_size"] == len(made)
            if not (token := page.get("next_page_token", "")):
                break
        titles = [item["display_name"].lower() for item in found]
        assert titles == sorted((each["display_name"].lower() for each in made), reverse=reverse)
    since = {"key": "created_at", "operation": "GREATER_THAN", "string_value": "2000-01-01T00:00:00Z"}
    equal = {"key": "name", "operation": "EQUALS", "string_value": made[0]["display_name"]}
    other = {"key": "name", "operation": "NOT_EQUALS", "string_value": made[0]["display_name"]}
    part = {"key": "name", "operation": "IS_SUBSTRING", "string_value": mark}
    ids = [made[1][identity(path)], made[2][identity(path)]]
    among = {"key": identity(path), "operation": "IN", "stringValues": {"values": ids}}
    scalar = {"key": identity(path), "operation": "IN", "string_value": ids[0]}
    nobody = {"key": identity(path), "operation": "EQUALS", "string_value": "invalid-!@#$^&*"}
    for narrowed, count in (((since, equal), 1), ((other, part), 3), ((among, part), 2), ((nobody,), 0)):
        items, page = await suite.listed(path, filter=predicates(*narrowed))
        assert (len(items), page.get("total_size", 0)) == (count, count), narrowed
    assert await suite.fails("GET", path, params={"filter": predicates(scalar)}) == 400
    for each in made:
        await suite.delete(f"{path}/{each[identity(path)]}")


def identity(path: str) -> str:
    return {"/pipelines": "pipeline_id", "/experiments": "experiment_id", "/runs": "run_id"}.get(
        path, "recurring_run_id"
    )


async def make(suite: TypedApi, path: str, title: str) -> dict[str, Any]:
    spec = {"pipeline_spec": json.loads((PIPELINES / "hello.json").read_text())}
    more: dict[str, dict[str, Any]] = {
        "/pipelines": {"name": title, "namespace": NAMESPACE},
        "/experiments": {"namespace": NAMESPACE},
        "/runs": spec,
        "/recurringruns": {
            **spec,
            "max_concurrency": "1",
            "mode": "DISABLE",
            "trigger": {"periodic_schedule": {"interval_second": "60"}},
        },
    }
    return await suite.create(path, LISTS[path][1], {"display_name": title, **more[path]})


async def test_a_display_name_may_be_longer_than_a_name(suite: TypedApi) -> None:
    package = Package(HELLO, HELLO.read_bytes())
    shown = "Shown " * 50
    pipeline = await suite.upload(package, name=name(), display_name=shown)
    version = await suite.upload_version(package, pipelineid=pipeline["pipeline_id"], name="v", display_name=shown)
    assert (pipeline["display_name"], version["display_name"]) == (shown, shown)


@pytest.mark.parametrize(
    ("tags", "kept"), [("null", None), ('{"a": null}', {"a": ""}), ('{"a": "1", "a": "2"}', {"a": "2"})]
)
async def test_tags_are_read_as_go_reads_json(suite: TypedApi, tags: str, kept: dict[str, str] | None) -> None:
    pipeline = await suite.upload(Package(HELLO, HELLO.read_bytes()), name=name(), tags=tags)
    assert pipeline.get("tags") == kept


async def test_versions_have_tags_that_lists_show_and_filters_find(suite: TypedApi) -> None:
    package = Package(HELLO, HELLO.read_bytes())
    tags = {"team": uuid4().hex, "env": "prod"}
    pipeline = await suite.upload(package, name=name(), tags=json.dumps(tags), description="d")
    pipeline_id = pipeline["pipeline_id"]
    assert (pipeline["tags"], pipeline["description"]) == (tags, "d")
    plain = await suite.upload_version(package, pipelineid=pipeline_id, name="plain", tags="{}")
    tagged = await suite.upload_version(
        package, pipelineid=pipeline_id, name="tagged", display_name="Tagged one", tags=json.dumps(tags)
    )
    assert ("tags" in plain, tagged["tags"], tagged["display_name"]) == (False, tags, "Tagged one")
    both = [{"key": f"tags.{key}", "operation": "EQUALS", "string_value": value} for key, value in tags.items()]
    (found,), page = await suite.listed("/pipelines", filter=predicates(*both))
    assert (found, page["total_size"]) == (pipeline, 1)
    for path in ("/pipelines", f"/pipelines/{pipeline_id}/versions"):
        assert (await suite.listed(path, filter=predicates({**both[0], "string_value": "no"})))[1] == {}
        wrong = predicates({**both[0], "operation": "NOT_EQUALS"})
        assert await suite.fails("GET", path, params={"filter": wrong}) == 400
    named = {"key": "name", "operation": "EQUALS", "string_value": "tagged"}
    ((found,), page) = await suite.listed(f"/pipelines/{pipeline_id}/versions", filter=predicates(*both, named))
    assert found == tagged
    stranger = f"/pipelines/another/versions/{tagged['pipeline_version_id']}"
    assert await suite.get(stranger, messages.PIPELINE_VERSION) == tagged
    await suite.delete(stranger)
    assert await suite.fails("GET", stranger) == 404
    assert await suite.fails("DELETE", f"/pipelines/{pipeline_id}") == 400
    await suite.delete(f"/pipelines/{pipeline_id}", cascade="true")


@pytest.mark.parametrize(
    ("tags", "is_taken"),
    [
        ({"k" * 63: "v" * 63}, True),
        ({f"key{number}": "v" for number in range(20)}, True),
        ({f"key{number}": "v" for number in range(21)}, False),
        ({"k" * 64: "v"}, False),
        ({"k": "v" * 64}, False),
        ({"": "v"}, False),
        ({"team.name": "v"}, False),
    ],
)
async def test_tags_have_limits_wherever_they_are_given(suite: TypedApi, tags: dict[str, str], is_taken: bool) -> None:
    package = Package(HELLO, HELLO.read_bytes())
    made = await suite.upload(package, name=name())
    pipeline = f"/pipelines/{made['pipeline_id']}"
    version = f"{pipeline}/versions/{(await suite.listed(f'{pipeline}/versions'))[0][0]['pipeline_version_id']}"
    query = {"name": "tagged", "pipelineid": made["pipeline_id"], "tags": json.dumps(tags)}
    answers = [
        await suite.client.patch(API + pipeline, json={"tags": tags, "display_name": "Updated Display Name"}),
        await suite.client.patch(API + version, json={"tags": tags, "display_name": "Updated Version Name"}),
        await suite.send("/pipelines/upload_version", package, query),
        await suite.client.post(f"{API}/pipelines", json={"name": name(), "tags": tags}),
    ]
    assert [answer.status_code == 200 for answer in answers] == [is_taken] * 4
    if is_taken:
        assert [answer.json()["tags"] for answer in answers] == [tags] * 4
        assert answers[0].json()["display_name"] == "Updated Display Name"
        emptied = await suite.client.patch(API + pipeline, json={"tags": {}})
        assert "tags" not in typed(emptied, messages.PIPELINE)


@pytest.mark.parametrize("identifier", ["00000000-0000-0000-0000-000000000000", "invalid-id-!@#$%"])
async def test_what_is_not_there_fails_whatever_is_asked_of_it(suite: TypedApi, identifier: str) -> None:
    path = f"/{quote(identifier, safe='')}"
    version = f"/pipelines/invalid/versions{path}"
    for each in (f"/pipelines{path}", version, f"/experiments{path}", f"/runs{path}", f"/recurringruns{path}"):
        assert await suite.fails("GET", each) == 404
        assert await suite.fails("DELETE", each) == 404
    for each in (f"/pipelines{path}", version):
        assert await suite.fails("PATCH", each, json={"tags": {"team": "ml-ops"}}) == 404
    for verb in ("terminate", "retry", "archive", "unarchive"):
        assert await suite.fails("POST", f"/runs{path}:{verb}") == 404
    for verb in ("enable", "disable"):
        assert await suite.fails("POST", f"/recurringruns{path}:{verb}") == 404


@pytest.mark.parametrize("url", ["/nonexistent/pipeline.yaml", str(HELLO), "https://there-is-none.example/p.yaml", ""])
async def test_a_pipeline_is_not_made_from_where_nothing_may_be_fetched(suite: TypedApi, url: str) -> None:
    title = name()
    version = {"display_name": f"{title}-v1", "package_url": {"pipeline_url": url}}
    document = {"pipeline": {"name": title}, "pipeline_version": version}
    assert await suite.fails("POST", "/pipelines/create", json=document) == 400
    named = predicates({"key": "name", "operation": "EQUALS", "string_value": title})
    assert (await suite.listed("/pipelines", filter=named))[1] == {}


async def test_an_upload_that_fails_says_so_and_leaves_nothing(suite: TypedApi) -> None:
    package = Package(HELLO, HELLO.read_bytes())
    title = name()
    made = await suite.upload(package, name=title)
    unnamed = Package(Path("/tmp/no_name.yaml"), package.content.replace(b"  name: hello\n", b"  description: x\n", 1))
    assert unnamed.content != package.content
    for broken, query in (
        (package, {"name": title}),
        (unnamed, {"name": name()}),
        (Package(Path("/tmp/empty.yaml"), b""), {"name": name()}),
        (Package(Path("/tmp/x.png"), b"\x89PNG\r\n"), {"name": name()}),
        (Package(Path("/tmp/x.zip"), b"PK\x03\x04broken"), {"name": name()}),
        (Package(Path("/tmp/x.tar.gz"), b"\x1f\x8bbroken"), {"name": name()}),
        (package, {"name": name(), "tags": "not-valid-json"}),
    ):
        answer = await suite.send("/pipelines/upload", broken, query)
        assert answer.status_code >= 400
        assert answer.json()["error_message"]
    for query in ({"pipelineid": made["pipeline_id"], "name": title}, {"pipelineid": "12345", "name": "x"}):
        assert (await suite.send("/pipelines/upload_version", package, query)).status_code >= 400
    (only,), _ = await suite.listed(f"/pipelines/{made['pipeline_id']}/versions")
    assert only["name"] == title
