"""The composition root: builds every part from the settings, opens them in order, closes them in reverse."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from kfadapter import __version__
from kfadapter.clock import Clock, SystemClock
from kfadapter.database.replicas import Replica
from kfadapter.database.schema import Migrated, migrated
from kfadapter.database.transactions import Transactions
from kfadapter.engine.config import EngineSettings, Keeping
from kfadapter.errors import SettingsError
from kfadapter.events.addresses import Addresses
from kfadapter.events.courier import Courier
from kfadapter.events.retention import EventRetention
from kfadapter.events.retries import RetryPolicy
from kfadapter.events.sender import Sender
from kfadapter.events.subscribers import Subscribers
from kfadapter.events.tail import Tail
from kfadapter.kubeflow.catalog import Catalog
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.contents import Contents
from kfadapter.kubeflow.names import PipelineNames
from kfadapter.kubeflow.publishing import Publisher
from kfadapter.lock import exclusive
from kfadapter.runs.room import RunsPace, RunsRoom, furnish
from kfadapter.settings import Settings, container_environment, installer_environment, passed_environment
from kfadapter.training.execution import Executor
from kfadapter.training.jobs import TrainingJobs
from kfadapter.training.launch import Launcher
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_launches import bury
from kfadapter.training.notify_policy import NotifyPolicy
from kfadapter.training.outbox import Outbox
from kfadapter.training.resolution import Resolver
from kfadapter.training.retention import JobRetention
from kfadapter.training.run_report import RunReports
from kfadapter.training.stuck import StuckLimits
from kfadapter.training.stuck_watch import StuckWatch
from kfadapter.training.training_manager import TrainingManager
from kfadapter.training.watcher import Watcher

# Of the time an answer may take, what a launch may use before the caller is told that its outcome is not known yet.
ANSWER_SHARE = 0.8
# What the index of runs calls the embedded engine: its port changes.
EMBEDDED = "embedded"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Service:
    """Every part that answers requests, built and open."""

    settings: Settings
    clock: Clock
    kubeflow: Kubeflow
    pipeline_names: PipelineNames
    publisher: Publisher
    database: Transactions
    catalog: Catalog
    replica: Replica
    ledger: Ledger
    launcher: Launcher
    executor: Executor
    jobs: TrainingJobs
    runs: RunsRoom
    tail: Tail
    sender: Sender
    subscribers: Subscribers
    loops: "Loops"


class Loops:
    """The background loops: each has a name, and the death of one is told to whoever runs the service."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Awaitable[None]) -> None:
        """Run a loop until the service closes."""

        async def run() -> None:
            await work

        self._tasks.append(asyncio.create_task(run(), name=name))

    async def broken(self) -> str:
        """Wait until a loop has died, which none ever should; its name."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = done.pop()
        log.critical(
            "a background loop has ended", action="loop_broken", loop=task.get_name(), exc_info=task.exception()
        )
        return task.get_name()

    async def stop(self) -> None:
        """End all loops; each finishes what must not be interrupted."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def open_service(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Service]:
    """Build and open the whole service; everything is closed in reverse order on leaving.

    Args:
        settings: The settings.
        clock: Replaces the system's clock, for tests.

    Raises:
        SettingsError: The data directory cannot be used.
        DatabaseError: The database cannot be opened.
        EngineError: The embedded engine cannot start.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        stack.enter_context(_data_dir(settings))
        database = await asyncio.to_thread(Transactions.open, settings.ledger_url)
        stack.push_async_callback(asyncio.to_thread, database.close)
        ledger = Ledger(database, policy=_notify_policy(settings))
        replica = _replica(settings, clock, database, ledger)
        loops = Loops()
        kubeflow_url = settings.kubeflow_base_url
        if kubeflow_url is None:
            kubeflow_url = await stack.enter_async_context(_embedded_engine(settings, clock, loops))
        kubeflow = await stack.enter_async_context(
            Kubeflow(
                kubeflow_url,
                timeout_seconds=settings.request_timeout_seconds,
                namespace=settings.kubeflow_namespace,
                clock=clock,
            )
        )
        addresses = Addresses.of(settings.webhook_hosts, settings.webhook_private_networks)
        sender = await stack.enter_async_context(Sender(addresses, timeout_seconds=settings.webhook_timeout_seconds))
        subscribers = Subscribers(database, sender, addresses, clock, source=settings.events_source)
        service = _assembled(settings, clock, kubeflow, database, replica, ledger, loops, sender, subscribers)
        await stack.enter_async_context(_running(service))
        yield service


def migrate_database(settings: Settings) -> Migrated:
    """Bring the database that the settings name to the newest version, without starting anything.

    Raises:
        DatabaseError: A newer version wrote it, or it cannot be used.
    """
    return migrated(settings.ledger_url)


def _notify_policy(settings: Settings) -> NotifyPolicy:
    return NotifyPolicy(
        is_told=settings.training_manager_base_url is not None,
        grace_seconds=settings.notify_grace_seconds,
        answer_seconds=settings.request_timeout_seconds,
    )


def _replica(settings: Settings, clock: Clock, database: Transactions, ledger: Ledger) -> Replica:
    """This process among those on the same database; what a dead one had taken is freed by the rooms' own rules."""
    return Replica(
        database,
        clock,
        name=ledger.claimant,
        version=__version__,
        lease_seconds=settings.replica_lease_seconds,
        bury=(bury,),
        on_burial=ledger.notifications_changed.set,
    )


