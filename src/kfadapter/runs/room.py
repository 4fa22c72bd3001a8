"""The room's parts, put together: what the API and the loops of the service use."""

from dataclasses import dataclass

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.kubeflow.catalog import Catalog
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.runs.again import Again
from kfadapter.runs.artifacts import RunArtifacts
from kfadapter.runs.changes import RunChanges
from kfadapter.runs.details import RunReader
from kfadapter.runs.effective import ArgumentReader
from kfadapter.runs.failures import FailureReader
from kfadapter.runs.index import RunIndex
from kfadapter.runs.index_tasks import TaskWatch
from kfadapter.runs.indexing import Indexer
from kfadapter.runs.introductions import Introductions
from kfadapter.runs.logs import TaskLogs
from kfadapter.runs.naming import ThingNames
from kfadapter.runs.recurring import Recurring
from kfadapter.runs.settling import Settler
from kfadapter.runs.sightings import SeenRuns
from kfadapter.runs.starting import Starter
from kfadapter.runs.starts import StartBook
from kfadapter.runs.waiting import RunWatch


@dataclass(frozen=True, kw_only=True)
class RunsRoom:
    """Runs as data.

    Attributes:
        seen: Kubeflow's runs for those who watch and launch: what they are shown is indexed.
        indexer, settler: Loops.
    """

    index: RunIndex
    seen: SeenRuns
    names: ThingNames
    arguments: ArgumentReader
    reader: RunReader
    logs: TaskLogs
    artifacts: RunArtifacts
    watch: RunWatch
    book: StartBook
    starter: Starter
    again: Again
    changes: RunChanges
    recurring: Recurring
    indexer: Indexer
    settler: Settler


@dataclass(frozen=True, kw_only=True)
class RunsPace:
    """How often Kubeflow is asked, and for how long.

    Attributes:
        source: Which Kubeflow it is; the index belongs to one.
        poll_seconds: Between two looks at the same thing.
        answer_seconds: Until a caller is answered.
        lookup_seconds: Until a run that cannot be found was not started.
    """

    source: str
    poll_seconds: float
    answer_seconds: float
    lookup_seconds: float


def furnish(kubeflow: Kubeflow, database: Transactions, catalog: Catalog, clock: Clock, pace: RunsPace) -> RunsRoom:
    """Build every part."""
    index = RunIndex(database, clock, Introductions(kubeflow, database, clock))
    seen = SeenRuns(kubeflow.runs, index, clock)
    names = ThingNames(kubeflow, index)
    logs = TaskLogs(kubeflow, clock, poll_seconds=pace.poll_seconds)
    book = StartBook(database, clock)
    failures = FailureReader(kubeflow, logs, clock)
    arguments = ArgumentReader(catalog)
    reader = RunReader(kubeflow, index, arguments, failures, names, book, clock)
    starter = Starter(kubeflow, seen, catalog, book, clock, answer_seconds=pace.answer_seconds)
    tasks = TaskWatch(kubeflow, database, clock)
    recurring = Recurring(kubeflow, database, starter, clock)
    return RunsRoom(
        index=index,
        seen=seen,
        names=names,
        arguments=arguments,
        reader=reader,
        logs=logs,
        artifacts=RunArtifacts(kubeflow, reader),
        watch=RunWatch(kubeflow, clock, poll_seconds=pace.poll_seconds),
        book=book,
        starter=starter,
        again=Again(kubeflow, reader, starter, index),
        changes=RunChanges(kubeflow, reader, index, clock),
        recurring=recurring,
        indexer=Indexer(kubeflow, index, seen, tasks, clock, source=pace.source, call_seconds=pace.poll_seconds),
        settler=Settler(
            seen, book, recurring, clock, lookup_seconds=pace.lookup_seconds, poll_seconds=pace.poll_seconds
        ),
    )
