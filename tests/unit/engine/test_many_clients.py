"""What a suite of many clients asks: odd and long names, every order and filter, the same thing at the same time."""

import asyncio
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from support.engine_api import PIPELINES, EngineApi, predicates, spec

ODD_NAMES = (
    "test-pipeline-with-ascii-!@#$%",
    "\u4f60\u597d\u4e16\u754c-pipeline",
    "a b  c",
    "quote\"s 'n \\backslashes\\",
    "percent%20and_underscore",
    "<b>&amp;</b>;--",
    "line\nbreak\ttab",
    "emoji \U0001f600",
    "{}[]:=?#",
    "..",
    "x" * 127,
)
RESOURCES = {
    "/pipelines": ("pipelines", "pipeline_id", "name"),
    "/experiments": ("experiments", "experiment_id", "display_name"),
    "/runs": ("runs", "run_id", "display_name"),
    "/recurringruns": ("recurringRuns", "recurring_run_id", "display_name"),
}


async def create(api: EngineApi, path: str, name: str) -> dict[str, Any]:
    documents: dict[str, dict[str, Any]] = {
        "/pipelines": {"name": name, "description": f"of {name}"},
        "/experiments": {"display_name": name, "description": f"of {name}"},
        "/runs": {"display_name": name, "description": f"of {name}", "pipeline_spec": spec("hello")},
        "/recurringruns": {
            "display_name": name,
            "description": f"of {name}",
            "pipeline_spec": spec("hello"),
            "max_concurrency": "1",
            "trigger": {"cron_schedule": {"cron": "0 0 3 * * *"}},
        },
    }
    made: dict[str, Any] = await api.post(path, documents[path])
    return made


async def listed(api: EngineApi, path: str, **query: Any) -> list[dict[str, Any]]:
    """Everything, page by page."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = await api.get(path, page_token=token, page_size=3, **query)
        found += page.get(RESOURCES[path][0], [])
        token = page.get("next_page_token", "")
        if not token:
            return found


@pytest.mark.parametrize("path", RESOURCES)
async def test_odd_names_are_kept_found_and_removed(api: EngineApi, path: str) -> None:
    _, key, shown = RESOURCES[path]
    made = [await create(api, path, name) for name in ODD_NAMES]
    for name, each in zip(ODD_NAMES, made, strict=True):
        assert (await api.get(f"{path}/{each[key]}"))[shown] == name
        for operation in ("EQUALS", "IN"):
            value = {"string_value": name} if operation == "EQUALS" else {"string_values": {"values": [name]}}
            # KFP unescapes a filter once more than HTTP does.
            only = quote_plus(predicates({"key": "name", "operation": operation, **value}))
            assert [item[key] for item in await listed(api, path, filter=only)] == [each[key]]
    for each in made:
        assert (await api.client.delete(f"/apis/v2beta1{path}/{each[key]}")).status_code == 200
    rest = await listed(api, path)
    assert {item[shown] for item in rest} <= {"Default"}


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if name != ".." and "/" not in name])
async def test_a_pipeline_is_found_by_its_odd_name_in_the_path(api: EngineApi, name: str) -> None:
    """As on KFP, a slash ends the name however it is written."""
    made = await create(api, "/pipelines", name)
    assert (await api.get(f"/pipelines/names/{quote(name, safe='')}"))["pipeline_id"] == made["pipeline_id"]


@pytest.mark.parametrize("path", RESOURCES)
@pytest.mark.parametrize(
    "sort_by", ["name", "display_name desc", "created_at", "created_at desc", "description asc", "id"]
)
@pytest.mark.parametrize("has_filter", [False, True])
async def test_every_order_holds_with_and_without_a_filter(
    api: EngineApi, path: str, sort_by: str, has_filter: bool
) -> None:
    _, key, shown = RESOURCES[path]
    for name in ("b-apitest", "A-apitest", "c-other", "a-apitest-2", "B-apitest-3"):
        await create(api, path, name)
    query = {"filter": predicates({"key": "name", "operation": "IS_SUBSTRING", "string_value": "apitest"})}
    found = await listed(api, path, sort_by=sort_by, **(query if has_filter else {}))
    own = [item for item in found if item[shown] != "Default"]
    assert len(own) == (4 if has_filter else 5)
    field = {"name": shown, "display_name": shown, "id": key}.get(sort_by.split()[0], sort_by.split()[0])
    values = [item.get(field, "").lower() for item in own]
    assert values == sorted(values, reverse=sort_by.endswith("desc"))


async def test_of_many_who_take_a_name_one_gets_it(api: EngineApi) -> None:
    async def take(path: str, document: dict[str, Any]) -> int:
        return (await api.client.post(f"/apis/v2beta1{path}", json=document)).status_code

    for path, document in (("/pipelines", {"name": "p"}), ("/experiments", {"display_name": "e"})):
        codes = await asyncio.gather(*(take(path, document) for _ in range(20)))
        assert sorted(codes) == [200] + 19 * [409]


async def test_many_upload_run_and_remove_side_by_side(api: EngineApi) -> None:
    content = (PIPELINES / "hello.yaml").read_bytes()

    async def one(number: int) -> None:
        name = f"client-{number}"
        experiment = await api.post("/experiments", {"display_name": name})
        uploaded = await api.upload(name)
        query = {"pipelineid": uploaded["pipeline_id"], "name": "two"}
        files = {"uploadfile": ("two.yaml", content)}
        version = await api.client.post("/apis/v2beta1/pipelines/upload_version", params=query, files=files)
        reference = {name: version.json()[name] for name in ("pipeline_id", "pipeline_version_id")}
        run = await api.post(
            "/runs",
            {
                "display_name": name,
                "experiment_id": experiment["experiment_id"],
                "pipeline_version_reference": reference,
            },
        )
        mine = await api.get("/runs", experiment_id=experiment["experiment_id"])
        assert [each["run_id"] for each in mine["runs"]] == [run["run_id"]]
        for path in (f"/runs/{run['run_id']}", f"/pipelines/{uploaded['pipeline_id']}?cascade=true"):
            assert (await api.client.delete(f"/apis/v2beta1{path}")).status_code == 200
        await api.client.delete(f"/apis/v2beta1/experiments/{experiment['experiment_id']}")

    await asyncio.gather(*(one(number) for number in range(25)))
    assert await api.get("/pipelines") == await api.get("/runs") == {}
    assert (await api.get("/experiments"))["total_size"] == 1
