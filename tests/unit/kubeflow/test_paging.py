"""Whole lists from pages."""

import pytest

from kfadapter.errors import KubeflowMalformed
from kfadapter.kubeflow.paging import batches, every_item
from kfadapter.kubeflow.resources import Page


async def read(pages: dict[str, Page[str]]) -> list[str]:
    async def fetch(token: str) -> Page[str]:
        return pages[token]

    return await every_item(fetch, lambda item: item.split("=")[0])


async def test_pages_are_followed_to_the_last() -> None:
    pages = {"": Page(items=("a", "b"), next_page_token="1"), "1": Page(items=("c",))}
    assert await read(pages) == ["a", "b", "c"]


async def test_an_id_that_comes_again_keeps_its_place_and_its_newer_content() -> None:
    pages = {"": Page(items=("a=1", "b=1"), next_page_token="1"), "1": Page(items=("b=2", "c=1"))}
    assert await read(pages) == ["a=1", "b=2", "c=1"]


async def test_a_token_that_repeats_is_detected() -> None:
    pages = {"": Page(items=("a",), next_page_token="1"), "1": Page(items=("b",), next_page_token="1")}
    with pytest.raises(KubeflowMalformed):
        await read(pages)


async def test_fresh_tokens_without_end_are_detected() -> None:
    calls = 0

    async def fetch(token: str) -> Page[str]:
        nonlocal calls
        calls += 1
        return Page(items=("a",), next_page_token=token + "x")

    with pytest.raises(KubeflowMalformed):
        await every_item(fetch, str)
    assert calls < 10


async def test_one_empty_page_in_between_is_tolerated() -> None:
    pages: dict[str, Page[str]] = {
        "": Page(items=("a",), next_page_token="1"),
        "1": Page(items=(), next_page_token="2"),
        "2": Page(items=("b",)),
    }
    assert await read(pages) == ["a", "b"]


async def test_reading_ends_when_it_is_enough() -> None:
    async def fetch(token: str) -> Page[str]:
        return Page(items=(token + "x",), next_page_token=token + "x")

    assert len(await every_item(fetch, str, enough=lambda items: len(items) == 3)) == 3


def test_batches_are_distinct_and_bounded() -> None:
    made = batches([*map(str, range(320)), "0", "1"], 150)
    assert [len(batch) for batch in made] == [150, 150, 20]
    assert batches([]) == []
