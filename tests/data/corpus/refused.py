"""What needs Kubernetes or a container: refused at once, unless it is not reached."""
from kfp import dsl, kubernetes

from expectations import expect
from steps import component, say


@dsl.container_component
def echo(text: str):
    return dsl.ContainerSpec(image="busybox", command=["echo"], args=[text])


@dsl.container_component
def put_together(text: str, title: str = ""):
    return dsl.ContainerSpec(
        image="busybox",
        command=["echo", dsl.ConcatPlaceholder(["text=", text])],
        args=[dsl.IfPresentPlaceholder(input_name="title", then=["--title", title], else_=["--untitled"])],
    )


@dsl.component(base_image="python:3.11", target_image="registry.example/containerised:1")
def containerised(text: str) -> str:
    return text


@expect(error="task echo: it runs a command of the image busybox", tasks=0)
@dsl.pipeline
def a_container_component():
    say(text="before")
    echo(text="x")


@expect(error="busybox", tasks=0)
@dsl.pipeline
def a_container_component_with_placeholders():
    put_together(text="x")


@expect(error="registry.example/containerised:1", tasks=0)
@dsl.pipeline
def a_containerised_python_component():
    containerised(text="x")


@expect(error="secret", tasks=0)
@dsl.pipeline
def a_secret_as_variable():
    kubernetes.use_secret_as_env(say(text="x"), "a-secret", {"key": "VARIABLE"})


@expect(error="secret", tasks=0)
@dsl.pipeline
def a_secret_as_volume():
    kubernetes.use_secret_as_volume(say(text="x"), "a-secret", "/mnt/secret")


@expect(error="config map", tasks=0)
@dsl.pipeline
def a_config_map_as_variable():
    kubernetes.use_config_map_as_env(say(text="x"), "a-map", {"key": "VARIABLE"})


@expect(error="field status.podIP of its pod", tasks=0)
@dsl.pipeline
def a_field_of_the_pod():
    kubernetes.use_field_path_as_env(say(text="x"), "ADDRESS", "status.podIP")


@expect(error="volume claim", tasks=0)
@dsl.pipeline
def a_volume_claim():
    claim = kubernetes.CreatePVC(pvc_name_suffix="-data", access_modes=["ReadWriteOnce"], size="1Gi", storage_class_name="x")
    kubernetes.mount_pvc(say(text="x"), pvc_name=claim.outputs["name"], mount_path="/data")


@expect(error="accelerator", tasks=0)
@dsl.pipeline
def an_accelerator():
    say(text="x").set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)


@expect(given={"cluster": False}, outputs={"Output": "done"}, skipped="condition-1", oracle="it refuses what is not reached")
@expect(given={"cluster": True}, outputs={"Output": "done"}, failed="condition-1.echo", error="busybox")
@dsl.pipeline
def a_container_that_is_not_reached(cluster: bool) -> str:
    with dsl.If(cluster == True):
        echo(text="x")
    return say(text="done").output


@expect(given={"items": ["a"]}, error="busybox", tasks=0)
@dsl.pipeline
def a_container_in_a_loop(items: list):
    with dsl.ParallelFor(items) as item:
        echo(text=item)
