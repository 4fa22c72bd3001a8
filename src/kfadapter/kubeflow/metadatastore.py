"""ML Metadata, where KFP 2.x keeps what went into the tasks of a run and what came out of them.

The UI's server hands its calls on as gRPC-web at `/ml_metadata.MetadataStoreService/`, beside the API and not below
`/pipeline`; some proxies have it below as well. The bare API server has none of it. A run costs four calls, however
many tasks it has.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from yarl import URL

from kfadapter.clock import Clock
from kfadapter.errors import (
    KubeflowError,
    KubeflowInterrupted,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowTimeout,
    KubeflowUnavailable,
)
from kfadapter.kubeflow.backoff import Deadline
from kfadapter.kubeflow.calls import Call
from kfadapter.kubeflow.connection import HTML_PAGE, Connection
from kfadapter.kubeflow.grpcweb import CONTENT_TYPE, framed, message_of
from kfadapter.kubeflow.metadatamessages import MetadataMessages
from kfadapter.kubeflow.refusals import looks_like_html
from kfadapter.recent import Recent

SERVICE = "/ml_metadata.MetadataStoreService/"
RUN_CONTEXT = "system.PipelineRun"
# ML Metadata's own limit for a page; without options it sends everything at once.
PAGE_SIZE = 100
MOST_PAGES = 100
# So many runs are read at the same time: a store that hangs must not hold the connections that others need.
MOST_AT_ONCE = 8
# A store that is away is not asked again for so long, so that answers without it come quickly.
AWAY_SECONDS = 15.0
NOT_SERVED = frozenset({404, 405, 501})
NO_STORE = (
    "they are in ML Metadata, which the UI's server in front of the API hands on; it is not served at this address"
)
NO_CONTEXT = "ML Metadata knows nothing of this run, or not yet"


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """What ML Metadata has of a run, as it sent it.

    Attributes:
        artifacts: By their ids.
        artifact_types: Names of types by their ids, where the artifacts do not name them.
    """

    executions: Sequence[Any] = ()
    events: Sequence[Any] = ()
    artifacts: Mapping[int, Any]
    artifact_types: Mapping[int, str]


class MetadataStore:
    """Reads ML Metadata.

    Args:
        connection: To the API; the store is looked for on the same server.
        clock: Tells how long the store has been away.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._places = places(connection.base_url)
        self._away: Recent[str] = Recent(clock, keep_seconds=AWAY_SECONDS, entries=1)
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._messages: MetadataMessages | None = None

    async def of_run(self, run_id: str, *, within_seconds: float) -> RunRecords:
        """Everything about a run.

        Args:
            within_seconds: For all calls together; waiting for others may take as long once more.

        Raises:
            KubeflowNotFound: There is no store, or it does not know the run.
            KubeflowError: It is away, refuses, or something else answers.
        """
        self._check_away()
        async with self._slot(within_seconds):
            self._check_away()
            return await self._read(run_id, Deadline.after(within_seconds))

    def _check_away(self) -> None:
        if (reason := self._away.get()) is not None:
            raise KubeflowUnavailable(reason)

    @asynccontextmanager
    async def _slot(self, within_seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(within_seconds):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise KubeflowTimeout(f"ML Metadata had no time for this within {within_seconds:g} s") from exc
        try:
            yield
        finally:
            self._slots.release()

    async def _read(self, run_id: str, deadline: Deadline) -> RunRecords:
        context = await self._context(run_id, deadline)
        executions, artifacts = await asyncio.gather(
            self._all("Executions", context.id, deadline), self._all("Artifacts", context.id, deadline)
        )
        events = await self._events([one.id for one in executions], deadline)
        by_id = {one.id: one for one in artifacts}
        by_id |= await self._missing({one.artifact_id for one in events} - by_id.keys(), deadline)
        return RunRecords(
            executions=executions,
            events=events,
            artifacts=by_id,
            artifact_types=await self._types({one.type_id for one in by_id.values() if not one.type}, deadline),
        )

    async def _context(self, run_id: str, deadline: Deadline) -> Any:
        try:
            answer = await self._call("GetContextByTypeAndName", deadline, type_name=RUN_CONTEXT, context_name=run_id)
        except KubeflowNotFound as exc:
            # Also when no run has ever been recorded: then there is no such type of context.
            raise KubeflowNotFound(exc.reason if exc.status in NOT_SERVED else NO_CONTEXT, status=exc.status) from exc
        if not answer.context.id:
            raise KubeflowNotFound(NO_CONTEXT)
        return answer.context

    async def _all(self, what: str, context_id: int, deadline: Deadline) -> list[Any]:
        """Executions or artifacts of a context; a store that sends pages all the same is followed."""
        found: list[Any] = []
        options: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            answer = await self._call(f"Get{what}ByContext", deadline, context_id=context_id, **options)
            found += getattr(answer, what.lower())
            if not answer.next_page_token:
                return found
            options = {"options": {"max_result_size": PAGE_SIZE, "next_page_token": answer.next_page_token}}
        raise KubeflowMalformed(f"ML Metadata's list of {what.lower()} does not end")

    async def _events(self, execution_ids: list[int], deadline: Deadline) -> Sequence[Any]:
        if not execution_ids:
            return ()
        answer = await self._call("GetEventsByExecutionIDs", deadline, execution_ids=execution_ids)
        return list(answer.events)

    async def _missing(self, artifact_ids: Iterable[int], deadline: Deadline) -> dict[int, Any]:
        """Artifacts that a task of this run used, and that do not belong to it."""
        if not (ids := sorted(artifact_ids)):
            return {}
        answer = await self._call("GetArtifactsByID", deadline, artifact_ids=ids)
        return {one.id: one for one in answer.artifacts}

    async def _types(self, type_ids: Iterable[int], deadline: Deadline) -> dict[int, str]:
        """Names of types: old stores do not write them into the artifacts."""
        if not (ids := sorted(type_ids)):
            return {}
        answer = await self._call("GetArtifactTypesByID", deadline, type_ids=ids)
        return {one.id: one.name for one in answer.artifact_types}

    async def _call(self, method: str, deadline: Deadline, **fields: Any) -> Any:
        """One call, at the first place that serves it; that place is asked first from then on."""
        messages = await self._loaded()
        question = framed(messages.new(f"{method}Request", **fields).SerializeToString())
        try:
            content = await self._asked(method, question, deadline)
            return messages.parse(f"{method}Response", content)
        except ValueError as exc:
            raise KubeflowMalformed("ML Metadata answered with something that is not its message") from exc

    async def _loaded(self) -> MetadataMessages:
        """The messages, made when they are first needed: that takes a moment, and many never need them."""
        if self._messages is None:
            self._messages = await asyncio.to_thread(MetadataMessages)
        return self._messages

    async def _asked(self, method: str, question: bytes, deadline: Deadline) -> bytes:
        failures: list[KubeflowError] = []
        for place in self._places:
            try:
                content = await self._asked_at(place, method, question, deadline)
            except _Elsewhere as exc:
                failures.append(exc.error)
                continue
            except (KubeflowUnavailable, KubeflowTimeout, KubeflowInterrupted, KubeflowMalformed) as exc:
                self._away.put(exc.reason)
                raise
            if self._places[0] != place:
                self._places = (place, *(one for one in self._places if one != place))
            return content
        # A login page tells more than a path that is not there.
        error = next((one for one in failures if one.status not in NOT_SERVED), None)
        error = error or KubeflowNotFound(NO_STORE, status=404)
        self._away.put(error.reason)
        raise error

    async def _asked_at(self, place: str, method: str, question: bytes, deadline: Deadline) -> bytes:
        call = Call(
            method="POST",
            path=SERVICE + method,
            query={},
            body=question,
            content_type=CONTENT_TYPE,
            base_url=place,
            is_question=True,
        )
        try:
            answer = await self._connection.ask(call, deadline=deadline)
        except KubeflowError as exc:
            if exc.status in NOT_SERVED or (isinstance(exc, KubeflowMalformed) and exc.status is not None):
                raise _Elsewhere(exc) from exc
            raise
        if looks_like_html(answer.content_type, answer.body):
            raise _Elsewhere(KubeflowMalformed(HTML_PAGE, status=answer.status))
        return message_of(answer.headers, answer.body)


class _Elsewhere(Exception):
    """What answers here is not the store; it may be at the other place."""

    def __init__(self, error: KubeflowError) -> None:
        super().__init__(error.reason)
        self.error = error


def places(base_url: str) -> tuple[str, ...]:
    """Where the store may be, the likeliest first: beside the API's last path segment, then below it.

    >>> places("http://ml-pipeline-ui/pipeline")
    ('http://ml-pipeline-ui', 'http://ml-pipeline-ui/pipeline')
    """
    url = URL(base_url)
    above = str(url.with_path(url.raw_path.rstrip("/").rpartition("/")[0], encoded=True)).rstrip("/")
    return tuple(dict.fromkeys((above, base_url)))
