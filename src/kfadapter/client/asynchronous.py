"""`kfadapter.AsyncClient`: the same as `Client`, to be awaited."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from kfadapter.client import kfpverbs, pipelines, versions
from kfadapter.client.errors import RunTimeout
from kfadapter.client.events import AsyncEvents
from kfadapter.client.experiments import AsyncExperiments
from kfadapter.client.kfpverbs import (
    V2beta1ListPipelinesResponse,
    V2beta1ListPipelineVersionsResponse,
    V2beta1Pipeline,
    V2beta1PipelineVersion,
)
from kfadapter.client.pipelines import AsyncPipelines
from kfadapter.client.recurringruns import AsyncRecurringRuns
from kfadapter.client.results import Server
from kfadapter.client.runresults import Run, StartedRun
from kfadapter.client.runs import AsyncRuns
from kfadapter.client.server import server_call
from kfadapter.client.subscriptions import AsyncSubscriptions
from kfadapter.client.synchronous import POLL_SECONDS, TIMEOUT_SECONDS
from kfadapter.client.trainingjobs import AsyncTrainingJobs
from kfadapter.client.transport import AsyncSender, client_options, client_url
from kfadapter.client.versions import AsyncVersions


@dataclass(frozen=True, kw_only=True)
class AsyncRunPipelineResult:
    """A run that was started, as kfp's class of this name."""

    run_id: str
    run_info: StartedRun
    _wait: Callable[[str, float | timedelta | None], Awaitable[Run]] = field(repr=False)

    async def wait_for_run_completion(
        self,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - kfp's own argument
    ) -> Run:
        """As `AsyncClient.wait_for_run_completion`."""
        return await self._wait(self.run_id, timeout)


