"""Task environments: built once, by one builder, whole or not at all."""

import os
import stat
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kfadapter.engine.running.environments import EnvironmentSpec, EnvironmentStore
from kfadapter.engine.running.installers import InstallCanceled, Installer, without_credentials
from kfadapter.errors import EnvironmentFailed

UV = """#!/bin/sh
echo "$@" >> "{log}"
case "$1" in
venv) for last; do :; done; mkdir -p "$last/bin"; ln -s "{python}" "$last/bin/python" ;;
pip) case "$*" in
  *slow*) sleep 60 ;;
  *broken*) echo "no route to https://user:secret@host/simple"; exit 1 ;;
  *) env > "{log}.env" ;;
  esac ;;
esac
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def store(tmp_path: Path, calls: Path) -> EnvironmentStore:
    """A store whose uv is a script beside its interpreter that notes what it is asked for; pip is a failing one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    script(programs / "uv", UV.format(log=calls, python=sys.executable))
    script(programs / "python", 'echo "pip has no such package"; exit 1\n')
    installer = Installer(
        interpreter=str(programs / "python"),
        cache=tmp_path / "cache",
        variables={"PIP_INDEX_URL": "https://index/simple"},
    )
    return EnvironmentStore(tmp_path / "environments", installer)


def script(path: Path, text: str) -> None:
    path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def spec(*groups: tuple[str, ...]) -> EnvironmentSpec:
    return EnvironmentSpec(groups=groups)


def test_groups_are_installed_in_order_and_only_once(store: EnvironmentStore, calls: Path) -> None:
    wanted = spec(("pandas", "--no-deps"), ("kfp==2.17.0",))
    first, second = store.ensure(wanted), store.ensure(wanted)
    assert (first.reused, second.reused) == (False, True)
    assert first.path == second.path
    lines = calls.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["venv", "pip", "pip"]
    assert lines[1].endswith("pandas --no-deps")
    assert lines[2].endswith("kfp==2.17.0")


def test_the_key_depends_on_every_word_and_their_order(store: EnvironmentStore) -> None:
    specs = [
        spec(("a", "b")),
        spec(("b", "a")),
        spec(("a",), ("b",)),
        EnvironmentSpec(groups=(("a", "b"),), with_pip=True),
    ]
    assert len({store.key(one) for one in specs}) == 4
    assert store.key(spec(("a", "b"))) == store.key(specs[0])


def test_builders_of_one_key_take_turns(store: EnvironmentStore, calls: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: store.ensure(spec(("kfp",))), range(8)))
    assert len({one.path for one in found}) == 1
    assert [one.reused for one in found].count(False) == 1
    assert calls.read_text().count("venv") == 1


def test_a_half_built_environment_is_built_anew(store: EnvironmentStore, calls: Path) -> None:
    path = store.ensure(spec(("kfp",))).path
    (path / ".ok").unlink()
    (path / "rubbish").touch()
    assert not store.ensure(spec(("kfp",))).reused
    assert not (path / "rubbish").exists()


def test_a_failure_carries_the_last_words_without_credentials(store: EnvironmentStore, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="cannot install broken: pip has no such package"):
        store.ensure(spec(("broken",)))
    assert not (tmp_path / "environments" / store.key(spec(("broken",)))).exists()
    assert without_credentials("at https://user:secret@host/simple") == "at https://****@host/simple"
    assert spec(("--index-url", "https://me:pw@host/s")).shown == [["--index-url", "https://****@host/s"]]


def test_installers_get_their_variables_and_no_others(
    store: EnvironmentStore, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "secret")
    store.ensure(spec(("kfp",)))
    seen = dict(line.split("=", 1) for line in Path(f"{calls}.env").read_text().splitlines() if "=" in line)
    assert seen["UV_DEFAULT_INDEX"] == seen["PIP_INDEX_URL"] == "https://index/simple"
    assert seen["UV_CACHE_DIR"].endswith("cache/uv")
    assert "DATABASE_URL" not in seen


def test_a_build_nobody_waits_for_ends_with_its_processes(store: EnvironmentStore, calls: Path) -> None:
    canceled = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        build = threads.submit(store.ensure, spec(("slow",)), canceled.is_set)
        wait_for(lambda: calls.exists() and "slow" in calls.read_text())
        canceled.set()
        with pytest.raises(InstallCanceled):
            build.result(timeout=10)
    assert store.find(spec(("slow",))) is None


def test_a_directory_that_cannot_be_written_is_a_failure_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    installer = Installer(interpreter=sys.executable, cache=tmp_path / "file" / "cache")
    with pytest.raises(EnvironmentFailed, match="File exists"):
        EnvironmentStore(tmp_path / "file", installer).ensure(spec(("kfp",)))


def test_use_is_remembered(store: EnvironmentStore) -> None:
    path = store.ensure(spec(("kfp",))).path / ".ok"
    os.utime(path, (0, 0))
    assert store.find(spec(("kfp",))) is not None
    assert path.stat().st_mtime > 0


def wait_for(condition: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(1000):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("waited in vain")
