"""What is said of a task: retries, limits, names, variables, packages; and what a task may do wrong."""
from typing import NamedTuple

from kfp import dsl, kubernetes

from expectations import edited, expect
from steps import component, count, fail, say


@component
def fails_so_often(times: int) -> int:
    import os

    with open("attempts", "a") as file:
        file.write("x")
    tried = os.path.getsize("attempts")
    if tried <= times:
        raise RuntimeError(f"attempt {tried} fails")
    return tried


@component
def sleep(seconds: float) -> str:
    import time

    time.sleep(seconds)
    return "slept"


@component
def variables(names: list) -> str:
    import os

    return " ".join(f"{name}={os.environ.get(name)}" for name in names)


@component
def says_another_type() -> int:
    return "seven"


@component
def exits_before_the_end() -> str:
    import os

    os._exit(0)


@component
def writes_no_number(number: dsl.OutputPath(int)):
    with open(number, "w") as file:
        file.write("seven")


@component
def answers_nonsense() -> str:
    import atexit
    import sys

    place = __import__("json").loads(sys.argv[sys.argv.index("--executor_input") + 1])["outputs"]["outputFile"]
    atexit.register(lambda: open(place, "w").write("[not json"))
    return "x"


@dsl.component(base_image="python:3.11", packages_to_install=["six==1.17.0"])
def with_a_package() -> str:
    import six

    return six.__version__


@dsl.component(base_image="python:3.11", packages_to_install=["no-such-package-anywhere==1.0"], pip_index_urls=["http://127.0.0.1:9/simple"])
def from_an_index_that_is_not_there() -> str:
    return "never"


@dsl.component(base_image="registry.example/custom/python:3.7-alpine")
def from_another_image() -> str:
    import sys

    return str(sys.version_info[0])


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def without_kfp() -> str:
    return "never"


@dsl.component(base_image="python:3.11", use_venv=True)
def in_its_own_venv() -> str:
    return "venv"


@expect(outputs={"Output": 3}, tasks=1)
@dsl.pipeline
def works_the_third_time() -> int:
    task = fails_so_often(times=2)
    task.set_retry(num_retries=3, backoff_duration="1s", backoff_factor=2, backoff_max_duration="1s")
    return task.output


@edited(works_the_third_time)
def _(spec):
    """The compiler writes whole seconds only."""
    spec["root"]["dag"]["tasks"]["fails-so-often"]["retryPolicy"]["backoffDuration"] = "0.05s"


@expect(failed="fails-so-often", error="attempt 2 fails")
@dsl.pipeline
def fails_once_too_often():
    fails_so_often(times=5).set_retry(num_retries=1)


@expect(failed="sleep", error="limit of 1 seconds")
@dsl.pipeline
def takes_too_long():
    kubernetes.set_timeout(sleep(seconds=60.0), 1)


@expect(outputs={"Output": "slept"})
@dsl.pipeline
def ends_in_time() -> str:
    task = sleep(seconds=0.01)
    kubernetes.set_timeout(task, 30)
    return task.output


@expect(outputs={"Output": "A=1 B=two words C=ü$HOME D=None"})
@dsl.pipeline
def variables_of_a_task() -> str:
    task = variables(names=["A", "B", "C", "D"])
    task.set_env_variable("A", "1").set_env_variable("B", "two words").set_env_variable("C", "ü$HOME")
    return task.output


@expect(outputs={"Output": "shown"}, tasks=1)
@dsl.pipeline
def names_and_options() -> str:
    task = say(text="shown").set_display_name("A name, for people: ü").set_caching_options(False)
    return task.output


@expect(outputs={"Output": "1.17.0"})
@dsl.pipeline
def packages_are_there() -> str:
    return with_a_package().output


@expect(failed="from-an-index-that-is-not-there", error="cannot install")
@dsl.pipeline
def packages_that_are_nowhere():
    from_an_index_that_is_not_there()


@expect(outputs={"Output": "3"})
@dsl.pipeline
def the_image_is_not_used() -> str:
    return from_another_image().output


@expect(outputs={"Output": "venv"})
@dsl.pipeline
def a_task_asks_for_its_own_venv() -> str:
    return in_its_own_venv().output


@expect(outputs={"Output": "limited"})
@dsl.pipeline
def limits_are_only_warned_of() -> str:
    task = say(text="limited").set_cpu_limit("1").set_memory_limit("1G").set_cpu_request("100m").set_memory_request("10M")
    kubernetes.add_node_selector(task, "disk", "fast")
    kubernetes.add_toleration(task, key="k", operator="Exists")
    kubernetes.add_pod_label(task, "a", "b")
    kubernetes.set_image_pull_policy(task, "Always")
    return task.output


@expect(failed="says-another-type", skipped="count", error="want type")
@dsl.pipeline
def an_output_of_another_type():
    count(number=says_another_type().output)


@expect(failed="exits-before-the-end", error="Output")
@dsl.pipeline
def an_output_is_missing():
    exits_before_the_end()


@expect(failed="writes-no-number", error="NUMBER_INTEGER")
@dsl.pipeline
def an_output_file_that_spells_no_number():
    writes_no_number()


@expect(failed="answers-nonsense", error="not JSON")
@dsl.pipeline
def an_answer_that_is_no_json():
    answers_nonsense()


@component
def put(place: str) -> str:
    with open(f"{place}/note", "w") as file:
        file.write("kept")
    return "put"


@component
def get(place: str) -> str:
    with open(f"{place}/note") as file:
        return file.read()


@expect(outputs={"Output": "kept"}, oracle="it needs its own workspace")
@dsl.pipeline(pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
def a_workspace_is_shared() -> str:
    first = put(place=dsl.WORKSPACE_PATH_PLACEHOLDER)
    return get(place=dsl.WORKSPACE_PATH_PLACEHOLDER).after(first).output


@expect(outputs={"Output": 30}, tasks=31)
@dsl.pipeline
def a_long_chain() -> int:
    from steps import add

    task = count(number=0)
    for _ in range(30):
        task = add(one=task.output, other=1)
    return task.output


@expect(outputs={"first": "one", "second": "one"}, tasks=3)
@dsl.pipeline
def order_without_data() -> NamedTuple("O", [("first", str), ("second", str)]):
    first = say(text="one")
    second = say(text="one").after(first)
    say(text="last").after(first, second)
    O = NamedTuple("O", [("first", str), ("second", str)])
    return O(first=first.output, second=second.output)
