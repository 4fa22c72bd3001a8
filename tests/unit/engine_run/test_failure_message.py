"""What is told of a task that failed: its exception first."""

import pytest

from kfadapter.engine.running.failure_words import failure_message

PREAMBLE = [
    "[KFP Executor 2026-11-25 14:00:00,000 INFO]: Looking for component `train` in --component_module_path `/tmp/x.py`",
    "[KFP Executor 2026-11-25 14:00:00,001 INFO]: Got executor_input:",
]
DOCUMENT = ["{", '    "inputs": {', '        "parameterValues": {}', "    }", "}"]
TRACE = [
    "Traceback (most recent call last):",
    '  File "<frozen runpy>", line 198, in _run_module_as_main',
    '  File "/env/site-packages/kfp/dsl/executor.py", line 453, in execute',
    "    result = self.func(**func_kwargs)",
    "             ^^^^^^^^^^^^^^^^^^^^^^^^",
    '  File "/tmp/x.py", line 12, in train',
    "    raise ValueError(word)",
]


def test_the_exception_leads_and_the_place_follows() -> None:
    lines = failure_message([*PREAMBLE, "training", *TRACE, "ValueError: broke"], "exit code 1").split("\n")
    assert lines[0] == "ValueError: broke"
    assert lines[1:] == ['  File "/tmp/x.py", line 12, in train', "    raise ValueError(word)", "(exit code 1)"]


def test_an_exception_of_several_lines_is_whole_and_the_last_of_several_counts() -> None:
    first = [*TRACE, "KeyError: 'a'", "During handling of the above exception, another exception occurred:"]
    message = failure_message([*first, *TRACE, "ValueError: broke", "for good", "and all"], "exit code 1")
    assert message.startswith("ValueError: broke\nfor good\nand all\n")
    assert "KeyError" not in message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*PREAMBLE, "no such thing"], "exit code 3: no such thing"),
        ([*PREAMBLE], "exit code 3"),
        ([*PREAMBLE, *DOCUMENT], "exit code 3"),
        ([*PREAMBLE, *DOCUMENT, "{", "Killed"], "exit code 3: {\nKilled"),
        (["before", *PREAMBLE, *DOCUMENT[:3]], "exit code 3: before"),
        ([], "exit code 3"),
        ([*PREAMBLE, *[str(number) for number in range(30)]], "exit code 3: " + "\n".join(map(str, range(10, 30)))),
    ],
)
def test_without_an_exception_the_last_lines_follow_the_exit_code(lines: list[str], message: str) -> None:
    assert failure_message(lines, "exit code 3") == message


def test_a_traceback_that_was_cut_off_does_no_harm() -> None:
    assert failure_message(TRACE[:2], "ended by SIGKILL").endswith("(ended by SIGKILL)")
