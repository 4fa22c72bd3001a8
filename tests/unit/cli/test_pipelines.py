"""`kfadapter pipelines` against written answers."""

import json
from pathlib import Path
from typing import Any

import yaml

from unit.cli.conftest import Run, ScriptedAdapter

ID = "6f1c2f6e-2f3c-4f51-9d3e-0c5a1b2c3d4e"
VERSION: dict[str, Any] = {
    "pipeline_version_id": "v-1",
    "pipeline_id": ID,
    "name": "qoe",
    "display_name": "qoe",
    "description": None,
    "created_at": "2025-03-12T09:00:00Z",
    "tags": {},
    "code_source_url": None,
    "digest": "0123456789abcdef" * 4,
    "spec_name": "qoe",
    "sdk_version": "kfp-2.17.0",
    "schema_version": "2.1.0",
    "problem": None,
    "spec_description": "Predicts.",
    "parameters": [
        {
            "name": "kind",
            "type": "STRING",
            "required": False,
            "default": "a",
            "description": "",
            "allowed": ["a", "b"],
        },
        {"name": "note", "type": "STRING", "required": False, "default": None, "description": "", "allowed": None},
        {
            "name": "epochs",
            "type": "NUMBER_INTEGER",
            "required": True,
            "default": None,
            "description": "How often.",
            "allowed": None,
        },
    ],
    "artifacts": [],
    "outputs": {
        "parameters": [],
        "artifacts": [
            {"name": "model", "type": "system.Model", "required": False, "is_list": False, "description": "The best."}
        ],
    },
    "steps": [],
    "images": [{"name": "python:3.11", "steps": ["a", "b", "c", "d", "e"]}],
    "packages": [
        {"text": "pandas>=2", "is_runtime": False, "steps": ["a"]},
        {"text": "kfp==2.17.0", "is_runtime": True, "steps": ["a"]},
    ],
    "counts": {},
}
PIPELINE: dict[str, Any] = {
    "pipeline_id": ID,
    "name": "qoe",
    "display_name": "my qoe",
    "description": None,
    "created_at": "2025-03-12T09:00:00Z",
    "tags": {"team": "ran"},
    "version_count": 1,
    "parameters": VERSION["parameters"],
    "latest_version": VERSION,
    "matched_by": None,
    "unavailable": [{"what": "weather", "reason": "Nothing is told about it."}],
}
VERSIONS: dict[str, Any] = {"pipeline_versions": [VERSION], "next_page_token": None, "total_size": 1, "unavailable": []}


def node(id: str, kind: str = "task", parent: str | None = None, **more: Any) -> dict[str, Any]:
    base = {
        "id": id,
        "name": id,
        "display_name": id,
        "kind": kind,
        "parent": parent,
        "trigger": None,
        "iteration": None,
    }
    return {**base, **more}


GRAPH: dict[str, Any] = {
    "nodes": [
        node("loop", "loop", iteration={"text": "for each item of input sites"}),
        node("last"),
        node("loop.train", parent="loop", trigger={"text": "only if wanted"}),
    ]
}
BELOW = f"/v1/pipelines/{ID}/versions"


def listed(*names: str, description: str | None = None) -> dict[str, Any]:
    return {
        "next_page_token": None,
        "total_size": len(names),
        "pipelines": [
            {
                "pipeline_id": f"id-of-{name}",
                "display_name": name,
                "description": description,
                "created_at": "Wed, 12 Mar 2025 09:00:00 GMT",
            }
            for name in names
        ],
    }


def test_list_prints_one_whole_line_a_pipeline(adapter: ScriptedAdapter, run: Run) -> None:
    long = "a description that goes on " * 20
    adapter.answer("GET /pipelines", listed("first", "second", description=long))
    lines = run("pipelines", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "CREATED", "(UTC)", "DESCRIPTION", "ID"]
    assert [line.split()[0] for line in lines[1:]] == ["first", "second"]
    assert long.strip() in lines[1]
    assert lines[2].endswith("id-of-second")