def _stuck_limits(settings: Settings) -> StuckLimits:
    return StuckLimits(
        pending_seconds=settings.stuck_pending_seconds,
        idle_seconds=settings.stuck_idle_seconds,
        overdue_factor=settings.stuck_overdue_factor,
    )


def _assembled(
    settings: Settings,
    clock: Clock,
    kubeflow: Kubeflow,
    database: Transactions,
    replica: Replica,
    ledger: Ledger,
    loops: "Loops",
    sender: Sender,
    subscribers: Subscribers,
) -> Service:
    answer_seconds = settings.request_timeout_seconds * ANSWER_SHARE
    catalog = Catalog(kubeflow, Contents(kubeflow.versions), clock)
    runs = furnish(kubeflow, database, catalog, clock, _runs_pace(settings, answer_seconds))
    launcher = Launcher(runs.seen, ledger, clock, answer_seconds=answer_seconds)
    return Service(
        settings=settings,
        clock=clock,
        kubeflow=kubeflow,
        pipeline_names=PipelineNames(kubeflow, clock),
        publisher=Publisher(kubeflow),
        database=database,
        catalog=catalog,
        replica=replica,
        ledger=ledger,
        launcher=launcher,
        executor=Executor(kubeflow, Resolver(kubeflow, clock), launcher),
        jobs=TrainingJobs(kubeflow.runs, ledger, clock),
        runs=runs,
        tail=Tail(database, clock, source=settings.events_source),
        sender=sender,
        subscribers=subscribers,
        loops=loops,
    )


def _runs_pace(settings: Settings, answer_seconds: float) -> RunsPace:
    return RunsPace(
        source=settings.kubeflow_base_url or EMBEDDED,
        poll_seconds=settings.poll_seconds,
        answer_seconds=answer_seconds,
        lookup_seconds=settings.launch_lookup_seconds,
    )


def engine_settings(settings: Settings, data_dir: Path, *, host: str, port: int) -> EngineSettings:
    """What the embedded engine is told; it never reads the environment itself."""
    return EngineSettings(
        data_dir=data_dir,
        host=host,
        port=port,
        task_slots=settings.engine_task_slots,
        log_limit_bytes=settings.engine_log_limit_bytes,
        output_limit_bytes=settings.engine_output_limit_bytes,
        grace_seconds=settings.engine_grace_seconds,
        run_timeout_seconds=settings.engine_run_timeout_seconds,
        install_timeout_seconds=settings.engine_install_timeout_seconds,
        installer_environment=installer_environment(),
        task_environment=passed_environment(settings.engine_pass_env),
        package_urls=settings.engine_package_urls,
        keeping=Keeping(
            runs_days=settings.engine_keep_runs_days,
            runs=settings.engine_keep_runs,
            runs_bytes=settings.engine_keep_runs_bytes,
            environments_days=settings.engine_keep_environments_days,
            environments_bytes=settings.engine_keep_environments_bytes,
            results_days=settings.engine_keep_results_days,
            results_bytes=settings.engine_keep_results_bytes,
        ),
        cache=settings.engine_cache == "on",
        cache_expiry_seconds=settings.engine_cache_expiry_seconds,
        containers=settings.engine_containers,
        container_environment=container_environment(),
        secrets_dir=settings.engine_secrets_dir,
        config_maps_dir=settings.engine_config_maps_dir,
        interpreters=dict(one.split("=", 1) for one in settings.engine_interpreters),
    )


