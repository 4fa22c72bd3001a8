"""One pipeline for each feature of the compiler. `build.py` compiles them with whatever kfp it is started under.

What a version of kfp does not have yet is left out when it is the one that compiles.
"""
from typing import List, NamedTuple, Optional

import kfp
from kfp import dsl, kubernetes
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, Markdown, Metrics, Model, Output

from steps import component, count, deploy, evaluate, fetch, flip, prepare, say, sites, tidy, total, train

SDK = tuple(int(part) for part in kfp.__version__.split(".")[:2])


# Inputs

@component
def take(text: str, whole: int, real: float, truth: bool, items: list, table: dict):
    print(text, whole, real, truth, items, table)


@dsl.pipeline
def types(text: str, whole: int, real: float, truth: bool, items: list, table: dict):
    take(text=text, whole=whole, real=real, truth=truth, items=items, table=table)


@dsl.pipeline
def defaults(
    text: str = "", whole: int = 10, real: float = 2, truth: bool = False,
    items: list = [1, 2.5, "x", [True]], table: dict = {"layers": [12, 6], "rate": 1.0},
):
    take(text=text, whole=whole, real=real, truth=truth, items=items, table=table)


@component
def maybe(text: Optional[str] = None, number: int = 3, note: str = "n") -> str:
    return f"{text}{number}{note}"


@dsl.pipeline
def optional_inputs(text: Optional[str] = None, number: int = 5):
    maybe(text=text, number=number)


@dsl.pipeline(name="described-inputs", description="Trains one model for one cell.", display_name="Cell model")
def described_inputs(epochs: int = 3, rows: int = 100):
    """Trains one model.

    Args:
        epochs: How often the data is gone through.
        rows: Rows of data; more is better.
    """
    prepared = prepare(rows=rows)
    train(data=prepared.output, epochs=epochs)


@dsl.pipeline(pipeline_root="s3://a-bucket/runs")
def with_a_root(text: str = "x") -> str:
    return say(text=text).output


@dsl.pipeline
def unused_input(used: str, unused: str = "nobody reads it"):
    say(text=used)


# Artifacts

@dsl.pipeline
def artifact_chain(rows: int = 100, epochs: int = 3) -> float:
    prepared = prepare(rows=rows).set_display_name("Prepare the data")
    trained = train(data=prepared.outputs["data"], epochs=epochs)
    evaluated = evaluate(model=trained.outputs["model"], data=prepared.outputs["data"])
    deploy(model=trained.outputs["model"]).after(evaluated)
    return evaluated.outputs["Output"]


@dsl.pipeline
def artifact_inputs(data: Input[Dataset], epochs: int) -> Model:
    return train(data=data, epochs=epochs).outputs["model"]


@component
def report(
    page: Output[HTML], text: Output[Markdown], metrics: Output[Metrics], curve: Output[ClassificationMetrics],
    anything: Output[Artifact],
):
    page.uri, text.uri, metrics.uri, curve.uri, anything.uri


@dsl.pipeline
def every_kind_of_artifact():
    report()


class Trained(NamedTuple):
    model: Model
    score: float
    names: list


@component
def name_all() -> list:
    return ["a"]


@dsl.pipeline
def named_outputs(rows: int = 1) -> Trained:
    prepared = prepare(rows=rows)
    trained = train(data=prepared.output, epochs=1)
    return Trained(model=trained.outputs["model"], score=trained.outputs["Output"], names=name_all().output)


# Loops

@dsl.pipeline
def loop_over_constants():
    with dsl.ParallelFor(["a", "b", "it's"]) as text:
        say(text=text)


@dsl.pipeline
def loop_over_an_input(names: list = ["n1", "n2"]):
    with dsl.ParallelFor(names, parallelism=2) as name:
        said = say(text=name)
        say(text=f"after {said.output}")


@dsl.pipeline
def loop_over_fields():
    with dsl.ParallelFor([{"site": "a", "size": 1}, {"site": "b", "size": 2}], parallelism=1) as item:
        say(text=f"{item.site} is {item.size}")
        say(text=item.site)