def test_an_empty_list_says_what_to_do(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /pipelines", listed())
    assert "kfadapter pipelines upload" in run("pipelines", "list").out


def test_names_cannot_command_the_terminal(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /pipelines", listed("evil\x1b[2J\nname[red]"))
    out = run("pipelines", "list").out
    assert "\x1b" not in out
    assert "evil\\x1b[2J name[red]" in out


def answer_page(adapter: ScriptedAdapter, call: str = "GET /v1/pipelines/by-name/my qoe") -> None:
    adapter.answer(call, PIPELINE)
    adapter.answer(f"GET {BELOW}", VERSIONS)
    adapter.answer(f"GET {BELOW}/v-1/graph.json", GRAPH)


def test_show_prints_inputs_with_type_default_and_allowed_values(adapter: ScriptedAdapter, run: Run) -> None:
    answer_page(adapter)
    out = run("pipelines", "show", "my qoe").out
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert rows["epochs"].split() == ["epochs", "NUMBER_INTEGER", "required", "How", "often."]
    assert rows["kind"].split()[1:] == ["STRING", "a", "one", "of", "a,", "b"]
    assert rows["note"].split() == ["note", "STRING", "optional"]
    assert out.index("epochs") < out.index("kind")
    assert rows["model"].split() == ["model", "system.Model", "The", "best."]
    assert rows["created"].split()[1:] == ["2025-03-12", "09:00:00"]
    assert "unique name" in out
    assert "not available: weather: Nothing is told about it." in out


def test_show_prints_steps_as_a_tree_and_what_they_run(adapter: ScriptedAdapter, run: Run) -> None:
    answer_page(adapter)
    lines = run("pipelines", "show", "my qoe").out.splitlines()
    assert "↻ loop  for each item of input sites" in lines
    assert "  • loop.train  only if wanted" in lines
    assert lines.index("  • loop.train  only if wanted") < lines.index("• last")
    assert "python:3.11  a, b, c, d … (5)" in lines
    assert any(line.startswith("pandas>=2") for line in lines)
    assert not any(line.startswith("kfp==") for line in lines)


def test_an_id_is_taken_as_it_is(adapter: ScriptedAdapter, run: Run) -> None:
    answer_page(adapter, f"GET /v1/pipelines/{ID}")
    assert run("pipelines", "show", ID, "--json").code == 0
    assert [target for _, target, _ in adapter.requests] == [f"/v1/pipelines/{ID}"]


def test_a_version_is_shown_by_its_name(adapter: ScriptedAdapter, run: Run) -> None:
    answer_page(adapter, f"GET /v1/pipelines/{ID}")
    adapter.answer(f"GET {BELOW}/by-name/a/b", {**VERSION, "display_name": "a/b"})
    out = run("pipelines", "show", ID, "--version", "a/b").out
    assert "version      a/b" in out


def test_upload_names_the_pipeline_like_the_file_and_sends_its_bytes(
    adapter: ScriptedAdapter, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "my_pipeline.tar.gz"
    file.write_bytes(b"\x00bytes\xff")
    answer = {
        "pipeline": {"pipeline_id": "p", "display_name": "my_pipeline"},
        "version": {"display_name": "2"},
        "unchanged": False,
    }
    adapter.answer("POST /v1/pipelines?name=my_pipeline&description=what+for", answer)
    adapter.answer("POST /v1/pipelines?name=my_pipeline&version=v1&if_changed=true", {**answer, "unchanged": True})
    ended = run("pipelines", "upload", str(file), "--description", "what for")
    assert (ended.code, ended.out) == (0, "my_pipeline has version 2 now (p)\n")
    [(_, _, body)] = adapter.requests
    assert b"\x00bytes\xff" in body
    assert b'name="file"; filename="my_pipeline.tar.gz"' in body
    again = run("pipelines", "upload", str(file), "--version", "v1", "--if-changed")
    assert again.out == "my_pipeline has not changed: it is version 2 (p)\n"


def test_a_graph_goes_to_a_file_or_to_standard_output(adapter: ScriptedAdapter, run: Run, tmp_path: Path) -> None:
    adapter.answer(f"GET {BELOW}/latest/graph.mmd", b"flowchart TD", content_type="text/vnd.mermaid")
    adapter.answer(f"GET {BELOW}/two/graph.svg", b"<svg/>", content_type="image/svg+xml")
    assert run("pipelines", "graph", ID).out == "flowchart TD"
    place = tmp_path / "graph.svg"
    ended = run("pipelines", "graph", ID, "--version", "two", "--format", "svg", "--output", str(place))
    assert (ended.code, place.read_text()) == (0, "<svg/>")
    missing = run("pipelines", "graph", ID, "--output", str(tmp_path / "no" / "where"))
    assert (missing.code, "cannot write" in missing.err) == (1, True)


def test_a_breaking_difference_ends_with_3_where_asked(adapter: ScriptedAdapter, run: Run) -> None:
    body = {
        "from": {"name": "1"},
        "to": {"name": "2"},
        "verdict": "breaking",
        "reasons": ["input word is gone"],
        "counts": {"inputs": 1},
        "changes": {"inputs": [{"key": "word", "kind": "removed", "text": "input word removed"}], "outputs": []},
    }
    adapter.answer(f"GET /v1/pipelines/{ID}/diff?from=1&to=latest", body)
    ended = run("pipelines", "diff", ID, "1")
    assert ended.code == 0
    assert "1 → 2: breaking" in ended.out
    assert "  input word removed" in ended.out
    assert "Outputs" not in ended.out
    assert run("pipelines", "diff", ID, "1", "--exit-code").code == 3


def test_arguments_that_are_not_accepted_end_with_3(adapter: ScriptedAdapter, run: Run) -> None:
    report = {
        "accepted": False,
        "problems": [{"message": "input epochs is missing"}],
        "effective": {},
        "ignored": ["x"],
    }
    adapter.answer(f"POST {BELOW}/latest:checkArguments", report)
    ended = run("pipelines", "check-arguments", ID, "--arg", "x=1=2")
    assert ended.code == 3
    assert "input epochs is missing" in ended.out
    assert adapter.requests[0][2] == b'{"arguments":{"x":"1=2"}}'
    assert run("pipelines", "check-arguments", ID, "--arg", "x").code == 2


def test_a_package_is_validated_without_an_adapter(run: Run, tmp_path: Path) -> None:
    good = Path(__file__).parents[2] / "data" / "kfp-conformance" / "pipelines" / "hello.yaml"
    ended = run("pipelines", "validate", str(good))
    assert (ended.code, ended.out.splitlines()[0]) == (0, "hello.yaml can be uploaded")
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [")
    ended = run("pipelines", "validate", str(bad))
    assert (ended.code, ended.out.startswith("✗ ")) == (3, True)
    assert json.loads(run("pipelines", "validate", str(bad), "--json").out)["valid"] is False


def test_a_remark_that_holds_of_many_steps_is_made_once(run: Run, tmp_path: Path) -> None:
    hello = Path(__file__).parents[2] / "data" / "kfp-conformance" / "pipelines" / "hello.yaml"
    document = yaml.safe_load(hello.read_text())
    tasks = document["root"]["dag"]["tasks"]
    task = next(iter(tasks.values()))
    tasks |= {f"more-{number}": {**task, "taskInfo": {"name": f"more-{number}"}} for number in range(9)}
    many = tmp_path / "many.yaml"
    many.write_text(yaml.safe_dump(document))
    lines = [line for line in run("pipelines", "validate", str(many)).out.splitlines() if "no-memory-limit" in line]
    assert len(lines) == 1
    assert "(10): the step has no limit of memory" in lines[0]
    report = json.loads(run("pipelines", "validate", str(many), "--json").out)
    assert len([remark for remark in report["warnings"] if remark["rule"] == "no-memory-limit"]) == 10


def test_versions_of_many_pages_are_all_listed(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET {BELOW}?page_size=200&page_token=", {**VERSIONS, "next_page_token": "t"})
    adapter.answer(f"GET {BELOW}?page_size=200&page_token=t", VERSIONS)
    assert len(run("pipelines", "versions", ID).out.splitlines()) == 3
    assert len(json.loads(run("pipelines", "versions", ID, "--json").out)["pipeline_versions"]) == 2


def test_the_server_is_shown_with_what_it_cannot_do(adapter: ScriptedAdapter, run: Run) -> None:
    kubeflow = {
        "url": "http://k",
        "kind": "cluster",
        "version": "2.3.0",
        "commit": None,
        "reachable": True,
        "problem": None,
        "proven": True,
        "namespace": None,
    }
    degraded = [{"feature": "tags", "since": "2.17", "detail": "There are no tags."}]
    adapter.answer("GET /v1/server", {"adapter_version": "1", "kubeflow": kubeflow, "degraded": degraded})
    assert "There are no tags." in run("server").out
    for commit, shown in (("kfadapter-0.1.0", "kfadapter-0.1.0"), ("ab" * 20, "ab" * 6)):
        adapter.answers.clear()
        told = {"adapter_version": "1", "kubeflow": {**kubeflow, "commit": commit}, "degraded": []}
        adapter.answer("GET /v1/server", told)
        assert shown in run("server").out.split()
    adapter.answers.clear()
    away = {**kubeflow, "reachable": False, "problem": "nobody answers"}
    adapter.answer("GET /v1/server", {"adapter_version": "1", "kubeflow": away, "degraded": []})
    ended = run("server")
    assert (ended.code, "nobody answers" in ended.out) == (3, True)


def test_experiments_are_created_archived_and_deleted_by_name(adapter: ScriptedAdapter, run: Run) -> None:
    experiment = {
        "experiment_id": ID,
        "display_name": "team/a",
        "description": None,
        "created_at": None,
        "storage_state": "ARCHIVED",
        "last_run_created_at": None,
    }
    adapter.answer("POST /v1/experiments", experiment, status=201)
    adapter.answer("GET /v1/experiments/by-name/team/a", experiment)
    adapter.answer(f"POST /v1/experiments/{ID}:archive", experiment)
    adapter.answer(f"DELETE /v1/experiments/{ID}", b"", status=204)
    assert "team/a" in run("experiments", "create", "team/a").out
    assert "archived" in run("experiments", "archive", "team/a").out
    assert run("experiments", "delete", "team/a").out == "team/a is deleted\n"


def test_upload_of_a_file_that_is_not_there_names_it(adapter: ScriptedAdapter, run: Run, tmp_path: Path) -> None:
    ended = run("pipelines", "upload", str(tmp_path / "none.yaml"))
    assert ended.code == 1
    assert "none.yaml: No such file or directory" in ended.err
    assert adapter.requests == []


def test_a_package_may_be_at_an_address(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /files/qoe_flow.yaml?v=2", b"the package", content_type="application/yaml")
    made = {"pipeline": {"pipeline_id": "p", "display_name": "qoe_flow"}, "version": {"display_name": "1"}}
    adapter.answer("POST /v1/pipelines?name=qoe_flow", {**made, "unchanged": False})
    ended = run("pipelines", "upload", f"{adapter.url}/files/qoe_flow.yaml?v=2")
    assert (ended.code, ended.out) == (0, "qoe_flow has version 1 now (p)\n"), ended.err
    assert b"the package" in adapter.requests[-1][2]
    missing = run("pipelines", "validate", f"{adapter.url}/files/none.yaml")
    assert (missing.code, missing.err) == (
        1,
        f"kfadapter: cannot fetch {adapter.url}/files/none.yaml: it answered 404\n",
    )
    nowhere = run("pipelines", "validate", "http://127.0.0.1:9/x.yaml")
    assert nowhere.code == 1
    assert "cannot fetch http://127.0.0.1:9/x.yaml" in nowhere.err


def test_delete_asks_nobody_when_nobody_is_there_and_deletes_nothing(adapter: ScriptedAdapter, run: Run) -> None:
    ended = run("pipelines", "delete", ID)
    assert ended.code == 2
    assert "--yes" in ended.err
    assert adapter.requests == []


def test_delete_with_yes_deletes(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"DELETE /pipelines/{ID}", {"id": ID, "status": "Deleted"})
    assert run("pipelines", "delete", ID, "--yes").out == f"{ID} is deleted\n"
