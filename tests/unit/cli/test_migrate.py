"""`kfadapter migrate` on a database of its own."""

from pathlib import Path

from kfadapter.database.tables import SCHEMA_VERSION
from unit.cli.conftest import Run


def test_an_empty_database_gets_its_tables_and_a_current_one_is_left_alone(tmp_path: Path, run: Run) -> None:
    first = run("migrate", "--data-dir", str(tmp_path / "data"))
    assert first.code == 0
    assert f"had no tables, now has {SCHEMA_VERSION}" in " ".join(first.out.split())
    second = run("migrate", "--data-dir", str(tmp_path / "data"))
    assert f"has version {SCHEMA_VERSION}, the newest" in " ".join(second.out.split())


def test_an_unusable_database_is_one_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "data").write_text("a file where the directory belongs")
    ended = run("migrate", "--data-dir", str(tmp_path / "data"))
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
