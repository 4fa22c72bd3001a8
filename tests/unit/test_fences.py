"""The plan of the house, checked: which part may import which, and who may touch what (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "kfadapter"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Every room and the rooms it may import from. `errors` and `clock` are open to all.
ROOMS = {
    "errors": set(),
    "clock": set(),
    "recent": set(),
    "httpserver": set(),
    "lock": set(),
    "settings": set(),
    "pipelines": set(),
    "kubeflow": {"pipelines"},
    "database": set(),
    "events": {"database", "kubeflow", "pipelines"},
    "runs": {"database", "events", "kubeflow", "pipelines"},
    "training": {"database", "events", "kubeflow", "pipelines"},
    "engine": {"httpserver", "pipelines"},
    "service": {"settings", "database", "engine", "training", "runs", "events", "kubeflow", "pipelines"},
    "api": {"httpserver", "service", "settings", "training", "runs", "events", "kubeflow", "pipelines"},
    "cli": {"api", "httpserver", "service", "settings", "engine", "testing", "pipelines", "client"},
    "testing": {"pipelines", "kubeflow"},
    "__main__": {"cli"},
    "client": {"pipelines", "settings"},
    "__init__": {"client"},
}

# Third-party packages that may be imported only in these places.
KEPT_TO = {
    "cloudevents": ("events/envelope",),
    "standardwebhooks": ("events/signing",),
    "fastapi": ("api", "engine", "testing"),
    "starlette": ("api", "engine", "httpserver", "testing"),
    "uvicorn": ("httpserver", "testing"),
    "sqlalchemy": (
        "database",
        "training/ledger",
        "events/courier",
        "events/log",
        "events/retention",
        "events/store",
        "events/tail",
        "runs/index",
        "runs/store",
        "engine/store",
    ),
    "alembic": ("database",),
    "aiohttp": ("kubeflow", "training/training_manager", "events/sender"),
    "typer": ("cli",),
    "rich": ("cli",),
    "httpx": ("cli", "client", "engine/download"),  # the engine fetches packages where a setting allows it
    "httpx_sse": ("cli", "client"),
    "croniter": ("pipelines/cron_slots",),
    "yaml": ("pipelines", "testing/kubeflow/packages"),
    # The client compiles a function where kfp is installed. The demo's source; the service runs what it compiles to.
    "kfp": ("client/kfpverbs", "cli/demo/qoe/pipeline"),
}


def place(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").as_posix()


def imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(module)} uses a relative import"
            base = node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names) if base == "kfadapter" else [base]


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_a_room_imports_only_from_the_rooms_below_it(module: Path) -> None:
    room = place(module).split("/")[0]
    allowed = ROOMS[room] | {room, "errors", "clock", "lock", "recent", "__version__"}
    used = {name.split(".")[1] for name in imports(module) if name.startswith("kfadapter.")}
    assert used <= allowed, f"{place(module)} may not import {sorted(used - allowed)}"


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_third_party_packages_stay_where_they_belong(module: Path) -> None:
    for name in imports(module):
        places = KEPT_TO.get(name.split(".")[0])
        assert places is None or place(module).startswith(places), f"{place(module)} may not import {name}"


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_only_settings_reads_the_environment(module: Path) -> None:
    if place(module) == "settings":
        return
    for node in ast.walk(ast.parse(module.read_text())):
        reads = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
        assert not reads, f"{place(module)}:{getattr(node, 'lineno', 0)} reads the environment"


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_nothing_is_global(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        assert not isinstance(node, ast.Global), f"{place(module)}:{node.lineno} has a global statement"


def test_every_room_is_on_the_plan() -> None:
    rooms = {place(module).split("/")[0] for module in MODULES}
    assert rooms <= set(ROOMS)
