"""kfp.local as an oracle: runs pipelines one after the other and says what came out. A program, not to be imported.

Reads a JSON list of {name, spec, parameters} from its standard input, writes a line {name, state, outputs} for each.
What compiled commands would install is there already and is taken out of them: nothing is ever installed.
"""

# mypy: ignore-errors
import contextlib
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

from kfadapter.engine.running.commands import strip_prelude


def main() -> None:
    warnings.simplefilter("ignore")
    from google.protobuf import json_format
    from kfp import local
    from kfp.local import pipeline_orchestrator
    from kfp.pipeline_spec import pipeline_spec_pb2

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        root, workspace = Path(place) / "root", Path(place) / "workspace"
        for case in json.load(sys.stdin):
            runner = local.SubprocessRunner(use_venv=False)
            local.init(runner, pipeline_root=str(root), workspace_root=str(workspace), raise_on_error=True)
            try:
                spec = json_format.ParseDict(without_preludes(case["spec"]), pipeline_spec_pb2.PipelineSpec())
                with contextlib.redirect_stdout(sys.stderr):
                    outputs = pipeline_orchestrator.run_local_pipeline(spec, case["parameters"])
                answer = {"state": "SUCCEEDED", "outputs": {name: shown(value) for name, value in outputs.items()}}
            except Exception as exc:  # noqa: BLE001 - whatever it fails with is its answer
                answer = {"state": "FAILED", "outputs": {}, "error": f"{type(exc).__name__}: {exc}"[:500]}
            print(json.dumps({"name": case["name"], **answer}), file=answers, flush=True)


def without_preludes(spec):
    for executor in spec.get("deploymentSpec", {}).get("executors", {}).values():
        if "container" in executor:
            compiled = strip_prelude(executor["container"].get("command", []))
            if any("pip install" in word for word in compiled.command[:3]):
                raise RuntimeError("it would install packages")
            executor["container"]["command"] = list(compiled.command)
    return spec


def shown(value):
    if isinstance(value, list):
        return [shown(one) for one in value]
    if not hasattr(value, "schema_title"):
        return value
    path = Path(value.path) if value.path else None
    text = path.read_text() if path and path.is_file() else None
    return {"type": value.schema_title, "metadata": value.metadata, "uri": value.uri, "text": text}


if __name__ == "__main__":
    main()
