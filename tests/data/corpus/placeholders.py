"""What stands for facts of the run and the task: in arguments, variables, metadata, command lines."""
from typing import NamedTuple

from kfp import components, dsl
from kfp.dsl import Model
from pathlib import Path

from expectations import expect
from steps import component, say

HERE = Path(__file__).parent


@component
def variables(names: list) -> str:
    import os

    return " ".join(f"{name}={os.environ.get(name)}" for name in names)


@component
def describe(model: dsl.Input[Model]) -> str:
    return f"{model.uri} {model.metadata['job']}"


@expect(outputs={"Output": "{run_id} {display_name} {job} say {task_id:say}"}, oracle="the facts of its run are others")
@dsl.pipeline
def names_of_run_and_task() -> str:
    return say(text=f"{dsl.PIPELINE_JOB_ID_PLACEHOLDER} {dsl.PIPELINE_JOB_NAME_PLACEHOLDER} "
                    f"{dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER} {dsl.PIPELINE_TASK_NAME_PLACEHOLDER} "
                    f"{dsl.PIPELINE_TASK_ID_PLACEHOLDER}").output


@expect(outputs={"Output": "{created_at} {created_at}"}, oracle="the facts of its run are others")
@dsl.pipeline
def times_of_the_run() -> str:
    return say(text=f"{dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER} {dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER}").output


@expect(outputs={"Output": "{pipeline_root}"}, oracle="the facts of its run are others")
@dsl.pipeline
def the_pipeline_root() -> str:
    return say(text=dsl.PIPELINE_ROOT_PLACEHOLDER).output


@expect(given={"word": "w"}, outputs={"Output": "w of {run_id}: w"}, oracle="the facts of its run are others")
@dsl.pipeline
def placeholders_beside_values(word: str) -> str:
    first = say(text=word)
    return say(text=f"{word} of {dsl.PIPELINE_JOB_ID_PLACEHOLDER}: {first.output}").output


@dsl.pipeline
def inside(word: str) -> str:
    return say(text=f"{word} in {dsl.PIPELINE_TASK_NAME_PLACEHOLDER}").output


@expect(outputs={"Output": "{run_id} in say"}, oracle="the facts of its run are others")
@dsl.pipeline
def placeholders_for_a_nested_pipeline() -> str:
    return inside(word=dsl.PIPELINE_JOB_ID_PLACEHOLDER).output


@expect(outputs={"Output": "{run_id}/a,{run_id}/b"}, oracle="the facts of its run are others")
@dsl.pipeline
def placeholders_in_a_loop() -> str:
    from steps import join

    with dsl.ParallelFor(["a", "b"]) as text:
        said = say(text=f"{dsl.PIPELINE_JOB_ID_PLACEHOLDER}/{text}")
    return join(texts=dsl.Collected(said.output), by=",").output


@expect(outputs={"Output": "JOB={run_id} TASK=variables"}, oracle="the facts of its run are others")
@dsl.pipeline
def placeholders_in_variables() -> str:
    task = variables(names=["JOB", "TASK"])
    task.set_env_variable("JOB", dsl.PIPELINE_JOB_ID_PLACEHOLDER).set_env_variable("TASK", dsl.PIPELINE_TASK_NAME_PLACEHOLDER)
    return task.output


@expect(outputs={"Output": "s3://b/{run_id} {job}"}, oracle="the facts of its run are others")
@dsl.pipeline
def placeholders_of_an_importer() -> str:
    model = dsl.importer(artifact_uri=f"s3://b/{dsl.PIPELINE_JOB_ID_PLACEHOLDER}", artifact_class=Model,
                         metadata={"job": dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER})
    return describe(model=model.output).output


command_line = components.load_component_from_file(str(HERE / "components" / "command_line.yaml"))


@expect(given={"name": "ada", "title": "dr"}, outputs={"Output": 'name=ada;|--title|dr.|{"whole":1}'}, oracle="nobody knows")
@expect(given={"name": "it's ü"}, outputs={"Output": 'name=it\'s ü;|untitled|{"whole":1}'}, oracle="nobody knows")
@dsl.pipeline
def command_lines_are_put_together(name: str, title: str = None) -> str:
    return command_line(name=name, title=title, table={"whole": 1}).outputs["words"]


@expect(outputs={"Output": 'name=x;|untitled|{"whole":1}'}, oracle="nobody knows")
@dsl.pipeline
def command_lines_leave_out_what_is_absent() -> str:
    return command_line(name="x", table={"whole": 1}).outputs["words"]


@expect(outputs={"Output": "{{$.unknown}} {{$.inputs.parameters['nobody']}}"}, oracle="it refuses what it does not know")
@dsl.pipeline
def unknown_placeholders_stay() -> str:
    return say(text="{{$.unknown}} {{$.inputs.parameters['nobody']}}").output
