"""Volumes in containers. There are the secret `login` (password) and the config map `site` (url)."""
from kfp import dsl, kubernetes

from expectations import expect
from steps import say

NO_VOLUMES = "it has no volumes"


@dsl.container_component
def put(text: str):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'printf "%s" "$0" > /data/note'], args=[text])


@dsl.container_component
def get(said: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'cat /data/note > "$0"'], args=[said])


@dsl.container_component
def look(said: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", "cat /mnt/url > \"$0\""], args=[said])


@dsl.container_component
def count_bytes(size: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image="busybox", command=["sh", "-c", "wc -c < /mnt/password > \"$0\""], args=[size])


@expect(outputs={"Output": "kept"}, tasks=4, oracle=NO_VOLUMES)
@dsl.pipeline
def a_claim_is_made_used_and_removed() -> str:
    claim = kubernetes.CreatePVC(pvc_name_suffix="-data", access_modes=["ReadWriteOnce"], size="1Gi", storage_class_name="x")
    first = put(text="kept")
    kubernetes.mount_pvc(first, pvc_name=claim.outputs["name"], mount_path="/data")
    second = get().after(first)
    kubernetes.mount_pvc(second, pvc_name=claim.outputs["name"], mount_path="/data")
    kubernetes.DeletePVC(pvc_name=claim.outputs["name"]).after(second)
    return second.outputs["said"]


@expect(error="there is no volume claim 'nowhere'", tasks=0)
@dsl.pipeline
def a_claim_that_is_not_there():
    kubernetes.mount_pvc(put(text="x"), pvc_name="nowhere", mount_path="/data")


@expect(given={"name": "nowhere"}, failed="put", error="there is no volume claim 'nowhere'")
@dsl.pipeline
def a_claim_by_argument(name: str):
    kubernetes.mount_pvc(put(text="x"), pvc_name=name, mount_path="/data")


@expect(failed="deletepvc", error="there is no volume claim 'nowhere'")
@dsl.pipeline
def removing_what_is_not_there():
    kubernetes.DeletePVC(pvc_name="nowhere")


@expect(outputs={"Output": "http://here"}, oracle=NO_VOLUMES)
@dsl.pipeline
def a_config_map_as_volume() -> str:
    task = look()
    kubernetes.use_config_map_as_volume(task, "site", "/mnt")
    return say(text=task.outputs["said"]).output


@expect(outputs={"Output": 8}, oracle=NO_VOLUMES)
@dsl.pipeline
def a_secret_as_volume() -> int:
    task = count_bytes()
    kubernetes.use_secret_as_volume(task, "login", "/mnt")
    return task.outputs["size"]


@expect(tasks=1, oracle=NO_VOLUMES)
@dsl.pipeline
def an_empty_directory():
    kubernetes.empty_dir_mount(put(text="x"), "scratch", "/data", size_limit="1Gi")