class AsyncClient:
    """A running adapter.

    Args:
        host: Its address; None: the variable `KFADAPTER_URL`, or `http://127.0.0.1:5001`.
        existing_token: Sent as `Authorization: Bearer …`, for a proxy in front of the adapter.
        timeout_seconds: Limit for each answer, of logs and artifacts for each pause in it.
        headers: Sent with every request.
        verify_ssl: False: certificates are not checked.

    Attributes:
        pipelines, versions, experiments, runs, recurring_runs, training_jobs, events, subscriptions: One for each of
            the adapter's resources.
    """

    def __init__(
        self,
        host: str | None = None,
        *,
        existing_token: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        headers: Mapping[str, str] | None = None,
        verify_ssl: bool = True,
    ) -> None:
        self.url = client_url(host)
        self._http = httpx.AsyncClient(**client_options(self.url, timeout_seconds, headers, existing_token, verify_ssl))
        self._send = AsyncSender(self._http)
        self.pipelines = AsyncPipelines(self._send)
        self.versions = AsyncVersions(self._send)
        self.experiments = AsyncExperiments(self._send)
        self.runs = AsyncRuns(self._send)
        self.events = AsyncEvents(self._send)
        self.subscriptions = AsyncSubscriptions(self._send)
        self.recurring_runs = AsyncRecurringRuns(self._send)
        self.training_jobs = AsyncTrainingJobs(self._send)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def server(self) -> Server:
        """The adapter and the Kubeflow behind it."""
        return await self._send(server_call())

    # What follows is named as in kfp.Client.

    async def list_pipelines(
        self,
        page_token: str = "",
        page_size: int = 10,
        sort_by: str = "",
        filter: str | None = None,
        namespace: str | None = None,
    ) -> V2beta1ListPipelinesResponse:
        """A page of pipelines. `namespace` is the adapter's own setting and not used."""
        return kfpverbs.as_pipelines(
            await self._send(kfpverbs.list_pipelines_call(page_token, page_size, sort_by, filter))
        )

    async def get_pipeline_id(self, name: str) -> str | None:
        """The id of the pipeline that is shown under this name; None when there is none.

        Raises:
            ValueError: There are several.
        """
        return kfpverbs.only_id(name, await self._send(pipelines.list_call(name=name)))

    async def get_pipeline(self, pipeline_id: str) -> V2beta1Pipeline:
        """The pipeline with this id."""
        return kfpverbs.as_pipeline(await self._send(pipelines.get_call(pipeline_id)))

    async def upload_pipeline(
        self,
        pipeline_package_path: str,
        pipeline_name: str | None = None,
        description: str | None = None,
        namespace: str | None = None,
    ) -> V2beta1Pipeline:
        """Upload a package as a new pipeline.

        Raises:
            Conflict: There is a pipeline of that name.
        """
        call = await asyncio.to_thread(
            pipelines.upload_call,
            pipeline_package_path,
            name=pipeline_name or "",
            description=description or "",
            create_only=True,
        )
        return kfpverbs.as_pipeline((await self._send(call)).pipeline)

    async def upload_pipeline_version(
        self,
        pipeline_package_path: str,
        pipeline_version_name: str,
        pipeline_id: str | None = None,
        pipeline_name: str | None = None,
        description: str | None = None,
    ) -> V2beta1PipelineVersion:
        """Upload a package as a version of a pipeline.

        Raises:
            ValueError: Not exactly one of `pipeline_id` and `pipeline_name` is given.
            NotFound: There is no such pipeline.
        """
        kfpverbs.named_once(pipeline_id, pipeline_name)
        known = pipeline_id or (await self._send(pipelines.by_name_call(pipeline_name or ""))).pipeline_id
        call = await asyncio.to_thread(
            versions.upload_call,
            known,
            pipeline_package_path,
            name=pipeline_version_name,
            description=description or "",
        )
        return kfpverbs.as_version((await self._send(call)).version)

    async def get_pipeline_version(self, pipeline_id: str, pipeline_version_id: str) -> V2beta1PipelineVersion:
        """A version with its specification."""
        return kfpverbs.as_version(
            await self._send(versions.get_call(pipeline_id, pipeline_version_id, include_spec=True))
        )

    async def list_pipeline_versions(
        self,
        pipeline_id: str,
        page_token: str = "",
        page_size: int = 10,
        sort_by: str = "",
        filter: str | None = None,
    ) -> V2beta1ListPipelineVersionsResponse:
        """A page of a pipeline's versions with their specifications."""
        call = kfpverbs.list_versions_call(pipeline_id, page_token, page_size, sort_by, filter)
        return kfpverbs.as_versions(await self._send(call))

    async def delete_pipeline(self, pipeline_id: str) -> dict[str, Any]:
        """Delete a pipeline with all its versions."""
        await self._send(pipelines.delete_call(pipeline_id))
        return {}

    async def delete_pipeline_version(self, pipeline_id: str, pipeline_version_id: str) -> dict[str, Any]:
        """Delete a version."""
        await self._send(versions.delete_call(pipeline_id, pipeline_version_id))
        return {}

    async def create_run_from_pipeline_func(
        self,
        pipeline_func: Any,
        arguments: dict[str, Any] | None = None,
        run_name: str | None = None,
        experiment_name: str | None = None,
        namespace: str | None = None,
        pipeline_root: str | None = None,
        enable_caching: bool | None = None,
        cache_key: str | None = None,
        service_account: str | None = None,
        experiment_id: str | None = None,
    ) -> AsyncRunPipelineResult:
        """Compile a pipeline function with kfp, and run it."""
        name, content = await asyncio.to_thread(kfpverbs.compiled, pipeline_func)
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory) / "pipeline.yaml"
            await asyncio.to_thread(place.write_bytes, content)
            return await self.create_run_from_pipeline_package(
                str(place),
                arguments,
                run_name=run_name or kfpverbs.default_run_name(name),
                experiment_name=experiment_name,
                namespace=namespace,
                pipeline_root=pipeline_root,
                enable_caching=enable_caching,
                cache_key=cache_key,
                service_account=service_account,
                experiment_id=experiment_id,
            )

    async def create_run_from_pipeline_package(
        self,
        pipeline_file: str,
        arguments: dict[str, Any] | None = None,
        run_name: str | None = None,
        experiment_name: str | None = None,
        namespace: str | None = None,
        pipeline_root: str | None = None,
        enable_caching: bool | None = None,
        cache_key: str | None = None,
        service_account: str | None = None,
        experiment_id: str | None = None,
    ) -> AsyncRunPipelineResult:
        """Run a compiled pipeline without uploading it; the experiment is created when it is not there."""
        call = await asyncio.to_thread(
            kfpverbs.start_package_call,
            pipeline_file,
            arguments,
            run_name=run_name,
            experiment_name=experiment_name,
            experiment_id=experiment_id,
            pipeline_root=pipeline_root,
            enable_caching=enable_caching,
            cache_key=cache_key,
            service_account=service_account,
        )
        started = await self._send(call)
        return AsyncRunPipelineResult(run_id=started.run_id, run_info=started, _wait=self.wait_for_run_completion)

    async def wait_for_run_completion(
        self,
        run_id: str,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - kfp's own argument
        sleep_duration: float = POLL_SECONDS,
    ) -> Run:
        """Wait until a run has ended, however it ended.

        Args:
            run_id: The run.
            timeout: Seconds, or a duration; None: as long as it takes.
            sleep_duration: Seconds between two looks.

        Raises:
            RunTimeout: It has not ended in time; it goes on.
        """
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        loop = asyncio.get_running_loop()
        limit = None if seconds is None else loop.time() + seconds
        while True:
            run = await self.runs.get(run_id)
            if run.has_ended:
                return run
            if limit is not None and loop.time() + sleep_duration > limit:
                raise RunTimeout(run_id, seconds or 0.0)
            await asyncio.sleep(sleep_duration)
