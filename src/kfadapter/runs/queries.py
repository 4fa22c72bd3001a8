"""What a list of runs may be asked for, and the tokens that lead from page to page. Pure: no database, no HTTP."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kfadapter.errors import BadPageToken, FilterRefused, QueryRefused
from kfadapter.kubeflow.resources import RUN_STATES

PAGE_SIZE = 50
LARGEST_PAGE = 200

SORTABLE = ("created_at", "finished_at", "name", "state")
OPERATIONS = (
    "EQUALS",
    "NOT_EQUALS",
    "GREATER_THAN",
    "GREATER_THAN_EQUALS",
    "LESS_THAN",
    "LESS_THAN_EQUALS",
    "IN",
    "IS_SUBSTRING",
)
# KFP's names of fields, and what the index calls them.
FILTER_KEYS: Mapping[str, str] = {
    "run_id": "run_id",
    "id": "run_id",
    "name": "name",
    "display_name": "name",
    "state": "state",
    "status": "state",
    "storage_state": "storage_state",
    "created_at": "created_at",
    "scheduled_at": "scheduled_at",
    "finished_at": "finished_at",
    "experiment_id": "experiment_id",
    "pipeline_id": "pipeline_id",
    "pipeline_version_id": "pipeline_version_id",
    "recurring_run_id": "recurring_run_id",
    "training_job_id": "training_job_id",
}
LABEL_KEY = "labels."
TIMES = frozenset({"created_at", "scheduled_at", "finished_at"})
ORDERED = frozenset({"GREATER_THAN", "GREATER_THAN_EQUALS", "LESS_THAN", "LESS_THAN_EQUALS"})
MAX_FILTER = 16 * 1024
MAX_PREDICATES = 32


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """One condition of KFP's filter language.

    Attributes:
        key: What the index calls the field, or `labels.KEY`.
        operation: One of `OPERATIONS`.
        value: A text, a time, or a tuple of texts for IN.
    """

    key: str
    operation: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Which runs are wanted, in which order. Everything given has to hold; several states mean any of them.

    Attributes:
        pipeline, version, experiment: Name or id.
        name, id_prefix: Exactly this name; ids that begin so.
        text: Part of the name, the description or the id; letter case does not count.
        labels: `{key: value}`; None as value: any.
        archived: True: only archived ones; False: only others; None: all.
        sort_by: One of `SORTABLE`.
    """

    pipeline: str | None = None
    version: str | None = None
    experiment: str | None = None
    training_job_id: str | None = None
    recurring_run_id: str | None = None
    states: tuple[str, ...] = ()
    name: str | None = None
    id_prefix: str | None = None
    text: str | None = None
    labels: Mapping[str, str | None] = field(default_factory=dict)
    archived: bool | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    finished_after: datetime | None = None
    finished_before: datetime | None = None
    predicates: tuple[Predicate, ...] = ()
    sort_by: str = "created_at"
    is_descending: bool = True

    @property
    def digest(self) -> str:
        """What page tokens are bound to."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def read_order(sort_by: str) -> tuple[str, bool]:
    """`created_at`, `name desc` … as field and direction; empty: the newest first.

    Raises:
        QueryRefused: It is no order there is.
    """
    words = sort_by.lower().split()
    if not words:
        return "created_at", True
    field_name = "name" if words[0] == "display_name" else words[0]
    if field_name not in SORTABLE or len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
        raise QueryRefused(
            "query/sort_by", f"{sort_by[:80]!r} is no order: one of {', '.join(SORTABLE)}, and then asc or desc"
        )
    return field_name, words[1:] == ["desc"]


def read_filter(text: str) -> tuple[Predicate, ...]:
    """KFP's filter, `{"predicates": [{"operation": …, "key": …, "string_value": …}]}`, as conditions.

    Raises:
        FilterRefused: It is not written so, or names a field or an operation that there is not.
    """
    if not text:
        return ()
    if len(text) > MAX_FILTER:
        raise FilterRefused("query/filter", f"it is longer than {MAX_FILTER} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise FilterRefused("query/filter", f"it is not JSON: {exc}") from exc
    raw = document.get("predicates", []) if isinstance(document, dict) else None
    if not isinstance(raw, list) or set(document) - {"predicates"}:
        raise FilterRefused("query/filter", 'it is an object with one list, "predicates"')
    if len(raw) > MAX_PREDICATES:
        raise FilterRefused("query/filter", f"it has more than {MAX_PREDICATES} predicates")
    return tuple(_predicate(one, f"query/filter/predicates/{place}") for place, one in enumerate(raw))


def _predicate(raw: object, where: str) -> Predicate:
    if not isinstance(raw, dict):
        raise FilterRefused(where, "a predicate is an object")
    fields = {_snake(str(name)): value for name, value in raw.items()}
    operation, given_key = fields.pop("operation", None), fields.pop("key", None)
    if isinstance(operation, int) and not isinstance(operation, bool) and 1 <= operation <= len(OPERATIONS):
        operation = OPERATIONS[operation - 1]
    if operation not in OPERATIONS:
        raise FilterRefused(where, f"its operation is one of {', '.join(OPERATIONS)}")
    key = FILTER_KEYS.get(str(given_key))
    if str(given_key).startswith(LABEL_KEY) and len(str(given_key)) > len(LABEL_KEY):
        key = str(given_key)
    if key is None:
        raise FilterRefused(where, f"runs have no field {str(given_key)[:80]!r}; there are {', '.join(FILTER_KEYS)}")
    return Predicate(key=key, operation=str(operation), value=_value(fields, key, str(operation), where))


def _value(fields: Mapping[str, Any], key: str, operation: str, where: str) -> Any:
    if len(fields) != 1:
        raise FilterRefused(where, "a predicate has exactly one value")
    (kind, value), is_time = next(iter(fields.items())), key in TIMES
    if operation == "IN":
        values = value.get("values") if kind == "string_values" and isinstance(value, dict) else None
        if is_time or not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise FilterRefused(where, 'IN compares texts with {"string_values": {"values": [...]}}')
        return tuple(values)
    if is_time and kind == "timestamp_value" and operation != "IS_SUBSTRING":
        return read_moment(value, where, FilterRefused)
    if is_time or kind != "string_value" or not isinstance(value, str):
        raise FilterRefused(where, f"{key} is compared with {'timestamp_value' if is_time else 'string_value'}")
    if operation in ORDERED and key.startswith(LABEL_KEY):
        raise FilterRefused(where, "labels have no order")
    return value


def read_moment(value: object, where: str, refusal: type[QueryRefused] = QueryRefused) -> datetime:
    """A time of a query: RFC 3339; without a zone it is UTC.

    Raises:
        QueryRefused: It is none.
    """
    try:
        at = datetime.fromisoformat(str(value).strip().replace(" ", "+"))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise refusal(where, f"{str(value)[:60]!r} is no time; write 2026-01-31T12:00:00Z") from exc


def read_states(words: Iterable[str]) -> tuple[str, ...]:
    """States of runs in Kubeflow's words, in any case; each text may hold several, separated by commas.

    Raises:
        QueryRefused: One is no state.
    """
    states = tuple(word.strip().upper() for text in words for word in text.split(",") if word.strip())
    for state in states:
        if state not in RUN_STATES:
            raise QueryRefused("query/state", f"{state[:60]!r} is no state of a run; there are {', '.join(RUN_STATES)}")
    return states


def write_token(query: RunQuery, after: tuple[str, ...]) -> str:
    """The token of the page that follows a row."""
    return base64.urlsafe_b64encode(json.dumps([query.digest, *after]).encode()).decode().rstrip("=")


def read_token(query: RunQuery, token: str) -> tuple[str, ...] | None:
    """The row a page follows; None for the first page.

    Raises:
        BadPageToken: It is none of ours, or belongs to another query.
    """
    if not token:
        return None
    try:
        document = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, binascii.Error, RecursionError) as exc:
        raise BadPageToken(token) from exc
    places = 3 if query.sort_by == "state" else 2
    is_ours = isinstance(document, list) and all(isinstance(one, str) for one in document)
    if not is_ours or len(document) != places + 1 or document[0] != query.digest:
        raise BadPageToken(token)
    return tuple(document[1:])


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
