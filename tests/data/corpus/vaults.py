"""Secrets and config maps as variables, and fields of a pod. There are the secret `login` (password) and the config map `site` (url)."""
from kfp import dsl, kubernetes

from expectations import expect
from steps import component, say

NO_SECRETS = "it has no secrets"


@component
def length_of(name: str) -> int:
    import os

    return len(os.environ.get(name, ""))


@component
def show(name: str) -> str:
    import os

    return str(os.environ.get(name))


@expect(outputs={"Output": 8}, oracle=NO_SECRETS)
@dsl.pipeline
def a_secret() -> int:
    task = length_of(name="PASSWORD")
    kubernetes.use_secret_as_env(task, "login", {"password": "PASSWORD"})
    return task.output


@expect(given={"secret": "login"}, outputs={"Output": 8}, oracle=NO_SECRETS)
@expect(given={"secret": "nobody"}, failed="length-of", error="the secret 'nobody' is not there")
@dsl.pipeline
def a_secret_by_argument(secret: str) -> int:
    task = length_of(name="PASSWORD")
    kubernetes.use_secret_as_env(task, secret, {"password": "PASSWORD"})
    return task.output


@expect(outputs={"Output": 8}, oracle=NO_SECRETS)
@dsl.pipeline
def a_secret_that_a_task_names() -> int:
    task = length_of(name="PASSWORD")
    kubernetes.use_secret_as_env(task, say(text="login").output, {"password": "PASSWORD"})
    return task.output


@expect(outputs={"Output": "[redacted]"}, oracle=NO_SECRETS)
@dsl.pipeline
def a_secret_that_is_given_away() -> str:
    task = show(name="PASSWORD")
    kubernetes.use_secret_as_env(task, "login", {"password": "PASSWORD"})
    return task.output


@expect(outputs={"Output": "http://here"}, oracle=NO_SECRETS)
@dsl.pipeline
def a_config_map() -> str:
    task = show(name="URL")
    kubernetes.use_config_map_as_env(task, "site", {"url": "URL"})
    return task.output


@expect(outputs={"Output": "None"}, oracle=NO_SECRETS)
@dsl.pipeline
def a_secret_that_is_optional() -> str:
    task = show(name="PASSWORD")
    kubernetes.use_secret_as_env(task, "nobody", {"password": "PASSWORD"}, optional=True)
    return task.output


@expect(error="the secret 'login' has no key 'token'", tasks=0)
@dsl.pipeline
def a_key_that_is_missing():
    kubernetes.use_secret_as_env(show(name="TOKEN"), "login", {"token": "TOKEN"})


@expect(outputs={"Output": "{task_id:show}-0"}, oracle=NO_SECRETS)
@dsl.pipeline
def the_name_of_the_pod() -> str:
    task = show(name="POD")
    kubernetes.use_field_path_as_env(task, "POD", "metadata.name")
    return task.output
