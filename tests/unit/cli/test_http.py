"""What goes wrong between a command and the adapter is one line on standard error and exit code 1."""

import socket

import pytest

from kfadapter.cli.http import segment
from unit.cli.conftest import Run, ScriptedAdapter


def test_an_adapter_that_is_not_there_is_named_with_the_way_to_start_one(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    ended = run("pipelines", "list", "--url", url)
    assert ended.code == 1
    assert ended.err.startswith(f"kfadapter: nothing answers at {url} ")
    assert "kfadapter serve" in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""


def test_an_address_that_is_none_is_a_usage_error(run: Run) -> None:
    ended = run("runs", "list", "--url", "nowhere")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "--url" in ended.err


def test_a_variable_that_is_no_address_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFADAPTER_URL", "adapter:5001")
    ended = run("runs", "list")
    assert ended.code == 2
    assert "KFADAPTER_URL" in ended.err


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"status": 500, "message": "Kubeflow is tired"}, "Kubeflow is tired"),
        ({"title": "Gone", "detail": "There is no such job"}, "There is no such job"),
        (
            {
                "status": 400,
                "message": "PipeLine Name does not exist",
                "payload": {"error": "No pipeline is found with name x"},
            },
            "No pipeline is found with name x",
        ),
        ({"detail": "first line\nsecond line"}, "first line second line"),
    ],
)
def test_the_adapters_own_sentence_is_shown(
    adapter: ScriptedAdapter, run: Run, body: dict[str, object], sentence: str
) -> None:
    adapter.answer("GET /pipelines", body, status=500)
    ended = run("pipelines", "list")
    assert (ended.code, ended.err) == (1, f"kfadapter: {sentence}\n")


def test_a_login_page_is_not_taken_for_an_adapter(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /pipelines", b"<html>Sign in</html>", content_type="text/html")
    ended = run("pipelines", "list", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert "is no adapter" in ended.err


def test_an_error_page_of_a_proxy_is_told_with_its_status(adapter: ScriptedAdapter, run: Run) -> None:
    adapter.answer("GET /pipelines", b"<html>Bad Gateway</html>", status=502, content_type="text/html")
    ended = run("pipelines", "list")
    assert ended.code == 1
    assert "502 Bad Gateway" in ended.err


def test_json_is_the_adapters_own_byte_for_byte(adapter: ScriptedAdapter, run: Run) -> None:
    text = b'{"pipelines":[],"total_size":0,"next_page_token":null, "unknown":1.0}\n'
    adapter.answer("GET /pipelines", text)
    assert run("pipelines", "list", "--json").out == text.decode()


@pytest.mark.parametrize("name", ["a b", "a/b", "a?b#c", "ä%20", "..", "[x]"])
def test_a_name_is_one_segment_of_the_path_whatever_it_holds(name: str) -> None:
    assert not set(segment(name)) & set(" /?#[]ä")
