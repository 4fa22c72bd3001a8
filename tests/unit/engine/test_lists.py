"""Lists: filters, order, pages; and what writers beside a reader do to them."""

import asyncio
import base64
import itertools
import json
from typing import Any

import pytest

from support.engine_api import EngineApi, predicates


async def make(api: EngineApi, *names: str, **fields: Any) -> None:
    for name in names:
        await api.post("/pipelines", {"name": name, **fields})


async def names(api: EngineApi, **query: Any) -> list[str]:
    return [item["name"] for item in (await api.get("/pipelines", **query)).get("pipelines", [])]


async def every_page(api: EngineApi, path: str, key: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = await api.get(path, page_token=token, **query)
        found += page.get(key, [])
        token = page.get("next_page_token", "")
        if not token:
            return found


async def test_things_made_in_one_second_are_listed_in_the_order_they_were_made(api: EngineApi) -> None:
    await make(api, "c", "a", "b")
    assert await names(api) == ["c", "a", "b"]
    assert await names(api, sort_by="created_at desc") == ["b", "a", "c"]


@pytest.mark.parametrize("sort_by", ["", "created_at desc", "name", "name desc", "display_name", "description"])
async def test_pages_hold_everything_once_whatever_the_order(api: EngineApi, sort_by: str) -> None:
    for index in range(7):
        await api.post("/pipelines", {"name": f"p{index}", "display_name": f"d{index % 2}", "description": "same"})
    found = await every_page(api, "/pipelines", "pipelines", page_size=2, sort_by=sort_by)
    assert sorted(item["name"] for item in found) == [f"p{index}" for index in range(7)]


@pytest.mark.parametrize("sort_by", ["", "created_at desc", "display_name"])
async def test_a_reader_beside_writers_sees_what_was_there_once_and_all_of_it(api: EngineApi, sort_by: str) -> None:
    before = {f"old-{index:02}" for index in range(30)}
    await make(api, *sorted(before), display_name="same")
    done = asyncio.Event()

    async def write() -> None:
        for index in itertools.count():
            await make(api, f"new-{index}", display_name="same")
            if done.is_set():
                return

    writing = asyncio.create_task(write())
    for _ in range(3):
        found = [
            item["name"] for item in await every_page(api, "/pipelines", "pipelines", page_size=4, sort_by=sort_by)
        ]
        assert len(found) == len(set(found))
        assert before <= set(found)
    done.set()
    await writing


async def test_a_page_goes_on_after_its_last_row_was_deleted(api: EngineApi) -> None:
    await make(api, "a", "b", "c", "d")
    first = await api.get("/pipelines", page_size=2, sort_by="name")
    await api.client.delete(f"/apis/v2beta1/pipelines/{first['pipelines'][-1]['pipeline_id']}")
    assert await names(api, page_token=first["next_page_token"]) == ["c", "d"]


async def test_the_total_counts_what_matches_over_all_pages(api: EngineApi) -> None:
    await make(api, "match-1", "match-2", "match-3", "other")
    query = {"filter": predicates({"operation": "IS_SUBSTRING", "key": "name", "string_value": "match"})}
    page = await api.get("/pipelines", page_size=2, **query)
    assert (len(page["pipelines"]), page["total_size"]) == (2, 3)


@pytest.mark.parametrize(
    "name",
    ["Größe 1/2", "a'b\"c", "%", "_", "a\\b", "x" * 128, "日本語", "-- DROP TABLE", " blanks ", "nul\u0001", "+", "🚀"],
)
async def test_odd_names_are_kept_found_and_sorted_by(api: EngineApi, name: str) -> None:
    await make(api, name, "zz")
    assert name in await names(api, sort_by="name")
    found = await api.client.get("/apis/v2beta1/pipelines", params={"sort_by": "name", "page_size": 1})
    assert found.json()["next_page_token"]
    if "/" not in name:
        by_name = await api.client.get(f"/apis/v2beta1/pipelines/names/{_escaped(name)}")
        assert by_name.json()["name"] == name


async def test_the_filter_is_decoded_a_second_time(api: EngineApi) -> None:
    await make(api, "a b")
    predicate = {"operation": "EQUALS", "key": "name", "string_value": "a+b"}
    assert await names(api, filter=predicates(predicate)) == ["a b"]


@pytest.mark.parametrize(
    ("operation", "value", "expected"),
    [
        ("EQUALS", {"string_value": "B"}, ["b"]),
        ("NOT_EQUALS", {"string_value": "b"}, ["a", "c"]),
        ("GREATER_THAN", {"string_value": "a"}, ["b", "c"]),
        ("LESS_THAN_EQUALS", {"string_value": "b"}, ["a", "b"]),
        ("IN", {"string_values": {"values": ["A", "c"]}}, ["a", "c"]),
        ("IN", {"string_values": {"values": []}}, []),
        ("IS_SUBSTRING", {"string_value": ""}, ["a", "b", "c"]),
    ],
)
async def test_every_operation_narrows_a_text(
    api: EngineApi, operation: str, value: dict[str, Any], expected: list[str]
) -> None:
    await make(api, "a", "b", "c")
    assert await names(api, filter=predicates({"operation": operation, "key": "name", **value})) == expected


@pytest.mark.parametrize(
    ("looked_for", "expected"),
    [("a_b", ["a_b", "axb", "a\\b"]), ("a\\_b", ["a_b"]), ("a\\\\b", ["a\\b"]), ("a\\xb", ["axb"])],
)
async def test_a_backslash_takes_the_meaning_from_a_wildcard(
    api: EngineApi, looked_for: str, expected: list[str]
) -> None:
    await make(api, "a_b", "axb", "a\\b", "ab")
    predicate = {"operation": "IS_SUBSTRING", "key": "name", "string_value": looked_for}
    assert await names(api, filter=predicates(predicate)) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"operation": "NOT_EQUALS", "key": "name", "string_value": "x"}] * 501, "501 predicates, at most 500"),
        ([{"operation": "EQUALS", "key": "tags.a", "string_value": "x"}] * 501, "501 predicates, at most 500"),
        ([{"operation": "IN", "key": "name", "string_values": {"values": ["x"] * 30_001}}], "30001 values, at most"),
        ([{"operation": "IS_SUBSTRING", "key": "name", "string_value": "x" * 10_001}], "more than 10000 characters"),
    ],
)
async def test_filters_beyond_what_a_database_compares_are_refused(
    api: EngineApi, given: list[dict[str, Any]], words: str
) -> None:
    status, message = await api.refused(
        "POST", "/pipelines", data={"filter": predicates(*given)}, headers={"X-HTTP-Method-Override": "GET"}
    )
    assert status == 400
    assert words in message


