"""A filter says the same in Python and in the database's language, whatever it holds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from kfadapter.database.connections import Database
from kfadapter.database.schema import bring_up_to_date
from kfadapter.errors import FilterRefused
from kfadapter.events import log
from kfadapter.events.filters import EventFilter
from kfadapter.events.log_conditions import condition
from kfadapter.events.subscriptions import SubscriptionState
from kfadapter.events.types import EventType
from kfadapter.training.states import RunState
from support.events import everything, new_event
from support.ledgers import new_database

NAMES = ["", "a", "A", "b", "%", "_", "a'b", "ß", "p-1", "\x00"]
STATES = ["", "RUNNING", "FAILED", "failed", "Succeeded"]
PATTERNS = ["*", "run.*", "org.kfadapter.run.*", "*.finished", "run.finished", "trainingjob.*", "*task*"]

names = st.sampled_from(NAMES)
wanted = st.lists(st.sampled_from([name for name in NAMES if name]), max_size=3)
new_events = st.builds(
    new_event,
    st.sampled_from(["s", "t"]),
    st.sampled_from(list(EventType)),
    run_id=names,
    job_id=names,
    pipeline_id=names,
    pipeline_name=names,
    experiment_id=names,
    experiment_name=names,
    state=st.sampled_from(STATES),
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "types": st.lists(st.sampled_from(PATTERNS), max_size=2),
        "runs": wanted,
        "jobs": wanted,
        "pipelines": wanted,
        "experiments": wanted,
        "states": st.lists(st.sampled_from([state for state in STATES if state]), max_size=2),
    },
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path: Path = tmp_path_factory.mktemp("filters") / "events.sqlite"
    is_file = request.param == "sqlite"
    database = Database(f"sqlite:///{path}" if is_file else new_database(request.getfixturevalue("postgresql")))
    database.open()
    bring_up_to_date(database)
    yield database
    database.close()


@given(events=st.lists(new_events, max_size=8), criteria=filters)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_means_the_same_everywhere(shared: Database, events: list[Any], criteria: dict[str, Any]) -> None:
    wanted_events = EventFilter.of(criteria)

    def found(connection: Connection) -> tuple[list[str], list[str]]:
        before = log.last_position(connection)
        log.append(connection, *events)
        kept = [one for one in everything(connection) if one.position > before]
        assert len(kept) == len(events)
        read = log.read_after(connection, before, 100, condition(wanted_events))
        connection.exec_driver_sql("DELETE FROM events")
        return [one.event_id for one in kept if wanted_events.wants(one)], [one.event_id for one in read]

    with shared.write(is_synced=False) as connection:
        in_python, in_sql = found(connection)
    assert in_python == in_sql


@given(criteria=filters)
def test_a_filter_comes_back_from_its_json(criteria: dict[str, Any]) -> None:
    first = EventFilter.of(criteria)
    assert EventFilter.of(first.to_json()) == first


@pytest.mark.parametrize(
    ("criteria", "reason"),
    [
        ({"types": ["run.finish"]}, r"types: no event has a type like 'run.finish'; there are .*run\.finished"),
        ({"types": "run.*"}, "types: must be a list"),
        ({"types": [""]}, "not empty"),
        ({"jobs": [7]}, "jobs: must be a list of texts"),
        ({"jobs": 7}, "jobs: must be a list of texts"),
        ({"pipeline": ["x"]}, "pipeline: is no criterion of a filter; there are types, pipelines"),
        ({"runs": ["x"] * 101}, "100 are allowed"),
    ],
)
def test_a_filter_that_is_wrong_says_what(criteria: dict[str, Any], reason: str) -> None:
    with pytest.raises(FilterRefused, match=reason):
        EventFilter.of(criteria)


def test_short_and_long_names_of_types_mean_the_same() -> None:
    assert (
        EventFilter.of({"types": ["run.*"]}).wanted_types
        == EventFilter.of({"types": ["org.kfadapter.run.*"]}).wanted_types
    )
    assert EventFilter.of({"types": ["run.finished"]}).wanted_types == {EventType.RUN_FINISHED}


def test_a_state_that_no_event_can_have_is_refused() -> None:
    with pytest.raises(FilterRefused, match="FAILURE"):
        EventFilter.wished({"states": ["failed", "Failure"]})
    known = {state.upper() for kind in (RunState, SubscriptionState) for state in kind}
    assert EventFilter.wished({"states": sorted(known)}).wanted_states == known