@dsl.pipeline
def loops_in_loops():
    with dsl.ParallelFor(sites().output) as site:
        with dsl.ParallelFor(site.cells) as cell:
            say(text=cell)


@dsl.pipeline
def collected_values() -> int:
    with dsl.ParallelFor([1, 2, 3]) as number:
        counted = count(number=number)
    return total(numbers=dsl.Collected(counted.output)).output


@component
def best(models: Input[List[Model]], model: Output[Model]):
    model.uri = models[0].uri


@dsl.pipeline
def collected_artifacts(rows: int = 5) -> Model:
    prepared = prepare(rows=rows)
    with dsl.ParallelFor([1, 5, 10]) as epochs:
        trained = train(data=prepared.output, epochs=epochs)
    return best(models=dsl.Collected(trained.outputs["model"])).outputs["model"]


# Conditions

@dsl.pipeline
def only_if(score: float = 0.5):
    with dsl.Condition(score > 0.4, name="good enough"):
        say(text="good")


@dsl.pipeline
def if_else(size: int):
    flipped = flip()
    with dsl.If(flipped.output == True):
        with dsl.If(size >= 10):
            say(text="large")
    with dsl.If(size != 3):
        say(text="not three")


@dsl.pipeline
def if_elif_else(kind: str = "a"):
    said = say(text=kind)
    with dsl.If(said.output == "a"):
        say(text="it is a")
    with dsl.Elif(said.output == 'say "b"'):
        say(text="it is b")
    with dsl.Else():
        say(text="it is neither")


@dsl.pipeline
def branch_in_a_loop(names: list = ["x"]):
    with dsl.ParallelFor(names) as name:
        with dsl.If(name == "x"):
            say(text=name)


if SDK >= (2, 5):

    @dsl.pipeline
    def one_of(large: bool = False) -> Model:
        prepared = prepare(rows=1)
        with dsl.If(large == True):
            one = train(data=prepared.output, epochs=100)
        with dsl.Else():
            other = train(data=prepared.output, epochs=1)
        model = dsl.OneOf(one.outputs["model"], other.outputs["model"])
        deploy(model=model)
        return model


# Exit handlers

@dsl.pipeline
def exit_handler(place: str = "here"):
    with dsl.ExitHandler(tidy(place=place).set_retry(2), name="guarded"):
        say(text="work")


@component
def told(status: dsl.PipelineTaskFinalStatus, note: str = ""):
    print(status.state, note)


@dsl.pipeline
def exit_handler_with_status(note: str = "n"):
    with dsl.ExitHandler(told(note=note)):
        prepared = prepare(rows=1)
        train(data=prepared.output, epochs=1)
    with dsl.ExitHandler(tidy()):
        say(text="beside")


@dsl.pipeline
def ignores_a_failure():
    first = say(text="may fail")
    tidy(place=first.output).after(first).ignore_upstream_failure()


# Pipelines in pipelines

@dsl.pipeline
def model_of(rows: int, epochs: int = 3) -> Model:
    prepared = prepare(rows=rows)
    return train(data=prepared.output, epochs=epochs).outputs["model"]


@dsl.pipeline
def nested(rows: int = 7):
    one = model_of(rows=rows)
    two = model_of(rows=5, epochs=9)
    deploy(model=one.output)
    deploy(model=two.output, where="elsewhere")


@dsl.pipeline
def two_levels(rows: int) -> Model:
    return model_of(rows=rows).output


@dsl.pipeline
def three_levels(rows: int = 2):
    deploy(model=two_levels(rows=rows).output)


@dsl.pipeline
def a_pipeline_in_a_loop(rows: List[int] = [1, 2]):
    with dsl.ParallelFor(rows) as number:
        model_of(rows=number)


# Containers

@dsl.container_component
def shell(text: str, data: Output[Dataset], size: int = 3):
    return dsl.ContainerSpec(
        image="registry.example:5000/team/alpine:3.20@sha256:" + "ab" * 32,
        command=["sh", "-c", 'echo "$0" > "$1"'],
        args=[text, data.path, "--size", size],
    )


