"""The index itself, on both databases: pages, lease, what overwrites what, and keys of starts."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kfadapter.database.transactions import Transactions
from kfadapter.errors import BadPageToken, IdempotencyKeyReused, LeaseLost
from kfadapter.events.types import EventType
from kfadapter.kubeflow.resources import Run
from kfadapter.runs.index import RunIndex
from kfadapter.runs.indexing import NEVER
from kfadapter.runs.queries import RunQuery, read_filter
from kfadapter.runs.starts import NewStart, StartBook, StartState
from kfadapter.testing.clock import ManualClock
from support.events import everything
from support.ledgers import new_database, postgresql_server

START = datetime(2030, 1, 1, tzinfo=UTC)
COUNT = 230


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql_server(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Transactions]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'index.sqlite'}"
    else:
        url = new_database(request.getfixturevalue("postgresql"))
    with Transactions.open(url) as opened:
        yield opened


@pytest.fixture
async def index(database: Transactions) -> RunIndex:
    index = RunIndex(database, ManualClock())
    await index.saw([run(number) for number in range(COUNT)], asked_at=START, news_since=NEVER)
    things = await index.unnamed(100)
    await index.named({one.number: f"{one.kind} {one.id}" for one in things})
    await index.label("run-0007", {"team": "radio", "odd": "100%_sure"})
    await index.label("run-0009", {"team": "core"})
    return index


def run(number: int, **more: Any) -> Run:
    created = START + timedelta(seconds=number // 3)  # several a second
    return Run.from_json(
        {
            "run_id": f"run-{number:04}",
            "display_name": f"Name {number % 10}_{number}",
            "state": "FAILED" if number % 7 == 0 else "SUCCEEDED",
            "storage_state": "ARCHIVED" if number % 11 == 0 else "AVAILABLE",
            "created_at": created.isoformat(),
            "finished_at": (created + timedelta(seconds=60 - number % 50)).isoformat(),
            "experiment_id": f"e{number % 2}",
            "pipeline_version_reference": {"pipeline_id": f"p{number % 3}", "pipeline_version_id": f"v{number % 6}"},
            **more,
        }
    )


async def every(index: RunIndex, query: RunQuery, size: int = 17) -> list[str]:
    met: list[str] = []
    token = ""
    while True:
        page = await index.page(query, page_size=size, page_token=token)
        met += [row.run_id for row in page.items]
        token = page.next_page_token
        if not token:
            return met


@pytest.mark.parametrize("sort_by", ["created_at", "finished_at", "name", "state"])
@pytest.mark.parametrize("is_descending", [True, False])
async def test_every_order_meets_every_run_once(index: RunIndex, sort_by: str, is_descending: bool) -> None:
    met = await every(index, RunQuery(sort_by=sort_by, is_descending=is_descending))
    assert len(met) == len(set(met)) == COUNT
    if sort_by == "created_at":
        assert met == sorted(met, reverse=is_descending)


def predicates(*raw: str) -> Any:
    return read_filter('{"predicates": [' + ", ".join(raw) + "]}")


QUERIES: dict[str, tuple[dict[str, Any], Any]] = {
    "pipeline": ({"pipeline": "p1"}, lambda n: n % 3 == 1),
    "pipeline by name": ({"pipeline": "pipeline p1"}, lambda n: n % 3 == 1),
    "version and experiment": ({"version": "v4", "experiment": "e0"}, lambda n: n % 6 == 4),
    "states": ({"states": ("FAILED", "CANCELED")}, lambda n: n % 7 == 0),
    "state, by name": ({"states": ("FAILED",), "sort_by": "name"}, lambda n: n % 7 == 0),
    "archived of a pipeline": ({"archived": True, "pipeline": "p0"}, lambda n: n % 11 == 0 and n % 3 == 0),
    "text": ({"text": "NAME 3_"}, lambda n: n % 10 == 3),
    "text and pipeline": ({"text": "name 3_", "pipeline": "p0"}, lambda n: n % 10 == 3 and n % 3 == 0),
    "label": ({"labels": {"team": "radio"}}, lambda n: n == 7),
    "any value of a label": ({"labels": {"team": None}}, lambda n: n in (7, 9)),
    "times": (
        {"created_after": START + timedelta(seconds=10), "created_before": START + timedelta(seconds=20)},
        lambda n: 10 <= n // 3 < 20,
    ),
    "prefix": ({"id_prefix": "run-002"}, lambda n: 20 <= n < 30),
    "not equal": (
        {"predicates": predicates('{"operation":"NOT_EQUALS","key":"state","string_value":"FAILED"}')},
        lambda n: n % 7 != 0,
    ),
    "in, and at most": (
        {
            "predicates": predicates(
                '{"operation":"IN","key":"pipeline_id","string_values":{"values":["p0","p1"]}}',
                '{"operation":"LESS_THAN_EQUALS","key":"created_at","timestamp_value":"2030-01-01T00:00:05Z"}',
            )
        },
        lambda n: n % 3 in (0, 1) and n // 3 <= 5,
    ),
    "label predicate": (
        {"predicates": predicates('{"operation":"IS_SUBSTRING","key":"labels.odd","string_value":"100%_"}')},
        lambda n: n == 7,
    ),
    "storage state": (
        {"predicates": predicates('{"operation":"EQUALS","key":"storage_state","string_value":"ARCHIVED"}')},
        lambda n: n % 11 == 0,
    ),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_finds_exactly_what_it_says(index: RunIndex, name: str) -> None:
    parts, is_wanted = QUERIES[name]
    met = await every(index, RunQuery(**parts))
    assert sorted(met) == [f"run-{number:04}" for number in range(COUNT) if is_wanted(number)]


async def test_a_token_of_another_query_is_refused(index: RunIndex) -> None:
    token = (await index.page(RunQuery(), page_size=5)).next_page_token
    with pytest.raises(BadPageToken):
        await index.page(RunQuery(pipeline="p0"), page_size=5, page_token=token)


async def test_an_older_answer_never_overwrites_a_newer_one(index: RunIndex) -> None:
    await index.saw([run(1, state="FAILED")], asked_at=START + timedelta(seconds=9))
    await index.saw([run(1, state="RUNNING")], asked_at=START + timedelta(seconds=8))
    assert (await index.rows(["run-0001"]))["run-0001"].state == "FAILED"
    await index.saw([run(1, state="RUNNING")], asked_at=START + timedelta(seconds=10))
    assert (await index.rows(["run-0001"]))["run-0001"].state == "RUNNING"


async def test_one_process_fills_the_index_at_a_time(database: Transactions) -> None:
    clock = ManualClock()
    one, other = RunIndex(database, clock), RunIndex(database, clock)
    until = clock.now() + timedelta(seconds=30)
    assert await one.claim("here", until=until) is not None
    if database.is_sqlite:  # a file belongs to one process: the other one is dead
        return
    assert await other.claim("here", until=until) is None
    clock.advance(31)
    assert await other.claim("here", until=clock.now() + timedelta(seconds=30)) is not None
    with pytest.raises(LeaseLost):
        await one.advance(is_complete=True)


async def test_a_key_belongs_to_one_request_and_may_be_used_again_after_a_refusal(database: Transactions) -> None:
    book = StartBook(database, ManualClock())
    first = await book.intend(NewStart(run_id="a", digest="x", request={}, key="k", labels={"team": "radio"}))
    assert (await book.intend(NewStart(run_id="b", digest="x", request={}, key="k"))).run_id == first.run_id == "a"
    with pytest.raises(IdempotencyKeyReused):
        await book.intend(NewStart(run_id="c", digest="y", request={}, key="k"))
    await book.settle("a", StartState.REFUSED, "no")
    assert (await book.intend(NewStart(run_id="d", digest="x", request={}, key="k"))).run_id == "d"
    assert await RunIndex(database, ManualClock()).labels(["a"]) == {}


async def test_a_run_that_comes_after_its_key_was_used_again_is_to_be_ended(database: Transactions) -> None:
    clock = ManualClock()
    book = StartBook(database, clock)
    await book.intend(NewStart(run_id="a", digest="x", request={}, key="k"))
    await book.settle("a", StartState.UNCERTAIN, "cut")
    await book.settle("a", StartState.NOT_STARTED, "cut")
    await book.intend(NewStart(run_id="b", digest="x", request={}, key="k"))
    assert [(one.run_id, one.state) for one in await book.unsettled(5)] == [("a", StartState.ABANDONED)]


async def test_a_run_that_was_just_started_here_is_told_of_although_it_is_on_a_page_of_the_past(
    database: Transactions,
) -> None:
    index = RunIndex(database, ManualClock())
    index.will_see(run(1), asked_at=START)
    await index.saw([run(1), run(2)], asked_at=START, news_since=NEVER)
    told = await database.write(everything)
    assert {event.run_id for event in told} == {"run-0001"}
    assert EventType.RUN_CREATED in {event.type for event in told}
