"""Tasks as KFP 2.17 shows them, and as the engine itself shows them."""

from typing import Any

import pytest

from support.engine_api import EngineApi
from support.scripted_supervisor import ScriptedSupervisor
from support.told_run import AFTER, INNER, LOOP, ROOT, definition


async def details(api: EngineApi, run_id: str, **query: str) -> dict[str, dict[str, Any]]:
    run = await api.get(f"/runs/{run_id}", **query)
    return {task["task_id"]: task for task in run["run_details"]["task_details"]}


async def test_a_task_shows_what_a_real_server_shows(api: EngineApi, run_id: str) -> None:
    tasks = await details(api, run_id)
    assert list(tasks) == [ROOT, LOOP, INNER, AFTER]
    assert tasks[ROOT].keys() == {
        "run_id",
        "task_id",
        "display_name",
        "create_time",
        "start_time",
        "state",
        "state_history",
    }
    assert tasks[INNER]["parent_task_id"] == LOOP
    assert "parent_task_id" not in tasks[LOOP]


async def test_an_attempt_that_was_repeated_stands_in_the_history_with_its_error(api: EngineApi, run_id: str) -> None:
    history = (await details(api, run_id))[INNER]["state_history"]
    assert [(entry["state"], entry.get("error", {}).get("message")) for entry in history] == [
        ("RUNNING", None),
        ("RUNNING", "unlucky"),
        ("SUCCEEDED", None),
    ]


async def test_a_failed_task_says_why_and_where_its_log_is(api: EngineApi, run_id: str) -> None:
    failed = (await details(api, run_id))[AFTER]
    assert failed["error"] == {"code": 2, "message": "no luck at all"}
    assert failed["executor_detail"] == {"main_job": f"{AFTER}-0"}


async def test_the_full_view_fills_every_field(api: EngineApi, run_id: str) -> None:
    tasks = await details(api, run_id, view="FULL")
    assert tasks[INNER]["executor_detail"] == {"main_job": f"{INNER}-1", "failed_main_jobs": [f"{INNER}-0"]}
    assert tasks[LOOP]["child_tasks"] == [{"task_id": INNER}, {"task_id": AFTER}]
    assert len(tasks[INNER]["outputs"]["model"]["artifact_ids"]) == 1


async def test_the_full_view_says_why_a_run_ended_also_when_a_task_tells_it(
    api: EngineApi, supervisor: ScriptedSupervisor, run_id: str
) -> None:
    error = {"code": 2, "message": "task after failed: no luck at all"}
    await supervisor.end(run_id, "FAILED", error)
    assert (await api.get(f"/runs/{run_id}", view="FULL"))["error"] == error
    default = await api.get(f"/runs/{run_id}")
    assert "error" not in default
    assert "error" not in default["state_history"][-1]


@pytest.mark.parametrize("view", ["", "BASIC", "DEFAULT", "full", "2"])
async def test_other_views_are_passed_over(api: EngineApi, run_id: str, view: str) -> None:
    assert await api.get(f"/runs/{run_id}", view=view) == await api.get(f"/runs/{run_id}")


async def test_lists_show_tasks_too(api: EngineApi, run_id: str) -> None:
    (run,) = (await api.get("/runs"))["runs"]
    assert {task["task_id"]: task for task in run["run_details"]["task_details"]} == await details(api, run_id)


async def test_the_own_view_has_values_artifacts_and_the_true_parent(api: EngineApi, run_id: str) -> None:
    tasks = {task["task_id"]: task for task in (await api.get(f"/runs/{run_id}/tasks"))["tasks"]}
    task = tasks[INNER]
    assert (tasks[LOOP]["parent_task_id"], task["type"], task["type_attributes"]) == (
        ROOT,
        "RUNTIME",
        {"iteration_index": "0"},
    )
    assert task["inputs"]["parameters"] == [{"parameter_key": "rows", "value": 3}]
    made = {"type": "ITERATOR_OUTPUT", "producer": {"task_name": "train", "iteration": "0"}}
    assert task["outputs"]["parameters"] == [
        {"parameter_key": "score", "value": 0, **made},
        {"parameter_key": "text", "value": "", **made},
    ]
    (artifact,) = task["outputs"]["artifacts"][0]["artifacts"]
    assert (artifact["type"], artifact["metadata"]) == ("Model", {"loss": 0.5})
    assert artifact["uri"] == f"minio://mlpipeline/v2/artifacts/{run_id}/tasks/{INNER}/attempt-1/outputs/model"
    assert (task["attempts"], task["exit_code"], task["log_pod_name"]) == (2, 0, f"{INNER}-1")
    assert await api.get(f"/runs/{run_id}/tasks/{INNER}") == task


