"""A `docker` and a `podman` for tests, and what they were called with."""

import json
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "fake_container_program.py"


class Programs:
    """A directory with `docker` and `podman`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        for name in ("docker", "podman"):
            script = place / name
            script.write_text(f"#!{sys.executable}\n{PROGRAM.read_text()}")
            script.chmod(0o755)

    def fault(self, what: str) -> None:
        (self.place / "fault").write_text(what)

    @property
    def settings(self) -> dict[str, str]:
        return {"PATH": f"{self.place}:/usr/bin:/bin"}

    def calls(self, word: str) -> list[list[str]]:
        """The words of every call of one kind."""
        path = self.place / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [one["words"] for one in map(json.loads, lines) if one["words"][0] == word]

    def options(self, name: str, call: int = 0) -> list[str]:
        """The values of an option of a run."""
        words = self.calls("run")[call]
        return [words[index + 1] for index, word in enumerate(words) if word == name]

    @property
    def containers(self) -> list[Path]:
        return list((self.place / "containers").glob("*"))

    def pid(self) -> int:
        return int(json.loads(self.containers[0].read_text())["pid"])
