"""Importers that bring artifacts into the workspace."""
from kfp import dsl
from kfp.dsl import Dataset, Input, Output

from expectations import expect
from steps import component

WORKSPACE = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi"))
NO_WORKSPACE = "it needs its own workspace"


@component
def write(text: str, made: Output[Dataset]) -> str:
    with open(made.path, "w") as file:
        file.write(text)
    return made.uri


@component
def write_several(texts: list, made: Output[Dataset]) -> str:
    import os

    os.mkdir(made.path)
    for number, text in enumerate(texts):
        with open(f"{made.path}/{number}", "w") as file:
            file.write(text)
    return made.uri


@component
def read(made: Input[Dataset]) -> str:
    import os

    paths = [f"{made.path}/{name}" for name in sorted(os.listdir(made.path))] if os.path.isdir(made.path) else [made.path]
    texts = []
    for path in paths:
        with open(path) as file:
            texts.append(file.read())
    return f"{'+'.join(texts)} {'workspace' in made.path} {made.metadata['from']}"


@expect(outputs={"Output": "text True here"}, oracle=NO_WORKSPACE)
@dsl.pipeline(pipeline_config=WORKSPACE)
def a_file_is_downloaded() -> str:
    found = dsl.importer(artifact_uri=write(text="text").outputs["Output"], artifact_class=Dataset, metadata={"from": "here"}, download_to_workspace=True)
    return read(made=found.output).output


@expect(outputs={"Output": "a+b True here"}, oracle=NO_WORKSPACE)
@dsl.pipeline(pipeline_config=WORKSPACE)
def a_directory_is_downloaded() -> str:
    place = write_several(texts=["a", "b"]).outputs["Output"]
    found = dsl.importer(artifact_uri=place, artifact_class=Dataset, metadata={"from": "here"}, download_to_workspace=True)
    return read(made=found.output).output


@expect(given={"place": "/no/such/file"}, failed="importer", skipped="read", error="/no/such/file cannot be downloaded into the workspace: it is not there")
@expect(given={"place": "gs://bucket/data"}, failed="importer", skipped="read", error="not a file of this machine")
@dsl.pipeline(pipeline_config=WORKSPACE)
def what_cannot_be_downloaded(place: str):
    found = dsl.importer(artifact_uri=place, artifact_class=Dataset, metadata={"from": "x"}, download_to_workspace=True)
    read(made=found.output)


@expect(error="s3://bucket/data cannot be downloaded", tasks=0)
@dsl.pipeline(pipeline_config=WORKSPACE)
def what_is_known_to_be_elsewhere():
    found = dsl.importer(artifact_uri="s3://bucket/data", artifact_class=Dataset, metadata={"from": "x"}, download_to_workspace=True)
    read(made=found.output)
