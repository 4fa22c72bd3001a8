"""Pages of the index of runs: how long does one take at 200,000 runs, by each filter and order?

Fills a database as the service would (SQLite in a temporary directory, `--postgresql` for a server of the tests' wheel,
or `--database-url postgresql://…`), then asks for the first page, a page in the middle and the last one of many
queries, some of them bad cases: a state few runs have, a text no run has, labels that are on many runs and on few.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from kfadapter.clock import SystemClock
from kfadapter.database.transactions import Transactions
from kfadapter.kubeflow.resources import Run
from kfadapter.runs.index import RunIndex
from kfadapter.runs.queries import RunQuery, read_filter, read_order
from support.ledgers import postgresql_server

START = datetime(2025, 1, 1, tzinfo=UTC)
BATCH = 1000
REPEATS = 5
SEED = 7
GOAL_MILLISECONDS = 50


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--database-url", help="in place of SQLite in a temporary directory")
    where.add_argument("--postgresql", action="store_true", help="a server that is started for it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = arguments.database_url or f"sqlite:///{directory / 'index.sqlite'}"
        if arguments.postgresql:
            url = stack.enter_context(postgresql_server(directory))
        database = stack.enter_context(Transactions.open(url))
        asyncio.run(measure(RunIndex(database, SystemClock()), arguments.runs))


async def measure(index: RunIndex, count: int) -> None:
    """All queries, the slowest page of each last."""
    began = time.perf_counter()
    await fill(index, count)
    seconds = time.perf_counter() - began
    print(f"{count} runs indexed in {seconds:.1f} s ({count / seconds:.0f} a second)")
    print(f"{'query':44} {'first':>8} {'middle':>8} {'slowest':>8}  (ms)")
    for name, query in queries().items():
        first, middle, slowest = await times(index, query)
        mark = "" if slowest <= GOAL_MILLISECONDS else "  over the goal"
        print(f"{name:44} {first:8.1f} {middle:8.1f} {slowest:8.1f}{mark}")


async def fill(index: RunIndex, count: int) -> None:
    """Runs of ten pipelines, most of one of them, and labels on some."""
    chance = random.Random(SEED)
    batch: list[Run] = []
    for number in range(count):
        batch.append(Run.from_json(run_json(number, chance)))
        if len(batch) == BATCH or number == count - 1:
            await index.saw(batch, asked_at=datetime.now(UTC))
            batch.clear()
    things = await index.unnamed(1000)
    await index.named({one.number: f"name of {one.kind} {one.number}" for one in things})
    ids = [str(UUID(int=number)) for number in range(count)]
    await index._database.write(label_many, [(one, "team", "radio") for one in ids[::2]])
    await index._database.write(label_many, [(one, "rare", "yes") for one in ids[:: max(1, count // 20)]])


def label_many(connection: Any, labels: list[tuple[str, str, str]]) -> None:
    """Labels as the service keeps them."""
    from kfadapter.database.run_tables import run_labels

    connection.execute(run_labels.insert(), [{"run_id": one, "key": key, "value": value} for one, key, value in labels])


def run_json(number: int, chance: random.Random) -> dict[str, Any]:
    """A run as Kubeflow shows it."""
    created = START + timedelta(seconds=number * 60)
    state = "FAILED" if number % 997 == 0 else "SUCCEEDED"
    pipeline = 0 if chance.random() < 0.8 else chance.randrange(1, 10)
    return {
        "run_id": str(UUID(int=number)),
        "display_name": f"trainingjob-{number % 5000}-{chance.randrange(16**8):08x}",
        "state": state,
        "storage_state": "ARCHIVED" if number % 50 == 0 else "AVAILABLE",
        "created_at": created.isoformat(),
        "finished_at": (created + timedelta(seconds=chance.randrange(10, 3000))).isoformat(),
        "experiment_id": f"experiment-{number % 3}",
        "pipeline_version_reference": {
            "pipeline_id": f"pipeline-{pipeline}",
            "pipeline_version_id": f"version-{pipeline}-{number % 4}",
        },
        "runtime_config": {"parameters": {"epochs": 10, "rate": 0.1, "features": "pdcpBytesDl,pdcpBytesUl"}},
    }


def queries() -> dict[str, RunQuery]:
    """What people ask, and bad cases."""
    asked: dict[str, dict[str, Any]] = {
        "everything": {},
        "a pipeline that most runs have": {"pipeline": "pipeline-0"},
        "a pipeline by name, its failed runs": {"pipeline": "name of pipeline 1", "states": ("FAILED",)},
        "a version and an experiment": {"version": "version-0-1", "experiment": "experiment-2"},
        "failed runs of an experiment": {"states": ("FAILED",), "experiment": "experiment-1"},
        "a state no run has": {"states": ("CANCELED",)},
        "archived runs of a pipeline": {"pipeline": "pipeline-0", "archived": True},
        "a text some runs have": {"text": "job-4999-"},
        "a text no run has": {"text": "nowhere"},
        "a text no run has, of a pipeline": {"text": "nowhere", "pipeline": "pipeline-0"},
        "a label on every second run": {"labels": {"team": "radio"}},
        "a label on few runs": {"labels": {"rare": "yes"}},
        "two labels": {"labels": {"rare": "yes", "team": "radio"}},
        "a label on many, failed, of a pipeline": {
            "labels": {"team": "radio"},
            "states": ("FAILED",),
            "pipeline": "pipeline-0",
        },
        "filter: a label on every second run": {
            "predicates": read_filter(
                '{"predicates":[{"operation":"EQUALS","key":"labels.team","string_value":"radio"}]}'
            )
        },
        "filter: not a label on every second run": {
            "predicates": read_filter(
                '{"predicates":[{"operation":"NOT_EQUALS","key":"labels.team","string_value":"radio"}]}'
            )
        },
        "created in a month": {"created_after": START, "created_before": START + timedelta(days=30)},
        "finished in an hour": {"finished_after": START, "finished_before": START + timedelta(hours=1)},
        "by name": {"sort_by": "name"},
        "by name, failed runs": {"sort_by": "name", "states": ("FAILED",)},
        "by end, of a pipeline": {"sort_by": "finished_at desc", "pipeline": "pipeline-0"},
        "by end, failed runs of a pipeline": {
            "sort_by": "finished_at desc",
            "states": ("FAILED",),
            "pipeline": "pipeline-3",
        },
        "by state": {"sort_by": "state"},
        "filter: not equal, and part of a name": {
            "predicates": read_filter(
                '{"predicates":[{"operation":"NOT_EQUALS","key":"state","string_value":"SUCCEEDED"},'
                '{"operation":"IS_SUBSTRING","key":"name","string_value":"job-4985"}]}'
            )
        },
    }
    return {name: _query(parts) for name, parts in asked.items()}


def _query(parts: dict[str, Any]) -> RunQuery:
    column, is_descending = read_order(str(parts.get("sort_by", "")))
    return RunQuery(**{**parts, "sort_by": column, "is_descending": is_descending})


async def times(index: RunIndex, query: RunQuery) -> tuple[float, float, float]:
    """Medians of the first page and of a later one, and the slowest single answer, in milliseconds."""
    tokens = [""]
    for _ in range(20):
        page = await index.page(query, page_size=200, page_token=tokens[-1])
        if not page.next_page_token:
            break
        tokens.append(page.next_page_token)
    samples = {token: [await seconds(index, query, token) for _ in range(REPEATS)] for token in chosen(tokens)}
    medians = [statistics.median(each) * 1000 for each in samples.values()]
    return medians[0], medians[len(medians) // 2], max(max(each) for each in samples.values()) * 1000


def chosen(tokens: list[str]) -> Iterator[str]:
    """The first, the middle and the last of the pages walked."""
    yield from dict.fromkeys((tokens[0], tokens[len(tokens) // 2], tokens[-1]))


async def seconds(index: RunIndex, query: RunQuery, token: str) -> float:
    """How long one page takes, of the size people are shown."""
    began = time.perf_counter()
    await index.page(query, page_size=50, page_token=token)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