async def test_a_filter_may_be_as_large_as_said(api: EngineApi) -> None:
    await make(api, "a", "b")
    given: list[dict[str, Any]] = [
        *[{"operation": "NOT_EQUALS", "key": "name", "string_value": "b"}] * 498,
        {"operation": "IN", "key": "name", "string_values": {"values": ["a"] * 30_000}},
        {"operation": "IS_SUBSTRING", "key": "name", "string_value": "a"},
    ]
    answer = await api.client.post(
        "/apis/v2beta1/pipelines", data={"filter": predicates(*given)}, headers={"X-HTTP-Method-Override": "GET"}
    )
    assert [found["name"] for found in answer.json()["pipelines"]] == ["a"]


async def test_a_token_is_good_for_its_own_list_and_criteria_only(api: EngineApi) -> None:
    await make(api, "a", "b")
    token = (await api.get("/pipelines", page_size=1, sort_by="name"))["next_page_token"]
    status, message = await api.refused("GET", "/pipelines", params={"page_token": token, "sort_by": "name desc"})
    assert status == 400
    assert "page token does not match" in message
    assert (await api.refused("GET", "/experiments", params={"page_token": token}))[0] == 500


@pytest.mark.parametrize(
    "change",
    [
        {"SortByFieldValue": 1 << 63},
        {"KeyFieldValue": -(1 << 64)},
        {"KeyFieldValue": "1"},
        {"SortByFieldValue": True},
        {"SortByFieldValue": None},
        {"Filter": [["name", "IN", "x"]]},
        {"Filter": [["name", "EQUALS", ["x"]]]},
        {"Filter": [["name", "EQUALS", 1 << 63]]},
        {"Filter": [["name", "IS_SUBSTRING", ["x"]]]},
        {"Filter": [["secret", "EQUALS", "x"]]},
        {"Filter": [["name", ["EQUALS"], "x"]]},
        {"Filter": ["name"]},
        {"Filter": 1},
        {"Tags": [["a"]]},
        {"Filter": [["name", "EQUALS", "x"]] * 501},
    ],
)
async def test_a_token_somebody_made_up_is_refused(api: EngineApi, change: dict[str, Any]) -> None:
    await make(api, "a", "b")
    token = json.loads(base64.b64decode((await api.get("/pipelines", page_size=1))["next_page_token"]))
    made_up = base64.b64encode(json.dumps(token | change).encode()).decode()
    assert (await api.refused("GET", "/pipelines", params={"page_token": made_up}))[0] == 400


def _escaped(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
