"""`/v1/pipelines` in front of each kind of Kubeflow."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow import FakeKubeflow
from support.adapter import RunningAdapter

PIPELINES = Path(__file__).parents[1] / "data" / "kfp-conformance" / "pipelines"
HELLO = (PIPELINES / "hello.yaml").read_bytes()
FLOW = (PIPELINES / "control_flow.yaml").read_bytes()
NOWHERE = "00000000-0000-4000-8000-000000000000"


def upload(adapter: RunningAdapter, content: bytes = HELLO, **options: Any) -> dict[str, Any]:
    answer = adapter.http.post("/v1/pipelines", params=options, content=content)
    assert answer.is_success, answer.text
    body: dict[str, Any] = answer.json()
    return body


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["type"]) == (status, f"urn:kfadapter:problem:{kind}"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["detail"]
    return body


def predicate(key: str, operation: str, value: str) -> str:
    return json.dumps({"predicates": [{"key": key, "operation": operation, "string_value": value}]})


def test_a_pipeline_brings_its_latest_version_whole(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, FLOW, name="Flow")
    body = any_adapter.http.get(f"/v1/pipelines/{made['pipeline']['pipeline_id']}").json()
    assert body["display_name"] == "Flow"
    assert body["version_count"] == 1
    assert body["parameters"] == body["latest_version"]["parameters"]
    assert {one["name"]: one["type"] for one in body["parameters"]} == {"names": "LIST", "seed": "NUMBER_INTEGER"}
    latest = body["latest_version"]
    assert latest["spec_name"] == "control-flow"
    assert latest["counts"]["steps"] == len(latest["steps"]) == 9
    assert [image["name"] for image in latest["images"]] == ["python:3.11"]
    assert latest["digest"] == made["version"]["digest"]


def test_a_pipeline_is_found_by_any_of_its_names(any_adapter: RunningAdapter) -> None:
    pipeline_id = upload(any_adapter, FLOW, name="Weekly flow")["pipeline"]["pipeline_id"]
    shown = any_adapter.http.get("/v1/pipelines/by-name/Weekly flow").json()
    assert (shown["pipeline_id"], shown["matched_by"]) == (pipeline_id, "display_name")
    inside = any_adapter.http.get("/v1/pipelines/by-name/control-flow").json()
    assert (inside["pipeline_id"], inside["matched_by"]) == (pipeline_id, "spec_name")
    problem(any_adapter.http.get("/v1/pipelines/by-name/nobody"), 404, "name-not-found")


def test_a_name_that_stands_inside_two_pipelines_is_a_conflict(any_adapter: RunningAdapter) -> None:
    ids = [upload(any_adapter, FLOW, name=name)["pipeline"]["pipeline_id"] for name in ("one", "two")]
    told = problem(any_adapter.http.get("/v1/pipelines/by-name/control-flow"), 409, "name-ambiguous")
    assert all(one in told["detail"] for one in ids)


def test_names_with_slashes_and_signs_are_found(any_adapter: RunningAdapter) -> None:
    for name in ("team/a + b", "100% sure", "a:b", "ünï"):
        made = upload(any_adapter, HELLO, name=name)
        answer = any_adapter.http.get("/v1/pipelines/by-name/" + name.replace("%", "%25"))
        assert answer.json()["pipeline_id"] == made["pipeline"]["pipeline_id"], name


def test_a_full_page_brings_parameters_and_latest_version_of_each(any_adapter: RunningAdapter) -> None:
    upload(any_adapter, FLOW, name="flow")
    upload(any_adapter, HELLO, name="hello")
    upload(any_adapter, HELLO, name="hello", version="second")
    body = any_adapter.http.get("/v1/pipelines", params={"view": "FULL"}).json()
    shown = {one["display_name"]: one for one in body["pipelines"]}
    assert shown["hello"]["version_count"] == 2
    assert shown["hello"]["latest_version"]["display_name"] == "second"
    assert [one["name"] for one in shown["flow"]["parameters"]] == ["names", "seed"]
    assert body["total_size"] == 2


def test_a_full_page_asks_once_for_each_pipeline_and_not_again_at_once(
    fake: FakeKubeflow, adapter: RunningAdapter
) -> None:
    for number in range(30):
        fake.add_pipeline(f"p{number}")
    for _ in range(3):
        assert len(adapter.http.get("/v1/pipelines?view=FULL&page_size=100").json()["pipelines"]) == 30
    assert fake.count("GET", r"/versions") == 30
    assert fake.count("GET", r"/pipelines(\?|$)") == 3


def test_own_writes_show_on_a_full_page_at_once(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="hello")
    path = f"/v1/pipelines/{made['pipeline']['pipeline_id']}/versions"
    assert any_adapter.http.get("/v1/pipelines?view=FULL").json()["pipelines"][0]["version_count"] == 1
    any_adapter.http.post(path, params={"name": "two"}, content=HELLO)
    assert any_adapter.http.get("/v1/pipelines?view=FULL").json()["pipelines"][0]["version_count"] == 2
    assert any_adapter.http.delete(f"{path}/two").status_code == 204
    assert any_adapter.http.get("/v1/pipelines?view=FULL").json()["pipelines"][0]["version_count"] == 1


def test_pages_lead_through_everything_once(any_adapter: RunningAdapter) -> None:
    names = [f"p{number}" for number in range(5)]
    for name in names:
        upload(any_adapter, HELLO, name=name)
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        params: dict[str, Any] = {"page_size": 2, "page_token": token, "sort_by": "display_name"}
        page = any_adapter.http.get("/v1/pipelines", params=params).json()
        found += [one["display_name"] for one in page["pipelines"]]
        token = page["next_page_token"]
    assert found == names


@pytest.mark.parametrize("params", [{"page_size": 0}, {"page_size": 201}, {"page_size": "x"}, {"view": "SOME"}])
def test_wrong_parameters_are_named(adapter: RunningAdapter, params: dict[str, Any]) -> None:
    body = problem(adapter.http.get("/v1/pipelines", params=params), 422, "invalid-request")
    assert body["errors"][0]["pointer"] == f"/query/{next(iter(params))}"


def test_filters_and_shortcuts_select(any_adapter: RunningAdapter) -> None:
    for name in ("qoe-one", "qoe-two", "other"):
        upload(any_adapter, HELLO, name=name)

    def names(**params: str) -> list[str]:
        page = any_adapter.http.get("/v1/pipelines", params={**params, "sort_by": "display_name"})
        return [one["display_name"] for one in page.json()["pipelines"]]

    assert names(text="qoe") == ["qoe-one", "qoe-two"]
    assert names(name="other") == ["other"]
    assert names(filter=predicate("display_name", "EQUALS", "qoe-two")) == ["qoe-two"]
    assert names(text="qoe", filter=predicate("display_name", "NOT_EQUALS", "qoe-one")) == ["qoe-two"]


@pytest.mark.parametrize("text", ["{", "[]", '{"predicates": 1}', '{"predicates": ["x"]}'])
def test_a_filter_of_another_shape_is_refused_without_asking_kubeflow(
    fake: FakeKubeflow, adapter: RunningAdapter, text: str
) -> None:
    before = fake.count("GET", "/pipelines")
    body = problem(adapter.http.get("/v1/pipelines", params={"filter": text}), 400, "bad-filter")
    assert body["errors"][0]["pointer"] == "/query/filter"
    assert fake.count("GET", "/pipelines") == before


def test_a_filter_kubeflow_does_not_know_is_its_refusal(any_adapter: RunningAdapter) -> None:
    answer = any_adapter.http.get("/v1/pipelines", params={"filter": predicate("colour", "EQUALS", "red")})
    problem(answer, 400, "refused-by-kubeflow")


def test_an_unknown_pipeline_is_not_found(any_adapter: RunningAdapter) -> None:
    for pipeline_id in (NOWHERE, "nonsense", "a b", "%2E%2E"):
        problem(any_adapter.http.get(f"/v1/pipelines/{pipeline_id}"), 404, "not-found")


def test_an_upload_takes_the_name_inside_the_package(any_adapter: RunningAdapter) -> None:
    assert upload(any_adapter, FLOW)["pipeline"]["display_name"] == "control-flow"


def test_an_upload_may_be_a_form(any_adapter: RunningAdapter) -> None:
    answer = any_adapter.http.post(
        "/v1/pipelines",
        files={"file": ("x.yaml", HELLO)},
        data={"name": "by form", "version": "v1", "if_changed": "true"},
    )
    assert answer.status_code == 201
    assert answer.json()["pipeline"]["display_name"] == "by form"
    assert answer.json()["version"]["display_name"] == "v1"


def test_versions_are_numbered_or_named_by_the_caller(any_adapter: RunningAdapter) -> None:
    assert upload(any_adapter, HELLO, name="p", version="first")["created"] is True
    assert upload(any_adapter, HELLO, name="p")["version"]["display_name"] == "2"
    assert upload(any_adapter, HELLO, name="p", version="v7")["version"]["display_name"] == "v7"
    taken = any_adapter.http.post("/v1/pipelines", params={"name": "p", "version": "v7"}, content=FLOW)
    problem(taken, 409, "conflict")


def test_the_same_content_is_uploaded_once_when_asked(any_adapter: RunningAdapter) -> None:
    first = upload(any_adapter, HELLO, name="p", if_changed=True)
    answer = any_adapter.http.post("/v1/pipelines", params={"name": "p", "if_changed": True}, content=HELLO)
    assert answer.status_code == 200
    again = answer.json()
    assert again["unchanged"] is True
    assert again["version"]["pipeline_version_id"] == first["version"]["pipeline_version_id"]
    changed = upload(any_adapter, FLOW, name="p", if_changed=True)
    assert changed["unchanged"] is False
    assert changed["version"]["pipeline_version_id"] != first["version"]["pipeline_version_id"]


def test_racing_uploads_of_the_same_content_add_one_version(any_adapter: RunningAdapter) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: upload(any_adapter, HELLO, name="race", if_changed=True), range(6)))
    assert len({one["version"]["pipeline_version_id"] for one in made}) == 1
    assert [one["created"] for one in made].count(True) == 1


def test_racing_uploads_get_a_version_each(any_adapter: RunningAdapter) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: upload(any_adapter, HELLO, name="race"), range(6)))
    assert sorted(one["version"]["display_name"] for one in made) == ["2", "3", "4", "5", "6", "race"]


def test_a_pipeline_may_be_wanted_new(any_adapter: RunningAdapter) -> None:
    upload(any_adapter, HELLO, name="p", create_only=True)
    again = any_adapter.http.post("/v1/pipelines", params={"name": "p", "create_only": True}, content=HELLO)
    problem(again, 409, "conflict")


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [(b"a: [", 422, "package-refused"), (b"", 400, "about:blank"), (b"PK\x03\x04rubbish", 422, "package-refused")],
)
def test_a_bad_package_never_reaches_kubeflow(
    fake: FakeKubeflow, adapter: RunningAdapter, content: bytes, status: int, kind: str
) -> None:
    answer = adapter.http.post("/v1/pipelines?name=p", content=content)
    assert answer.status_code == status
    assert kind in answer.json()["type"]
    assert fake.count("POST") == 0


def test_bad_tags_are_refused(adapter: RunningAdapter) -> None:
    for tags in ("{", "[]", '{"a": 1}'):
        assert adapter.http.post("/v1/pipelines", params={"tags": tags}, content=HELLO).status_code == 400


def test_an_upload_whose_first_version_fails_leaves_no_pipeline_behind(
    fake: FakeKubeflow, adapter: RunningAdapter
) -> None:
    fake.fail(Fault.status(500), method="POST", path="upload_version")
    answer = adapter.http.post("/v1/pipelines?name=p&version=v1", content=HELLO)
    assert answer.status_code == 502
    assert adapter.http.get("/v1/pipelines").json()["pipelines"] == []


def test_deleting_takes_the_versions_along(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    upload(any_adapter, HELLO, name="p")
    path = f"/v1/pipelines/{made['pipeline']['pipeline_id']}"
    version = f"{path}/versions/{made['version']['pipeline_version_id']}"
    assert any_adapter.http.get(f"{version}/parameters").status_code == 200
    assert any_adapter.http.delete(path).status_code == 204
    problem(any_adapter.http.get(path), 404, "not-found")
    problem(any_adapter.http.get(f"{version}/parameters"), 404, "not-found")
    problem(any_adapter.http.delete(path), 404, "not-found")


def test_rename_and_tag_where_kubeflow_can(any_adapter: RunningAdapter) -> None:
    pipeline_id = upload(any_adapter, HELLO, name="p")["pipeline"]["pipeline_id"]
    change = {"display_name": "Shown", "tags": {"stage": "test"}}
    answer = any_adapter.http.patch(f"/v1/pipelines/{pipeline_id}", json=change)
    if answer.status_code == 501:
        body = problem(answer, 501, "not-available-here")
        assert "2.17" in body["detail"]
        shown = any_adapter.http.get(f"/v1/pipelines/{pipeline_id}").json()
        assert shown["tags"] is None
        [gap] = shown["unavailable"]
        assert gap["what"] == "tags"
        assert "2.17" in gap["reason"]
        return
    assert answer.json()["display_name"] == "Shown"
    found = any_adapter.http.get("/v1/pipelines/by-name/Shown").json()
    assert (found["matched_by"], found["tags"]) == ("display_name", {"stage": "test"})
    assert any_adapter.http.get("/v1/pipelines/by-name/p").json()["matched_by"] == "name"


def test_a_change_of_nothing_known_is_refused(adapter: RunningAdapter) -> None:
    answer = adapter.http.patch(f"/v1/pipelines/{NOWHERE}", json={"colour": "red"})
    assert problem(answer, 422, "invalid-request")["errors"][0]["pointer"] == "/body/colour"


def test_validation_creates_nothing(any_adapter: RunningAdapter) -> None:
    good = any_adapter.http.post("/v1/pipelines:validate", content=FLOW).json()
    assert good["valid"] is True
    assert good["summary"]["name"] == "control-flow"
    bad = any_adapter.http.post("/v1/pipelines:validate", content=b"pipelineInfo: {name: X}").json()
    assert bad["valid"] is False
    assert bad["problems"]
    assert any_adapter.http.get("/v1/pipelines").json()["pipelines"] == []


def test_two_versions_are_compared_by_name_or_id(any_adapter: RunningAdapter) -> None:
    made = upload(any_adapter, HELLO, name="p")
    path = f"/v1/pipelines/{made['pipeline']['pipeline_id']}/diff"
    same = any_adapter.http.get(path, params={"from": "p", "to": made["version"]["pipeline_version_id"]}).json()
    assert (same["verdict"], same["from"]) == ("identical", same["to"])
    upload(any_adapter, FLOW, name="p", version="flow")
    body = any_adapter.http.get(path, params={"from": "p"}).json()
    assert body["verdict"] == "breaking" or body["changes"]
    assert body["to"]["name"] == "flow"
    problem(any_adapter.http.get(path, params={"from": "nobody"}), 404, "name-not-found")
    problem(any_adapter.http.get(path), 422, "invalid-request")


def test_a_specification_that_cannot_be_read_does_not_spoil_the_list(
    fake: FakeKubeflow, adapter: RunningAdapter
) -> None:
    pipeline_id = fake.add_pipeline("old", spec={"apiVersion": "argoproj.io/v1alpha1", "root": 7})
    fake.add_pipeline("new")
    shown = {one["name"]: one for one in adapter.http.get("/v1/pipelines?view=FULL").json()["pipelines"]}
    assert shown["old"]["latest_version"]["problem"]
    assert shown["old"]["parameters"] == []
    assert shown["new"]["latest_version"]["problem"] is None
    assert adapter.http.get(f"/v1/pipelines/{pipeline_id}").json()["latest_version"]["problem"]
    problem(adapter.http.get(f"/v1/pipelines/{pipeline_id}/versions/latest/graph"), 422, "package-refused")


def test_a_refused_package_tells_what_kubeflow_may_not_know(any_adapter: RunningAdapter) -> None:
    newer = HELLO + b"\nfutureField: 1\n"
    told = problem(any_adapter.http.post("/v1/pipelines?name=newer", content=newer), 400, "refused-by-kubeflow")
    assert told["detail"].startswith("unknown template format; ")
    assert told["detail"].endswith("may not know futureField")
    made = upload(any_adapter, name="older")["pipeline"]["pipeline_id"]
    again = any_adapter.http.post(f"/v1/pipelines/{made}/versions", content=newer)
    assert "futureField" in problem(again, 400, "refused-by-kubeflow")["detail"]


def test_literals_that_an_old_kubeflow_refuses_are_named(adapter: RunningAdapter, fake: FakeKubeflow) -> None:
    answer = adapter.http.post("/v1/pipelines", content=(PIPELINES / "all_types.yaml").read_bytes())
    if fake.wire.value == "2.17":
        assert answer.status_code == 201
        return
    detail = problem(answer, 400, "refused-by-kubeflow")["detail"]
    assert "this Kubeflow (2.3.0) does not know inputs that allow only certain values" in detail
    assert "KFP has since 2.16: level of root, mode of root" in detail


def test_answers_that_wait_for_kubeflow_in_vain_say_so(make_adapter: Any) -> None:
    with FakeKubeflow() as server:
        adapter = make_adapter(kubeflow_url=server.url, request_timeout_seconds=0.3)
        pipeline_id = upload(adapter, FLOW)["pipeline"]["pipeline_id"]
        server.fail(Fault.hang(), path="/pipelines|/experiments", times=None)
        place = f"/v1/pipelines/{pipeline_id}"
        routes = ["/v1/pipelines", "/v1/pipelines?view=FULL", "/v1/experiments", "/v1/pipelines/by-name/flow", place]
        routes += [f"{place}/versions", f"{place}/diff?from={NOWHERE}"]
        routes += [f"{place}/versions/latest{tail}" for tail in ("", "/spec", "/schema", "/graph.svg", "/preflight")]
        for route in routes:
            told = problem(adapter.http.get(route), 504, "kubeflow-timeout")
            assert told["detail"].startswith("Kubeflow at 127.0.0.1:")
        problem(adapter.http.post("/v1/pipelines", content=HELLO), 504, "kubeflow-timeout")
        assert adapter.http.get("/pipelines").json()["message"].startswith("Kubeflow at 127.0.0.1:")


def test_one_pipeline_that_kubeflow_fails_at_does_not_hide_the_others(
    adapter: RunningAdapter, fake: FakeKubeflow
) -> None:
    broken = fake.add_pipeline("broken")
    fake.add_pipeline("sound")
    boom = Fault.answer(500, '{"code": 13, "message": "boom"}', content_type="application/json")
    fake.fail(boom, path=f"{broken}/versions", times=None)
    page = adapter.http.get("/v1/pipelines", params={"view": "FULL"}).json()
    shown = {one["name"]: one for one in page["pipelines"]}
    assert "parameters" not in shown["broken"]
    assert shown["sound"]["version_count"] == 1
    told = {one["what"]: one["reason"] for one in page["unavailable"]}
    assert told[f"pipelines/{broken}"] == "Kubeflow did not tell its versions: boom"
    problem(adapter.http.get("/v1/pipelines/by-name/nobody"), 404, "name-not-found")
    problem(adapter.http.get(f"/v1/pipelines/{broken}"), 502, "kubeflow-error")
    fake.fail(boom, path="/versions", times=None)
    problem(adapter.http.get("/v1/pipelines", params={"view": "FULL", "name": "broken"}), 502, "kubeflow-error")