@asynccontextmanager
async def _embedded_engine(settings: Settings, clock: Clock, loops: Loops) -> AsyncIterator[str]:
    from kfadapter.engine.server import EngineServer  # not loaded beside a real Kubeflow

    config = engine_settings(settings, settings.data_dir / "engine", host="127.0.0.1", port=settings.engine_port)
    async with EngineServer(config, clock=clock) as server:
        loops.start("engine", server.wait())
        yield server.base_url


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[None]:
    """The loops, from the recovery of what an earlier process left open to their end."""
    settings, ledger, clock, loops = service.settings, service.ledger, service.clock, service.loops
    watcher = Watcher(
        service.runs.seen,
        ledger,
        clock,
        poll_seconds=settings.poll_seconds,
        lost_after_seconds=settings.lost_after_seconds,
        lookup_seconds=settings.launch_lookup_seconds,
        leads=lambda: service.replica.leads,
    )
    stuck = StuckWatch(
        service.kubeflow.runs,
        ledger,
        clock,
        limits=_stuck_limits(settings),
        stops=settings.stuck_stop,
        leads=lambda: service.replica.leads,
    )
    retention = JobRetention(ledger, clock, keep_days=settings.keep_jobs_days, leads=lambda: service.replica.leads)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.runs.index.close)
        stack.push_async_callback(loops.stop)
        stack.push_async_callback(service.runs.starter.close)
        loops.start("replica", service.replica.run())
        loops.start("launcher", service.launcher.run())
        loops.start("watcher", watcher.run())
        loops.start("run-index", service.runs.indexer.run())
        loops.start("run-starts", service.runs.settler.run())
        loops.start("stuck", stuck.run())
        await _start_events(service)
        loops.start("job-retention", retention.run())
        if (url := settings.training_manager_base_url) is not None:
            training_manager = TrainingManager(url, settings.notify_timeout_seconds)
            await stack.enter_async_context(training_manager)
            stack.push_async_callback(loops.stop)
            reports = RunReports(service.kubeflow.runs, service.kubeflow.tasks)
            loops.start("outbox", Outbox(ledger, training_manager, clock, reports=reports).run())
        yield


async def _start_events(service: Service) -> None:
    """The loops of the events; the tail has begun before anybody can ask it."""
    settings, database, clock = service.settings, service.database, service.clock
    policy = RetryPolicy(
        give_up_after=timedelta(days=settings.webhook_give_up_days),
        disable_after=timedelta(days=settings.webhook_disable_days),
    )
    courier = Courier(database, service.tail, service.sender, clock, source=settings.events_source, policy=policy)
    kept_for = timedelta(days=settings.events_kept_days)
    retention = EventRetention(database, clock, kept_for=kept_for, kept_count=settings.events_kept_count)
    await service.tail.advance()
    service.loops.start("events", service.tail.run())
    service.loops.start("courier", courier.run())
    service.loops.start("event-retention", retention.run())


@contextmanager
def _data_dir(settings: Settings) -> Iterator[None]:
    """The data directory, taken: a second service on one SQLite ledger would take over what this one is doing.

    Raises:
        SettingsError: It cannot be made, or another service works on it.
    """
    place = settings.data_dir
    with ExitStack() as stack:
        try:
            place.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive(place / "service.lock"))
        except BlockingIOError as exc:
            raise SettingsError("KFADAPTER_DATA_DIR", f"another service works on {place}") from exc
        except OSError as exc:
            raise SettingsError("KFADAPTER_DATA_DIR", f"{place}: {exc.strerror}") from exc
        yield