@dsl.pipeline
def a_container(text: str = "hello"):
    shell(text=text)


@dsl.container_component
def options(name: str, title: str = None, verbose: bool = False):
    return dsl.ContainerSpec(
        image="busybox",
        command=["echo", dsl.ConcatPlaceholder(["--name=", name])],
        args=[dsl.IfPresentPlaceholder(input_name="title", then=["--title", title], else_=["--untitled"])],
    )


@dsl.pipeline
def command_lines(name: str):
    options(name=name, title="t")


V1_COMPONENT = """
name: Shout
description: Says it loudly.
inputs:
- {name: text, type: String, default: hey}
outputs:
- {name: loud, type: String}
implementation:
  container:
    image: bash:5.2
    command: [bash, -c, 'echo "${0^^}" > "$1"', {inputValue: text}, {outputPath: loud}]
"""


@dsl.pipeline
def a_component_that_came_as_a_file():
    shout = kfp.components.load_component_from_text(V1_COMPONENT)
    say(text=shout(text="hello").output)


@dsl.component(base_image="python:3.11", target_image="registry.example/team/steps:v3")
def built(text: str) -> str:
    return text


@dsl.pipeline
def a_containerised_component():
    built(text="x")


# Importers

@dsl.pipeline
def importer_of_constants():
    imported = dsl.importer(
        artifact_uri="s3://a-bucket/data.csv", artifact_class=Dataset, reimport=True, metadata={"rows": 3, "kind": "kpi"})
    train(data=imported.output, epochs=1)


@dsl.pipeline
def importer_of_an_input(uri: str, label: str = "none"):
    imported = dsl.importer(artifact_uri=uri, artifact_class=Model, metadata={"label": label})
    deploy(model=imported.output)


# What a task asks for

@dsl.pipeline
def settings_of_a_task(cpu: str = "2"):
    task = say(text="x")
    task.set_display_name("Say it").set_caching_options(False)
    task.set_cpu_request("500m").set_cpu_limit("2").set_memory_request("1Gi").set_memory_limit("4G")
    task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(2)
    task.set_env_variable("LOG_LEVEL", "debug").set_env_variable("EMPTY", "")
    task.set_retry(num_retries=3, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="600s")


@dsl.component(
    base_image="python:3.11-slim",
    packages_to_install=["pandas==2.2.2", "scikit-learn>=1.5", "git+https://git.example/team/lib.git@0a1b2c3d4e5f", "a-package"],
    pip_index_urls=["https://packages.example/simple", "http://other.example/simple"],
)
def installs_packages() -> str:
    import pandas
    return pandas.__version__


@dsl.pipeline
def packages():
    installs_packages()


@dsl.pipeline
def order_only():
    first, second = say(text="1"), say(text="2")
    third = say(text="3").after(first, second)
    say(text="4").after(third)


@dsl.pipeline
def wide_and_back():
    prepared = prepare(rows=3)
    scores = [train(data=prepared.output, epochs=epochs) for epochs in range(1, 11)]
    last = say(text="all are there")
    for score in scores:
        last.after(score)


# Kubernetes

@dsl.pipeline
def secrets():
    task = say(text="x")
    kubernetes.use_secret_as_env(task, secret_name="a-secret", secret_key_to_env={"password": "PASSWORD", "user": "USER"})
    kubernetes.use_secret_as_volume(task, secret_name="a-secret", mount_path="/secret")


@dsl.pipeline
def volumes():
    claim = kubernetes.CreatePVC(
        pvc_name_suffix="-data", access_modes=["ReadWriteMany"], size="5Gi", storage_class_name="standard")
    writer = say(text="write")
    kubernetes.mount_pvc(writer, pvc_name=claim.outputs["name"], mount_path="/data")
    reader = say(text="read").after(writer)
    kubernetes.mount_pvc(reader, pvc_name="a-claim", mount_path="/old")
    kubernetes.DeletePVC(pvc_name=claim.outputs["name"]).after(reader)


