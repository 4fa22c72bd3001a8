"""`kfadapter serve` does not pay for the commands that talk to it."""

import subprocess
import sys


def test_the_program_loads_neither_rich_nor_httpx_before_a_command_wants_them() -> None:
    code = "import sys, kfadapter.cli.main; print(sorted({'rich', 'httpx', 'uvicorn', 'kfp'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[]"


def test_an_idle_service_holds_nothing_in_memory_that_only_some_calls_need() -> None:
    heavy = {"alembic", "croniter", "httpx", "kfp", "mako", "psycopg", "jsonschema"}
    code = (
        "import sys, kfadapter.cli.serve, kfadapter.engine.server; print(sorted(set(sys.argv[1:]) & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "[]"
