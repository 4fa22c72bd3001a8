"""Whole lists from pages, read while others write."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar

from kfadapter.errors import KubeflowMalformed
from kfadapter.kubeflow.resources import Page

PAGE_SIZE = 200
# KFP's pages continue after the last row's sort value and id. Rows that never change their place in this order (the
# time of creation never changes) are therefore all met, and met once, whatever is added or deleted meanwhile.
STABLE_ORDER = "created_at"
# 150 ids make a request line of some 7 kB: below the 8 kB that proxies commonly allow.
IDS_PER_CALL = 150
BARREN_PAGES = 3

T = TypeVar("T")


async def every_item(
    fetch: Callable[[str], Awaitable[Page[T]]],
    identity: Callable[[T], str],
    *,
    enough: Callable[[Sequence[T]], bool] = lambda items: False,
) -> list[T]:
    """All items of all pages in the server's order; an id that comes again replaces its earlier row.

    Args:
        fetch: Gets the page that a token leads to; the empty token is the first page's.
        identity: An item's id.
        enough: Told the items so far after each page; True ends the reading early.

    Raises:
        KubeflowMalformed: The pages lead in a circle, or on and on without anything new.
    """
    items: dict[str, T] = {}
    tokens: set[str] = {""}
    token, barren = "", 0
    while True:
        page = await fetch(token)
        known = len(items)
        items.update((identity(item), item) for item in page.items)
        barren = barren + 1 if len(items) == known else 0
        token = page.next_page_token
        if not token or enough(list(items.values())):
            return list(items.values())
        if token in tokens or barren == BARREN_PAGES:
            raise KubeflowMalformed("Kubeflow's list does not end: its pages lead in a circle")
        tokens.add(token)


def batches(ids: Iterable[str], size: int = IDS_PER_CALL) -> list[tuple[str, ...]]:
    """The distinct ids in batches that fit into one call."""
    distinct = iter(dict.fromkeys(ids))
    return list(iter(lambda: tuple(islice(distinct, size)), ()))
