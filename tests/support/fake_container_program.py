"""A `docker` (or `podman`) that really runs the command, on this machine, and notes how it was called.

What a container is to the engine is kept: the command gets no variable but those handed over, outlives the program that
started it, is in nobody's process group, and ends when it is removed. Where something is mounted at another path, that
path is replaced in the command's words. The directory of the script holds `calls.jsonl`, a file for each container
below `containers/`, and `fault`, which says what is to go wrong: away, no-image, hang.
"""

# ruff: noqa: T201 - it is a program

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(sys.argv[0]).absolute().parent
WITH_VALUE = {
    *("--name", "--user", "--security-opt", "--userns", "--label", "--mount", "--env", "--cpus", "--memory"),
    *("--gpus", "--pull", "--ulimit", "--entrypoint", "--filter"),
}
WITHOUT_VALUE = {"--rm", "--force", "--all", "--quiet"}


def main(words: list[str]) -> int:
    with (HERE / "calls.jsonl").open("a") as file:
        file.write(json.dumps({"program": Path(sys.argv[0]).name, "words": words}) + "\n")
    options, rest = parse(words[1:])
    fault = (HERE / "fault").read_text() if (HERE / "fault").exists() else ""
    if fault == "away":
        print("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
        return 125
    if fault == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    if words[0] == "run":
        return run(options, rest, fault)
    return remove(rest) if words[0] == "rm" else show(options)


def parse(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    options = []
    while words and words[0].startswith("-"):
        if words[0] in WITHOUT_VALUE:
            options.append((words.pop(0), ""))
        else:
            assert words[0] in WITH_VALUE, words[0]
            options.append((words.pop(0), words.pop(0)))
    return options, words


def run(options: list[tuple[str, str]], rest: list[str], fault: str) -> int:
    named = dict(options)
    image, *words = rest
    if fault == "no-image":
        print(f"Unable to find image '{image}' locally\npull access denied for {image}")
        return 125
    command = [named["--entrypoint"], *words] if "--entrypoint" in named else words
    for mount in (value for name, value in options if name == "--mount"):
        fields = dict(field.strip('"').partition("=")[::2] for field in mount.split(","))
        command = [word.replace(fields["target"], fields["source"]) for word in command]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    for one in (value for name, value in options if name == "--env"):
        name, given, value = one.partition("=")
        environment[name] = value if given else os.environ[name]
    child = subprocess.Popen(command, env=environment, cwd="/", start_new_session=True)
    labels = [value for name, value in options if name == "--label"]
    place = HERE / "containers" / named["--name"]
    place.parent.mkdir(exist_ok=True)
    place.write_text(json.dumps({"pid": child.pid, "labels": labels}))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child.pid, signal.SIGTERM))
    code = child.wait()
    place.unlink(missing_ok=True)
    return 128 - code if code < 0 else code


def remove(names: list[str]) -> int:
    for name in names:
        place = HERE / "containers" / name
        if not place.exists():
            print(f"Error response from daemon: No such container: {name}")
            return 1
        os.killpg(json.loads(place.read_text())["pid"], signal.SIGKILL)
        place.unlink(missing_ok=True)
    return 0


def show(options: list[tuple[str, str]]) -> int:
    wanted = dict(options)["--filter"].removeprefix("label=")
    for place in (HERE / "containers").glob("*"):
        if wanted in json.loads(place.read_text())["labels"]:
            print(place.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
