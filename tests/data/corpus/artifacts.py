"""Artifacts of every kind: made, handed on, described, imported."""
from typing import List, NamedTuple, Optional

from kfp import dsl
from kfp.dsl import (HTML, Artifact, ClassificationMetrics, Dataset, Input, InputPath, Markdown, Metrics, Model, Output,
                     OutputPath, SlicedClassificationMetrics)

from expectations import expect
from steps import component, read, say, train, use, write


class Kinds(NamedTuple):
    any: Artifact
    data: Dataset
    model: Model
    page: HTML
    notes: Markdown
    metrics: Metrics
    quality: ClassificationMetrics


@component
def make_all(any: Output[Artifact], data: Output[Dataset], model: Output[Model], page: Output[HTML],
             notes: Output[Markdown], metrics: Output[Metrics], quality: Output[ClassificationMetrics]):
    for one in (any, data, model, page, notes):
        with open(one.path, "w") as file:
            file.write(type(one).__name__)
    model.framework = "none"
    model.metadata["layers"] = 3
    metrics.log_metric("accuracy", 0.75)
    metrics.log_metric("epochs", 3)
    quality.log_confusion_matrix(["no", "yes"], [[1, 2], [3, 4]])


@expect(artifacts={
    "any": [{"type": "system.Artifact", "text": "Artifact", "metadata": {}}],
    "data": [{"type": "system.Dataset", "text": "Dataset", "metadata": {}}],
    "model": [{"type": "system.Model", "text": "Model", "metadata": {"framework": "none", "layers": 3}}],
    "page": [{"type": "system.HTML", "text": "HTML"}],
    "notes": [{"type": "system.Markdown", "text": "Markdown"}],
    "metrics": [{"type": "system.Metrics", "metadata": {"accuracy": 0.75, "epochs": 3}}],
    "quality": [{"type": "system.ClassificationMetrics"}],
}, tasks=1)
@dsl.pipeline
def artifacts_of_every_kind() -> Kinds:
    made = make_all()
    return Kinds(**{name: made.outputs[name] for name in Kinds._fields})


@component
def slice_up(metrics: Output[SlicedClassificationMetrics]):
    metrics._sliced_metrics = {}  # the SDK forgets to
    metrics.set_confusion_matrix_categories("overall", ["no", "yes"])
    metrics.log_confusion_matrix_row("overall", "no", [1, 2])


@expect(artifacts={"Output": [{"type": "system.SlicedClassificationMetrics"}]})
@dsl.pipeline
def sliced_metrics() -> SlicedClassificationMetrics:
    return slice_up().outputs["metrics"]


@component
def copy(source: Input[Dataset], copied: Output[Dataset]):
    with open(source.path) as file, open(copied.path, "w") as target:
        target.write(file.read() + "'")
    copied.metadata.update(source.metadata, copied=True)


@expect(outputs={"Output": "text''"}, artifacts={"data": [{"type": "system.Dataset", "text": "text''", "metadata": {"length": 4, "copied": True}}]})
@dsl.pipeline
def metadata_travels() -> NamedTuple("O", [("Output", str), ("data", Dataset)]):
    twice = copy(source=copy(source=write(text="text").outputs["data"]).outputs["copied"])
    O = NamedTuple("O", [("Output", str), ("data", Dataset)])
    return O(Output=read(data=twice.outputs["copied"]).output, data=twice.outputs["copied"])


@component
def keep_elsewhere(data: Output[Dataset], model: Output[Model], absent: Output[Artifact]) -> str:
    import os
    import tempfile

    data.custom_path = os.path.join(tempfile.mkdtemp(), "data.txt")
    with open(data.path, "w") as file:
        file.write("kept elsewhere")
    data.metadata["length"] = 14
    model.custom_path = "checkpoints"
    os.makedirs(os.path.join(model.path, "last"))
    with open(os.path.join(model.path, "last", "weights"), "w") as file:
        file.write("0.5")
    absent.custom_path = "nothing-is-here"
    return data.path


@component
def weights(model: Input[Model]) -> str:
    import os

    return open(os.path.join(model.path, "last", "weights")).read()


@expect(outputs={"text": "kept elsewhere", "weights": "0.5"},
        artifacts={"data": [{"type": "system.Dataset", "text": "kept elsewhere", "metadata": {"length": 14}}]},
        oracle="takes no artifact from its custom path")
@dsl.pipeline
def artifacts_kept_at_paths_of_their_own() -> NamedTuple("O", [("text", str), ("weights", str), ("data", Dataset)]):
    kept = keep_elsewhere()
    O = NamedTuple("O", [("text", str), ("weights", str), ("data", Dataset)])
    return O(text=read(data=kept.outputs["data"]).output, weights=weights(model=kept.outputs["model"]).output,
             data=kept.outputs["data"])

@component
def by_path(made: OutputPath("Dataset")):
    with open(made, "w") as file:
        file.write("by path")


@component
def read_path(made: InputPath("Dataset")) -> str:
    with open(made) as file:
        return file.read()


@expect(outputs={"Output": "by path"})
@dsl.pipeline
def paths_instead_of_artifacts() -> str:
    return read_path(made=by_path().outputs["made"]).output


@component
def make_directory(made: Output[Dataset]):
    import os

    os.makedirs(os.path.join(made.path, "deep"))
    for name in ("one", "deep/two"):
        with open(os.path.join(made.path, name), "w") as file:
            file.write(name)