async def test_the_own_view_speaks_the_words_of_kfp_3(api: EngineApi, run_id: str) -> None:
    listed = await api.get(f"/runs/{run_id}/tasks")
    tasks = {task["task_id"]: task for task in listed["tasks"]}
    assert {task["type"] for task in tasks.values()} == {"ROOT", "LOOP", "RUNTIME"}
    assert [(entry["state"], entry["runtime_state"]) for entry in tasks.values() if "state" in entry] == [
        ("RUNNING", "RUNNING"),
        ("SUCCEEDED", "SUCCEEDED"),
        ("FAILED", "FAILED"),
    ]
    assert "state" not in tasks[LOOP]
    assert tasks[LOOP]["runtime_state"] == "PENDING"
    assert tasks[LOOP]["type_attributes"] == {"iteration_count": "2"}
    assert tasks[LOOP]["child_tasks"] == [{"task_id": INNER, "name": "train"}, {"task_id": AFTER, "name": "after"}]
    assert tasks[AFTER]["status_metadata"] == {"message": "no luck at all"}
    assert tasks[INNER]["pods"] == [{"name": f"{INNER}-{attempt}", "type": "EXECUTOR"} for attempt in (0, 1)]
    assert tasks[INNER]["scope_path"] == "root.loop.train"


async def test_branches_and_exit_handlers_are_named_as_such(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_id = await api.start_run()
    await supervisor.begin(run_id)
    components = ("comp-condition-branches-1", "comp-condition-2", "comp-exit-handler-1", "comp-conditions")
    for place, component in enumerate(components):
        about = definition(f"{place}{ROOT[1:]}", f"root.t{place}", "dag", component=component)
        await supervisor.tell(run_id, supervisor.event(run_id, "task.created", **about))
    listed = await api.get(f"/runs/{run_id}/tasks")
    assert [task["type"] for task in listed["tasks"]] == ["CONDITION_BRANCH", "CONDITION", "EXIT_HANDLER", "DAG"]


async def test_tasks_are_listed_by_parent_and_in_pages(api: EngineApi, run_id: str) -> None:
    below = await api.get(f"/runs/{run_id}/tasks", parent_id=ROOT)
    assert ([task["task_id"] for task in below["tasks"]], below["total_size"]) == ([LOOP, AFTER], 2)
    found: list[str] = []
    token = ""
    while True:
        page = await api.get(f"/runs/{run_id}/tasks", page_size=3, page_token=token)
        found += [task["task_id"] for task in page["tasks"]]
        assert page["total_size"] == 4
        if not (token := page.get("next_page_token", "")):
            break
    assert found == [ROOT, LOOP, INNER, AFTER]
    for token in ("x", "bnVsbA==", "eyJhZnRlciI6LTF9", "W10="):
        assert (await api.refused("GET", f"/runs/{run_id}/tasks", params={"page_token": token}))[0] == 400


async def test_artifacts_are_told_with_the_tasks_they_belong_to(api: EngineApi, run_id: str) -> None:
    listed = await api.get("/artifacts")
    (artifact,) = listed["artifacts"]
    assert (artifact["name"], artifact["type"], artifact["metadata"]) == ("model", "Model", {"loss": 0.5})
    assert artifact["created_at"]
    assert listed["total_size"] == 1
    assert await api.get(f"/artifacts/{artifact['artifact_id']}") == artifact
    for query in ({"run_ids": run_id}, {"task_ids": [AFTER, INNER]}, {"artifact_ids": artifact["artifact_id"]}):
        (relation,) = (await api.get("/artifact_tasks", **query))["artifact_tasks"]
        assert relation == {
            "id": f"{INNER}/output/model/{artifact['artifact_id']}",
            "artifact_id": artifact["artifact_id"],
            "run_id": run_id,
            "task_id": INNER,
            "key": "model",
            "type": "ITERATOR_OUTPUT",
            "producer": {"task_name": "train", "iteration": "0"},
        }
    assert await api.get("/artifact_tasks", run_ids=run_id, type="OUTPUT") == {}
    assert await api.get("/artifact_tasks", task_ids=AFTER) == {}
    assert (await api.refused("GET", "/artifact_tasks"))[0] == 400


@pytest.mark.parametrize("artifact_id", ["0", "99", "x", "-1", "9" * 30, "\u0663"])
async def test_an_unknown_artifact_is_not_found(api: EngineApi, artifact_id: str) -> None:
    assert (await api.refused("GET", f"/artifacts/{artifact_id}"))[0] == 404


async def test_artifacts_come_in_pages(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_id = await api.start_run()
    await supervisor.begin(run_id)
    about = {"type": {"schemaTitle": "google.VertexModel"}, "metadata": {}}
    made = [{"name": f"a{number}", "uri": f"gs://b/{number}", **about} for number in range(5)]
    await supervisor.tell(
        run_id,
        supervisor.event(run_id, "task.created", **definition(INNER, "root.make", "container")),
        supervisor.event(
            run_id, "task.finished", task_id=INNER, state="SUCCEEDED", outputs={"artifacts": {"list": made}}
        ),
    )
    first = await api.get("/artifacts", page_size=2)
    rest = await api.get("/artifacts", page_size=200, page_token=first["next_page_token"])
    assert [one["name"] for one in first["artifacts"] + rest["artifacts"]] == ["a0", "a1", "a2", "a3", "a4"]
    assert {one["type"] for one in rest["artifacts"]} == {"Artifact"}
    assert {one["schema_title"] for one in rest["artifacts"]} == {"google.VertexModel"}
    tasks = await api.get("/artifact_tasks", run_ids=run_id, page_size=4)
    last = await api.get("/artifact_tasks", run_ids=run_id, page_size=4, page_token=tasks["next_page_token"])
    assert (len(tasks["artifact_tasks"]), len(last["artifact_tasks"]), last["total_size"]) == (4, 1, 5)
    assert "next_page_token" not in last


async def test_unknown_runs_and_tasks_are_not_found(api: EngineApi, run_id: str) -> None:
    assert (await api.refused("GET", "/runs/unknown/tasks"))[0] == 404
    assert (await api.refused("GET", f"/runs/{run_id}/tasks/unknown"))[0] == 404


async def test_a_task_whose_result_came_from_the_cache(api: EngineApi, supervisor: ScriptedSupervisor) -> None:
    run_id = await api.start_run()
    event = supervisor.event
    await supervisor.begin(run_id)
    await supervisor.tell(
        run_id,
        event(run_id, "task.created", **definition(ROOT, "root", "root")),
        event(run_id, "task.created", **definition(AFTER, "root.train", "container", parent_task_id=ROOT)),
        event(
            run_id,
            "task.finished",
            task_id=AFTER,
            state="SUCCEEDED",
            cached=True,
            attempts=0,
            inputs={"parameters": {"rows": 3}, "artifacts": {}},
            outputs={"parameters": {"score": 1}, "artifacts": {}},
            notes=["a note"],
        ),
    )
    detail = (await api.get(f"/runs/{run_id}"))["run_details"]["task_details"][1]
    assert (detail["state"], [one["state"] for one in detail["state_history"]]) == ("SKIPPED", ["SKIPPED"])
    assert {"create_time", "start_time", "end_time"} <= detail.keys()
    assert "executor_detail" not in detail
    native = await api.get(f"/runs/{run_id}/tasks/{AFTER}")
    assert (native["state"], native["runtime_state"], native["cached"]) == ("CACHED", "SUCCEEDED", True)
    assert native["inputs"]["parameters"][0]["value"] == 3
    assert native["notes"] == ["a note"]
    assert "pods" not in native
