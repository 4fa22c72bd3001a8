"""The OpenAPI document of events and subscriptions against what is served: no 5xx, and only the shapes it tells."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter
from support.events import add, new_event
from support.receivers import Receiver

EXAMPLES = 25
CHECKED = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningAdapter, dict[str, str]]]:
    settings = {"webhook_private_networks": ("127.0.0.0/8",)}
    directory = tmp_path_factory.mktemp("data")
    with (
        FakeKubeflow() as fake,
        Receiver() as receiver,
        RunningAdapter(directory, kubeflow_url=fake.url, **settings) as adapter,
    ):
        made = adapter.http.post("/v1/subscriptions", json={"url": receiver.url}).json()
        adapter.call(add(adapter.service.database, new_event("r-1")))
        receiver.wait_for(1)
        yield adapter, {"subscription_id": made["subscription_id"], "delivery_id": "1", "run_id": "r-1"}


# The adapter runs in this process and draws its jitter while cases are made.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.timeout(600)
def test_whatever_is_sent_is_answered_as_described(running: tuple[RunningAdapter, dict[str, str]]) -> None:
    adapter, ids = running
    schema: Any = schemathesis.openapi.from_url(f"{adapter.url}/v1/openapi.json")
    operations = [one.ok() for one in schema.include(path_regex=r"^/v1/(subscriptions|events)").get_all_operations()]
    assert len(operations) == 15
    for operation in operations:
        _try(operation, adapter, ids)


def _try(operation: Any, adapter: RunningAdapter, ids: dict[str, str]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), is_there=strategies.booleans())
    def sends(case: Any, is_there: bool) -> None:
        for name in set(case.path_parameters or {}) & set(ids):
            if is_there and case.method != "DELETE":
                case.path_parameters[name] = ids[name]
        answer = case.call(base_url=adapter.url, headers={"accept": "application/json"})
        case.validate_response(answer, checks=CHECKED)

    sends()