@component
def list_directory(made: Input[Dataset]) -> str:
    import os

    return " ".join(sorted(name for _, _, names in os.walk(made.path) for name in names))


@expect(outputs={"Output": "one two"})
@dsl.pipeline
def directories_as_artifacts() -> str:
    return list_directory(made=make_directory().outputs["made"]).output


@component
def return_artifact() -> Dataset:
    made = Dataset(uri=dsl.get_uri(), metadata={"made": "by hand"})
    with open(made.path, "w") as file:
        file.write("returned")
    return made


@expect(outputs={"Output": "returned"}, artifacts={"data": [{"type": "system.Dataset", "text": "returned", "metadata": {"made": "by hand"}}]})
@dsl.pipeline
def artifacts_are_returned() -> NamedTuple("O", [("Output", str), ("data", Dataset)]):
    made = return_artifact()
    O = NamedTuple("O", [("Output", str), ("data", Dataset)])
    return O(Output=read(data=made.output).output, data=made.output)


@component
def return_payload() -> NamedTuple("Payload", [("text", str), ("data", Dataset)]):
    return ("said", "payload")


@expect(outputs={"text": "said", "read": "payload"})
@dsl.pipeline
def payloads_are_returned() -> NamedTuple("O", [("text", str), ("read", str)]):
    made = return_payload()
    O = NamedTuple("O", [("text", str), ("read", str)])
    return O(text=made.outputs["text"], read=read(data=made.outputs["data"]).output)


@component
def maybe_read(data: Optional[Input[Dataset]] = None) -> str:
    return "nothing" if data is None else open(data.path).read()


@expect(outputs={"without": "nothing", "given": "t"})
@dsl.pipeline
def optional_artifacts() -> NamedTuple("O", [("without", str), ("given", str)]):
    O = NamedTuple("O", [("without", str), ("given", str)])
    return O(without=maybe_read().output, given=maybe_read(data=write(text="t").outputs["data"]).output)


@component
def describe(model: Input[Model]) -> str:
    import json

    return f"{model.uri} {json.dumps(model.metadata, sort_keys=True)}"


@expect(outputs={"Output": 's3://bucket/model {"a": 1, "b": "two", "c": [1, {"d": true}]}'}, tasks=2, oracle="ints become floats in it",
        artifacts={"model": [{"type": "system.Model", "uri": "s3://bucket/model", "metadata": {"a": 1, "b": "two", "c": [1, {"d": True}]}}]})
@dsl.pipeline
def importer_with_constants() -> NamedTuple("O", [("Output", str), ("model", Model)]):
    model = dsl.importer(artifact_uri="s3://bucket/model", artifact_class=Model,
                         metadata={"a": 1, "b": "two", "c": [1, {"d": True}]})
    O = NamedTuple("O", [("Output", str), ("model", Model)])
    return O(Output=describe(model=model.output).output, model=model.output)


@expect(given={"place": "gs://b/m", "label": "l"}, outputs={"Output": 'gs://b/m {"by": "l", "l": "x", "note": "made l by l"}'})
@expect(given={"place": "", "label": "l"}, failed="importer", skipped="describe", error="address")
@dsl.pipeline
def importer_with_arguments(place: str, label: str) -> str:
    model = dsl.importer(artifact_uri=place, artifact_class=Model,
                         metadata={"by": label, "note": f"made {label} by {label}", f"{label}": "x"})
    return describe(model=model.output).output


@expect(outputs={"Output": 'file:///there {"size": "5"}'})
@dsl.pipeline
def importer_with_outputs() -> str:
    place = say(text="file:///there")
    model = dsl.importer(artifact_uri=place.output, artifact_class=Model, metadata={"size": say(text="5").output})
    return describe(model=model.output).output


@expect(outputs={"Output": "m m"})
@dsl.pipeline
def one_artifact_for_many() -> str:
    model = train(text="m").outputs["model"]
    one = use(model=model)
    return say(text=f"{one.output} {use(model=model).output}").output


@component
def nothing_written(data: Output[Dataset]):
    data.metadata["empty"] = True


@expect(artifacts={"Output": [{"type": "system.Dataset", "metadata": {"empty": True}}]})
@dsl.pipeline
def an_artifact_without_a_file() -> Dataset:
    return nothing_written().outputs["data"]


@component
def elsewhere(data: Output[Dataset]):
    data.uri = "s3://elsewhere/data"


@expect(artifacts={"Output": [{"type": "system.Dataset", "uri": "s3://elsewhere/data", "metadata": {}}]})
@dsl.pipeline
def an_artifact_elsewhere() -> Dataset:
    return elsewhere().outputs["data"]


@component
def read_list(data: Input[List[Dataset]]) -> str:
    return "+".join(open(one.path).read() for one in data)


@expect(outputs={"Output": "a+b"})
@dsl.pipeline
def single_artifacts_become_a_list() -> str:
    with dsl.ParallelFor(["a", "b"]) as text:
        written = write(text=text)
    return read_list(data=dsl.Collected(written.outputs["data"])).output


@component
def name_of(data: Input[Dataset]) -> str:
    return data.name


@expect(outputs={"Output": "data"})
@dsl.pipeline
def an_artifact_has_its_outputs_name() -> str:
    return name_of(data=write(text="x").outputs["data"]).output
