"""A filter of events in the database's own language, so that a page or a catch-up reads only what is wanted."""

from sqlalchemy import ColumnElement, and_, func, or_, true

from kfadapter.database.event_tables import events
from kfadapter.events.filters import EventFilter


def condition(wanted: EventFilter) -> ColumnElement[bool]:
    """What `EventFilter.wants` says of an event, as a condition on `events`."""
    columns = events.c
    parts: list[ColumnElement[bool]] = []
    if wanted.types:
        parts.append(columns.type.in_(sorted(one.value for one in wanted.wanted_types)))
    if wanted.runs:
        parts.append(columns.run_id.in_(wanted.runs))
    if wanted.jobs:
        parts.append(columns.job_id.in_(wanted.jobs))
    if wanted.pipelines:
        values = wanted.pipelines
        parts.append(or_(columns.pipeline_id.in_(values), columns.pipeline_name.in_(values)))
    if wanted.experiments:
        values = wanted.experiments
        parts.append(or_(columns.experiment_id.in_(values), columns.experiment_name.in_(values)))
    if wanted.states:
        parts.append(func.upper(columns.state).in_(sorted(wanted.wanted_states)))
    return and_(true(), *parts)
