"""Which events somebody wants. Pure; `log_conditions` says the same in SQL."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from kfadapter.errors import FilterRefused
from kfadapter.events.records import Event, clean
from kfadapter.events.types import PREFIX, STATES, EventType, types_like

VALUES_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Wanted are events that meet every criterion given; a criterion is met by any one of its values.

    Attributes:
        types: Types, with or without `org.kfadapter.`; `*` stands for anything: `run.*`, `*.finished`.
        pipelines: Pipelines, by id or name.
        experiments: Experiments, by id or name.
        runs: Runs, by id.
        jobs: Training jobs, by id.
        states: States after the event, in any letter case: `FAILED`.
    """

    types: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    @classmethod
    def of(cls, criteria: Mapping[str, Any]) -> Self:
        """A filter from lists of texts by criterion, as JSON or a query has them.

        Raises:
            FilterRefused: A criterion that there is not, values that are no texts, too many of them, or a type that
                no event can have.
        """
        names = [field.name for field in fields(cls)]
        for name in criteria:
            if name not in names:
                raise FilterRefused(f"filter/{name}", f"is no criterion of a filter; there are {', '.join(names)}")
        return cls(**{name: _texts(name, values) for name, values in criteria.items() if values is not None})

    @classmethod
    def wished(cls, criteria: Mapping[str, Any]) -> Self:
        """A filter that somebody asks for; raises as `of`, and also for a state that no event can have."""
        asked = cls.of(criteria)
        if unknown := sorted(asked.wanted_states - STATES):
            raise FilterRefused("states", f"no event has a state {unknown[0]!r}; there are {', '.join(sorted(STATES))}")
        return asked

    def __post_init__(self) -> None:
        for pattern in self.types:
            if not types_like(pattern):
                known = ", ".join(one.removeprefix(PREFIX) for one in EventType)
                raise FilterRefused("filter/types", f"no event has a type like {pattern!r}; there are {known}")

    def wants(self, event: Event) -> bool:
        """Whether an event meets every criterion."""
        return (
            (not self.types or event.type in self.wanted_types)
            and (not self.runs or event.run_id in self.runs)
            and (not self.jobs or event.job_id in self.jobs)
            and (not self.pipelines or _is_one(self.pipelines, event.pipeline_id, event.pipeline_name))
            and (not self.experiments or _is_one(self.experiments, event.experiment_id, event.experiment_name))
            and (not self.states or event.state.upper() in self.wanted_states)
        )

    @property
    def wanted_types(self) -> frozenset[EventType]:
        """The types that the patterns stand for; empty without patterns."""
        return frozenset().union(*(types_like(pattern) for pattern in self.types))

    @property
    def wanted_states(self) -> frozenset[str]:
        """The states in capitals."""
        return frozenset(state.upper() for state in self.states)

    def to_json(self) -> dict[str, list[str]]:
        """The criteria that are given."""
        return {field.name: list(values) for field in fields(self) if (values := getattr(self, field.name))}


def _texts(name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise FilterRefused(f"filter/{name}", "must be a list of texts")
    texts = tuple(values)
    if not all(isinstance(value, str) and value for value in texts):
        raise FilterRefused(f"filter/{name}", "must be a list of texts that are not empty")
    if len(texts) > VALUES_LIMIT:
        raise FilterRefused(f"filter/{name}", f"has {len(texts)} values; {VALUES_LIMIT} are allowed")
    return tuple(clean(text) for text in texts)


def _is_one(wanted: tuple[str, ...], *names: str) -> bool:
    return any(name in wanted for name in names if name)
