"""The compiled pipelines below tests/data, and what is expected of their descriptions."""

import json
from functools import cache
from pathlib import Path

from kfadapter.pipelines.description import PipelineDescription, describe
from kfadapter.pipelines.package import open_package
from kfadapter.pipelines.render.mermaid import to_mermaid

DATA = Path(__file__).parents[1] / "data"
DESCRIBED = sorted((DATA / "described").glob("2.*/*.yaml"))
CORPUS = sorted(path for path in (DATA / "corpus").glob("*/*.yaml") if path.parent.name != "components")
COMPILED = DESCRIBED + CORPUS


def label(path: Path) -> str:
    """A compiled pipeline's name in a test's id."""
    return f"{path.parent.name}/{path.stem}"


@cache
def description_of(path: Path) -> PipelineDescription:
    """The description of a compiled pipeline."""
    return describe(open_package(path.read_bytes()).spec)


def described(name: str, version: str = "2.17") -> PipelineDescription:
    """The description of one of our own compiled pipelines."""
    return description_of(DATA / "described" / version / f"{name}.yaml")


def golden_files(compiled: Path) -> dict[Path, str]:
    """What is expected of a compiled pipeline, by the file it is kept in."""
    description = description_of(compiled)
    place = compiled.parents[1] / "golden" / compiled.parent.name / compiled.stem
    shown = json.dumps(description.to_json(), indent=1, ensure_ascii=False) + "\n"
    return {
        place.with_suffix(".json"): shown,
        place.with_suffix(".mmd"): to_mermaid(description.graph, title=description.name),
    }