@dsl.pipeline
def on_a_node():
    task = say(text="x")
    kubernetes.add_node_selector(task, label_key="disk", label_value="ssd")
    kubernetes.add_node_selector(task, label_key="zone", label_value="a")
    if hasattr(kubernetes, "add_toleration"):
        kubernetes.add_toleration(task, key="gpu", operator="Exists", effect="NoSchedule")
        kubernetes.add_toleration(task, key="team", operator="Equal", value="ran", effect="NoExecute", toleration_seconds=60)
    if hasattr(kubernetes, "add_node_affinity"):
        kubernetes.add_node_affinity(task, match_expressions=[{"key": "disk", "operator": "In", "values": ["ssd", "nvme"]}])
        kubernetes.add_node_affinity(task, match_expressions=[{"key": "zone", "operator": "Exists"}], weight=50)


if hasattr(kubernetes, "set_timeout"):

    @dsl.pipeline
    def everything_of_a_pod(claim: str = "c"):
        task = say(text="x")
        kubernetes.add_pod_label(task, label_key="team", label_value="ran")
        kubernetes.add_pod_annotation(task, annotation_key="owner", annotation_value="them")
        kubernetes.set_timeout(task, seconds=600)
        kubernetes.set_image_pull_policy(task, "Always")
        kubernetes.set_image_pull_secrets(task, ["registry"])
        kubernetes.use_config_map_as_env(task, config_map_name="a-map", config_map_key_to_env={"level": "LEVEL"})
        kubernetes.use_config_map_as_volume(task, config_map_name="a-map", mount_path="/config")
        kubernetes.use_field_path_as_env(task, env_name="POD", field_path="metadata.name")
        kubernetes.add_ephemeral_volume(
            task, volume_name="scratch", mount_path="/scratch", access_modes=["ReadWriteOnce"], size="1Gi")
        if hasattr(kubernetes, "empty_dir_mount"):
            kubernetes.empty_dir_mount(task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit="2Gi")
        if hasattr(kubernetes, "set_security_context"):
            kubernetes.set_security_context(task, run_as_user=1000, run_as_non_root=True)


if SDK >= (2, 14):

    @dsl.pipeline
    def names_from_inputs(secret: str = "s", claim: str = "c", selector: dict = {"disk": "ssd"}):
        task = say(text="x")
        kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env={"key": "KEY"}, optional=True)
        kubernetes.mount_pvc(task, pvc_name=claim, mount_path="/data")
        kubernetes.add_node_selector_json(task, node_selector_json=selector)


@dsl.pipeline
def literals(kind: str, size: int = 2):
    """No kfp compiles literals yet, so `build.py` writes them."""
    maybe(text=kind, number=size)


@dsl.pipeline
def newer_fields(text: str = "x"):
    """What a later compiler might add, so `build.py` writes it."""
    say(text=text)


if SDK >= (2, 14):

    @dsl.component(base_image="python:3.11", packages_to_install=["six==1.17.0"], use_venv=True)
    def in_its_own_venv() -> str:
        return "x"

    @dsl.pipeline(pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(
        size="10Gi", kubernetes=dsl.KubernetesWorkspaceConfig(pvcSpecPatch={"storageClassName": "fast"}))))
    def a_workspace():
        in_its_own_venv()
        say(text=dsl.WORKSPACE_PATH_PLACEHOLDER)


if SDK >= (2, 15):
    from pathlib import Path

    @dsl.notebook_component(
        base_image="python:3.11", notebook_path=str(Path(__file__).with_name("notebook.ipynb")),
        packages_to_install=["nbclient==0.10.2"])
    def notebook(rows: int, model: Output[Model]):
        dsl.run_notebook(rows=rows)
        model.uri = model.uri

    @dsl.pipeline
    def a_notebook(rows: int = 3):
        deploy(model=notebook(rows=rows).outputs["model"])


@dsl.pipeline
def hostile_names():
    """<script>alert(1)</script>"""
    said = say(text='"]; x -->|y| z; click n0 "javascript:alert(1)"').set_display_name('</title><script>alert("1")</script>')
    tidy(place=said.output).set_display_name('a"] --> b["` %%{init: {}}%% \\" ]]>')
