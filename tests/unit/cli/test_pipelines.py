"""`kfadapter pipelines` against written answers."""

from pathlib import Path
from typing import Any

from unit.cli.conftest import Run, ScriptedAdapter

ID = "6f1c2f6e-2f3c-4f51-9d3e-0c5a1b2c3d4e"
PIPELINE: dict[str, Any] = {
    "id": ID,
    "name": "qoe",
    "description": None,
    "arguments": {"epochs": None},
    "parameters": [
        {
            "name": "epochs",
            "type": "NUMBER_INTEGER",
            "required": True,
            "default": None,
            "description": "How often.",
            "allowed": None,
        },
        {
            "name": "kind",
            "type": "STRING",
            "required": False,
            "default": "a",
            "description": "",
            "allowed": ["a", "b"],
        },
        {"name": "note", "type": "STRING", "required": False, "default": None, "description": None, "allowed": None},
    ],
    "versions": [{"id": "v-1", "name": "qoe", "description": None, "created_at": "Wed, 12 Mar 2025 09:00:00 GMT"}],
    "default_version": {"id": "v-1", "name": "qoe", "description": None, "created_at": None},
    "created_at": "Wed, 12 Mar 2025 09:00:00 GMT",
}


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


def test_show_prints_inputs_with_type_default_and_allowed_values(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /pipelineIds/my%20qoe", {"id": ID, "name": "my qoe"})
    adapter.answer("GET /pipelineIds/my qoe", {"id": ID, "name": "my qoe"})
    adapter.answer(f"GET /pipelines/{ID}", PIPELINE)
    out = run("pipelines", "show", "my qoe").out
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert rows["epochs"].split() == ["epochs", "NUMBER_INTEGER", "required", "How", "often."]
    assert rows["kind"].split()[1:] == ["STRING", "a", "one", "of", "a,", "b"]
    assert rows["note"].split() == ["note", "STRING", "optional"]
    assert "2025-03-12 09:00:00" in out


def test_an_id_is_taken_as_it_is(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"GET /pipelines/{ID}", PIPELINE)
    assert run("pipelines", "show", ID, "--json").code == 0
    assert [target for _, target, _ in adapter.requests] == [f"/pipelines/{ID}"]


def test_upload_names_the_pipeline_like_the_file_and_sends_its_bytes(
    adapter: ScriptedAdapter, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "my_pipeline.tar.gz"
    file.write_bytes(b"\x00bytes\xff")
    answer = {"id": "p", "name": "my_pipeline", "version_id": "v", "version_name": "2"}
    adapter.answer("POST /pipelineIds/my_pipeline", answer)
    ended = run("pipelines", "upload", str(file), "--description", "what for")
    assert (ended.code, ended.out) == (0, "my_pipeline has version 2 now (p)\n")
    [(_, _, body)] = adapter.requests
    assert b"\x00bytes\xff" in body
    assert b"what for" in body
    assert b'name="file"; filename="my_pipeline.tar.gz"' in body


def test_upload_of_a_file_that_is_not_there_names_it(adapter: ScriptedAdapter, run: Run, tmp_path: Path) -> None:
    ended = run("pipelines", "upload", str(tmp_path / "none.yaml"))
    assert ended.code == 1
    assert "none.yaml: No such file or directory" in ended.err
    assert adapter.requests == []


def test_delete_asks_nobody_when_nobody_is_there_and_deletes_nothing(adapter: ScriptedAdapter, run: Run) -> None:
    ended = run("pipelines", "delete", ID)
    assert ended.code == 2
    assert "--yes" in ended.err
    assert adapter.requests == []


def test_delete_with_yes_deletes(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer(f"DELETE /pipelines/{ID}", {"id": ID, "status": "Deleted"})
    assert run("pipelines", "delete", ID, "--yes").out == f"{ID} is deleted\n"
