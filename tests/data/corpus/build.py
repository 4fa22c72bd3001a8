"""Compile the corpus: `build.py` writes TOPIC/NAME.yaml and expected.json, `build.py --check` compares. Needs kfp."""
import importlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
TOPICS = (
    *("conditions", "loops", "exits", "nesting", "values", "artifacts", "tasks", "placeholders", "refused"),
    *("caching", "images", "vaults", "volumes", "imports"),
)


def pipelines() -> Iterator[tuple[str, Any]]:
    """Every pipeline that has an expectation, by `topic/name`."""
    for topic in TOPICS:
        for found in vars(importlib.import_module(topic)).values():
            if "expectations" in getattr(found, "__dict__", {}):
                yield f"{topic}/{found.pipeline_spec.pipeline_info.name}", found


def build(place: Path) -> None:
    """Write every file of the corpus below a directory."""
    from kfp import compiler

    expected = {}
    for name, pipeline in pipelines():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        compiler.Compiler().compile(pipeline, str(place / f"{name}.yaml"))
        if edit := pipeline.__dict__.get("edit"):
            rewrite(place / f"{name}.yaml", edit)
        expected[name] = [one.to_json() for one in pipeline.expectations]
    (place / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def rewrite(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the first document of a compiled file."""
    spec, *rest = yaml.safe_load_all(path.read_text())
    edit(spec)
    path.write_text(yaml.safe_dump_all([spec, *rest], sort_keys=True))


def built(place: Path) -> dict[str, str]:
    """The written files, by their path."""
    paths = [place / "expected.json", *(path for topic in TOPICS for path in place.glob(f"{topic}/*.yaml"))]
    return {str(path.relative_to(place)): path.read_text() for path in paths if path.exists()}


def check() -> int:
    """Compare what is there with what would be written; the exit code."""
    with tempfile.TemporaryDirectory() as place:
        build(Path(place))
        there, new = built(HERE), built(Path(place))
    differing = sorted(name for name in there | new if there.get(name) != new.get(name))
    for name in differing:
        print(f"{name} is not what build.py would write")
    return 1 if differing else 0


def main(arguments: list[str]) -> int:
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))
    warnings.simplefilter("ignore")
    if arguments == ["--check"]:
        return check()
    for name in built(HERE):
        (HERE / name).unlink()
    build(HERE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
