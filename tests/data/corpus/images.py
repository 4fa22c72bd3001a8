"""Commands of images, run by a container program."""
from typing import Optional

from kfp import dsl

from expectations import expect
from steps import join, say

NO_DAEMON = "it needs a daemon"


@dsl.container_component
def shout(text: str, said: dsl.OutputPath(str), mark: Optional[str] = None):
    program = 'printf "%s%s" "$1" "$2" > "$0"'
    return dsl.ContainerSpec(
        image="registry.example/shout:1",
        command=["sh", "-c", program, said],
        args=[dsl.ConcatPlaceholder(["<", text, ">"]), dsl.IfPresentPlaceholder(input_name="mark", then=[mark], else_=["!"])],
    )


@dsl.container_component
def end_with(code: int):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'echo "no such thing"; exit "$0"'], args=[code])


@dsl.container_component
def variables(said: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'printf "%s|%s" "$WORD" "${HOST_ONLY-none}" > "$0"'], args=[said])


@expect(given={"text": "two words"}, outputs={"Output": "<two words>!"}, oracle=NO_DAEMON)
@dsl.pipeline
def a_command_of_an_image(text: str) -> str:
    return say(text=shout(text=text).outputs["said"]).output


@expect(outputs={"Output": "<a>?"}, oracle=NO_DAEMON)
@dsl.pipeline
def an_option_that_is_given() -> str:
    return shout(text="a", mark="?").outputs["said"]


@expect(given={"items": ["a", "b"]}, outputs={"Output": "<a>!+<b>!"}, oracle=NO_DAEMON)
@dsl.pipeline
def images_in_a_loop(items: list) -> str:
    with dsl.ParallelFor(items) as item:
        task = shout(text=item)
    return join(texts=dsl.Collected(task.outputs["said"])).output


@expect(failed="end-with", error="exit code 3: no such thing")
@dsl.pipeline
def a_command_that_fails():
    end_with(code=3)


@expect(outputs={"Output": "two\nlines|none"}, oracle=NO_DAEMON)
@dsl.pipeline
def variables_of_a_container() -> str:
    return variables().set_env_variable("WORD", "two\nlines").outputs["said"]


@expect(outputs={"Output": "<a>!"}, oracle=NO_DAEMON)
@dsl.pipeline
def limits_of_a_container() -> str:
    task = shout(text="a").set_cpu_limit("500m").set_memory_limit("64Mi")
    task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
    return task.outputs["said"]


@expect(error="accelerator (amd.com/gpu)", tasks=0)
@dsl.pipeline
def an_accelerator_that_nobody_has():
    shout(text="a").set_accelerator_type("amd.com/gpu").set_accelerator_limit(1)
