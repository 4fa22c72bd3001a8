"""`/v1/experiments` in front of each kind of Kubeflow."""

from contract.test_v1_pipelines import NOWHERE, predicate, problem
from support.adapter import RunningAdapter


def test_an_experiment_is_created_found_archived_and_deleted(any_adapter: RunningAdapter) -> None:
    http = any_adapter.http
    made = http.post("/v1/experiments", json={"display_name": "team/a", "description": "why"})
    assert made.status_code == 201
    experiment_id = made.json()["experiment_id"]
    assert made.json()["storage_state"] == "AVAILABLE"
    assert http.get("/v1/experiments/by-name/team/a").json() == http.get(f"/v1/experiments/{experiment_id}").json()
    assert http.post(f"/v1/experiments/{experiment_id}:archive").json()["storage_state"] == "ARCHIVED"
    assert http.post(f"/v1/experiments/{experiment_id}:unarchive").json()["storage_state"] == "AVAILABLE"
    assert http.delete(f"/v1/experiments/{experiment_id}").status_code == 204
    problem(http.get(f"/v1/experiments/{experiment_id}"), 404, "not-found")


def test_a_taken_name_is_a_conflict_unless_the_one_there_will_do(any_adapter: RunningAdapter) -> None:
    first = any_adapter.http.post("/v1/experiments", json={"display_name": "e"}).json()
    problem(any_adapter.http.post("/v1/experiments", json={"display_name": "e"}), 409, "conflict")
    again = any_adapter.http.post("/v1/experiments", json={"display_name": "e", "if_exists": "return"})
    assert (again.status_code, again.json()) == (200, first)


def test_lists_filter_and_page(any_adapter: RunningAdapter) -> None:
    for name in ("a1", "a2", "b1"):
        any_adapter.http.post("/v1/experiments", json={"display_name": name})
    body = any_adapter.http.get("/v1/experiments", params={"text": "a", "page_size": 1, "sort_by": "name"}).json()
    assert body["next_page_token"]
    body = any_adapter.http.get("/v1/experiments", params={"filter": predicate("name", "EQUALS", "b1")}).json()
    assert [one["display_name"] for one in body["experiments"]] == ["b1"]


def test_unknown_experiments_are_not_found_though_kubeflow_nods(any_adapter: RunningAdapter) -> None:
    problem(any_adapter.http.post(f"/v1/experiments/{NOWHERE}:archive"), 404, "not-found")
    problem(any_adapter.http.get("/v1/experiments/by-name/nobody"), 404, "name-not-found")
    problem(any_adapter.http.delete(f"/v1/experiments/{NOWHERE}"), 404, "not-found")


def test_a_bad_body_is_told_with_pointers(any_adapter: RunningAdapter) -> None:
    body = problem(any_adapter.http.post("/v1/experiments", json={"display_name": ""}), 422, "invalid-request")
    assert body["errors"][0]["pointer"] == "/body/display_name"


def test_bad_tokens_and_bad_json_are_told_as_such(any_adapter: RunningAdapter) -> None:
    for path in ("/v1/experiments", "/v1/pipelines", "/v1/recurring-runs"):
        problem(any_adapter.http.get(path, params={"page_token": "garbage"}), 400, "bad-page-token")
    form = any_adapter.http.post("/v1/experiments", data={"display_name": "tries"})
    told = "/body: the body has to be sent as application/json; it came as application/x-www-form-urlencoded"
    assert problem(form, 422, "invalid-request")["detail"] == told
    headers = {"Content-Type": "application/json"}
    answer = any_adapter.http.post("/v1/experiments", content=b'{"display_name": oops}', headers=headers)
    body = problem(answer, 422, "invalid-request")
    assert body["errors"] == [{"pointer": "/body", "detail": "it is not JSON: Expecting value (character 17)"}]
