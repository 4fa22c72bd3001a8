"""Reading one kind of thing as lists: a page, all of them, or those with given ids."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Generic, TypeVar

from kfadapter.errors import BadPageToken, KubeflowInvalid
from kfadapter.kubeflow.backoff import Deadline
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.filters import Filter
from kfadapter.kubeflow.paging import PAGE_SIZE, STABLE_ORDER, batches, every_item
from kfadapter.kubeflow.resources import Page, page

T = TypeVar("T")


class Listing(Generic[T]):
    """The list calls of one collection.

    Args:
        connection: Where to ask.
        key: The key of the items in the answer, as `pipelines`.
        read: Reads one item.
        identity: An item's id.
        id_key: The id's name in filters.
        namespace: Sent with every list in multi-user installations; None: never.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        key: str,
        read: Callable[[object], T],
        identity: Callable[[T], str],
        id_key: str,
        namespace: str | None,
    ) -> None:
        self._connection = connection
        self._key = key
        self._read = read
        self._identity = identity
        self._id_key = id_key
        self._namespace = namespace

    async def page(
        self,
        path: str,
        *,
        page_token: str = "",
        page_size: int = PAGE_SIZE,
        sort_by: str = "",
        filter: Filter | None = None,
        extra: dict[str, str] | None = None,
        deadline: Deadline | None = None,
    ) -> Page[T]:
        """One page."""
        query = {
            "page_token": page_token,
            "page_size": str(page_size),
            "sort_by": sort_by,
            "filter": filter.to_query() if filter is not None else "",
            "namespace": self._namespace or "",
            **(extra or {}),
        }
        return page(await self._connection.get(path, query, deadline=deadline), self._key, self._read)

    async def asked_page(
        self,
        path: str,
        *,
        page_token: str,
        page_size: int,
        sort_by: str,
        filter: Filter | None,
        extra: dict[str, str] | None = None,
    ) -> Page[T]:
        """A page for somebody outside, whose token may be anything.

        Raises:
            BadPageToken: Kubeflow refuses the token, and not the rest of the request.
        """
        wanted = partial(self.page, path, sort_by=sort_by, filter=filter, extra=extra)
        try:
            return await wanted(page_token=page_token, page_size=page_size)
        except KubeflowInvalid as exc:
            if not page_token:
                raise
            await wanted(page_size=1)  # refused as well when it is not the token's fault
            raise BadPageToken(page_token) from exc

    async def all(
        self,
        path: str,
        *,
        sort_by: str = "",
        filter: Filter | None = None,
        extra: dict[str, str] | None = None,
        page_size: int = PAGE_SIZE,
        enough: Callable[[Sequence[T]], bool] = lambda items: False,
        deadline: Deadline | None = None,
    ) -> list[T]:
        """Every page, within one deadline; each id once."""
        limit = deadline or self._connection.deadline()

        async def fetch(token: str) -> Page[T]:
            return await self.page(
                path,
                page_token=token,
                page_size=page_size,
                sort_by=sort_by or STABLE_ORDER,
                filter=filter,
                extra=extra,
                deadline=limit,
            )

        return await every_item(fetch, self._identity, enough=enough)

    async def by_ids(self, path: str, ids: Iterable[str]) -> dict[str, T]:
        """The things with these ids, as far as Kubeflow knows them; a call for each batch of ids."""
        limit = self._connection.deadline()
        found: dict[str, T] = {}
        for batch in batches(one for one in ids if one):
            items = await self.all(path, filter=Filter.is_in(self._id_key, batch), deadline=limit)
            found.update((self._identity(item), item) for item in items)
        return found
