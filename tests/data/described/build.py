"""Compile the pipelines of sources.py: `build.py` writes VERSION/NAME.yaml with the kfp that it is started under.

Older kfps live in environments of their own, one each, with kfp, kfp-kubernetes and setuptools<80; from kfp 2.2.0,
2.7.0 and 2.13.0 only the pipelines of OLDER are kept. Afterwards `golden.py` writes what is expected of each.
"""
import sys
import warnings
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
NEWEST = "2.17"
OLDER = (
    "types", "defaults", "described-inputs", "artifact-chain", "loop-over-an-input", "loop-over-fields", "if-elif-else",
    "one-of", "exit-handler-with-status", "nested", "a-container", "importer-of-an-input", "settings-of-a-task",
    "packages", "volumes", "on-a-node", "everything-of-a-pod",
)


def literals(spec: dict) -> None:
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    parameters["kind"]["literals"] = ["small", "large"]
    parameters["size"]["literals"] = [1.0, 2.0, 3.0]


def newer_fields(spec: dict) -> None:
    spec["signature"] = {"by": "somebody"}
    spec["root"]["dag"]["tasks"]["say"]["priority"] = 5
    spec["deploymentSpec"]["executors"]["exec-say"]["container"]["sidecars"] = ["proxy"]
    spec["components"]["comp-say"]["inputDefinitions"]["parameters"]["text"]["unit"] = "words"


EDITS = {"literals": literals, "newer-fields": newer_fields}


def edit(path: Path, change) -> None:
    spec, *rest = yaml.safe_load_all(path.read_text())
    change(spec)
    path.write_text(yaml.safe_dump_all([spec, *rest], sort_keys=True))


def main() -> None:
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))
    warnings.simplefilter("ignore")
    import kfp
    import sources
    from kfp import compiler

    version = ".".join(kfp.__version__.split(".")[:2])
    place = HERE / version
    place.mkdir(exist_ok=True)
    for found in vars(sources).values():
        spec = getattr(found, "pipeline_spec", None)
        if spec is None or type(found).__name__ != "GraphComponent":
            continue
        name = spec.pipeline_info.name
        if version == NEWEST or name in OLDER:
            compiler.Compiler().compile(found, str(place / f"{name}.yaml"))
            if name in EDITS:
                edit(place / f"{name}.yaml", EDITS[name])


if __name__ == "__main__":
    main()
