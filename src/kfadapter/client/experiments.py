"""Experiments: `client.experiments`."""

from collections.abc import AsyncIterator, Iterator
from typing import TypedDict, Unpack

from kfadapter.client.calls import Call, nothing, path, reader
from kfadapter.client.pages import page_reader
from kfadapter.client.pipelines import ITERATED_PAGE_SIZE
from kfadapter.client.results import Experiment, Page
from kfadapter.client.transport import AsyncSender, Sender, every, every_async


class ExperimentListOptions(TypedDict, total=False):
    """What a list of experiments takes; `filter` is in KFP's predicate language."""

    name: str
    text: str
    filter: str
    sort_by: str
    page_size: int
    page_token: str


def list_call(
    *,
    name: str = "",
    text: str = "",
    filter: str = "",
    sort_by: str = "",
    page_size: int = 50,
    page_token: str = "",
) -> Call[Page[Experiment]]:
    """A page of experiments."""
    params = {
        "name": name,
        "text": text,
        "filter": filter,
        "sort_by": sort_by,
        "page_size": page_size,
        "page_token": page_token,
    }
    return Call(method="GET", path=path("experiments"), params=params, read=page_reader("experiments", Experiment))


def get_call(experiment_id: str) -> Call[Experiment]:
    """An experiment by id."""
    return Call(method="GET", path=path("experiments", experiment_id), read=reader(Experiment))


def by_name_call(name: str) -> Call[Experiment]:
    """An experiment by name."""
    return Call(method="GET", path=path("experiments", "by-name", name), read=reader(Experiment))


def create_call(name: str, description: str = "", *, return_existing: bool = False) -> Call[Experiment]:
    """A creation."""
    document = {
        "display_name": name,
        "description": description,
        "if_exists": "return" if return_existing else "refuse",
    }
    return Call(method="POST", path=path("experiments"), document=document, read=reader(Experiment))


def change_call(experiment_id: str, action: str) -> Call[Experiment]:
    """`archive` or `unarchive`."""
    return Call(method="POST", path=path("experiments", f"{experiment_id}:{action}"), read=reader(Experiment))


def delete_call(experiment_id: str) -> Call[None]:
    """A deletion."""
    return Call(method="DELETE", path=path("experiments", experiment_id), read=nothing)


class Experiments:
    """Experiments. Raises as `Pipelines`."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def list(self, **wanted: Unpack[ExperimentListOptions]) -> Page[Experiment]:
        """One page: `name`, `text`, `filter`, `sort_by`, `page_size`, `page_token`."""
        return self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[ExperimentListOptions]) -> Iterator[Experiment]:
        """All of them, page by page."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        def fetch(token: str) -> Page[Experiment]:
            wanted["page_token"] = token
            return self._send(list_call(**wanted))

        return every(fetch)

    def get(self, experiment_id: str) -> Experiment:
        """The experiment with this id."""
        return self._send(get_call(experiment_id))

    def by_name(self, name: str) -> Experiment:
        """The experiment with this name."""
        return self._send(by_name_call(name))

    def create(self, name: str, description: str = "", *, return_existing: bool = False) -> Experiment:
        """Create an experiment, or with `return_existing` take the one of that name."""
        return self._send(create_call(name, description, return_existing=return_existing))

    def archive(self, experiment_id: str) -> Experiment:
        """Put an experiment away, with its runs."""
        return self._send(change_call(experiment_id, "archive"))

    def unarchive(self, experiment_id: str) -> Experiment:
        """Take an experiment back; its runs stay archived."""
        return self._send(change_call(experiment_id, "unarchive"))

    def delete(self, experiment_id: str) -> None:
        """Delete an experiment; its runs stay."""
        self._send(delete_call(experiment_id))


class AsyncExperiments:
    """The same as `Experiments`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def list(self, **wanted: Unpack[ExperimentListOptions]) -> Page[Experiment]:
        """As `Experiments.list`."""
        return await self._send(list_call(**wanted))

    def iterate(self, **wanted: Unpack[ExperimentListOptions]) -> AsyncIterator[Experiment]:
        """As `Experiments.iterate`."""
        wanted.setdefault("page_size", ITERATED_PAGE_SIZE)

        async def fetch(token: str) -> Page[Experiment]:
            wanted["page_token"] = token
            return await self._send(list_call(**wanted))

        return every_async(fetch)

    async def get(self, experiment_id: str) -> Experiment:
        """As `Experiments.get`."""
        return await self._send(get_call(experiment_id))

    async def by_name(self, name: str) -> Experiment:
        """As `Experiments.by_name`."""
        return await self._send(by_name_call(name))

    async def create(self, name: str, description: str = "", *, return_existing: bool = False) -> Experiment:
        """As `Experiments.create`."""
        return await self._send(create_call(name, description, return_existing=return_existing))

    async def archive(self, experiment_id: str) -> Experiment:
        """As `Experiments.archive`."""
        return await self._send(change_call(experiment_id, "archive"))

    async def unarchive(self, experiment_id: str) -> Experiment:
        """As `Experiments.unarchive`."""
        return await self._send(change_call(experiment_id, "unarchive"))

    async def delete(self, experiment_id: str) -> None:
        """As `Experiments.delete`."""
        await self._send(delete_call(experiment_id))
