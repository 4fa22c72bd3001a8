"""Artifacts that a task has left at a path of its own: KFP's launcher takes them from there, and so does the engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kfadapter.engine.running.copies import copy_tree
from kfadapter.engine.running.executor_io import OutputsUnusable
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.sizes import tree_bytes


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """Brings artifacts to where they belong.

    Attributes:
        work: The directory the task worked in: where paths start from that are not absolute.
        within: The directories that a container sees at the same path; empty: the task saw all of this machine.
        limit_bytes: What one artifact may have; 0: no limit.
        canceled: Whether nobody waits for it any more.
    """

    work: Path
    within: Sequence[Path]
    limit_bytes: int
    canceled: Callable[[], bool]

    def gather(self, name: str, custom_path: str, target: Path) -> None:
        """Copy what lies at a path to where the artifact's URI points. As on KFP it is no error if nothing is there.

        Args:
            name: The artifact's, for errors.

        Raises:
            OutputsUnusable: It cannot be reached from outside of the container, is too large, neither file nor
                directory, or cannot be copied.
            CopyCanceled: `canceled` said so.
        """
        what = f"the output artifact {name!r} at {custom_path!r}"
        try:
            source = (self.work / custom_path).resolve()
            if self.within and not any(source.is_relative_to(seen.resolve()) for seen in self.within):
                seen = ", ".join(str(one) for one in self.within)
                raise OutputsUnusable(f"{what} is not seen outside of its container, which only shares {seen}")
            if source.exists() and source != target.resolve():
                self._copy(what, source, target)
        except (OSError, ValueError, RuntimeError) as exc:
            raise OutputsUnusable(f"{what} cannot be copied: {exc}") from exc

    def _copy(self, what: str, source: Path, target: Path) -> None:
        if not (source.is_file() or source.is_dir()):
            raise OutputsUnusable(f"{what} is neither a file nor a directory")
        if target.resolve().is_relative_to(source) or source.is_relative_to(target.resolve()):
            raise OutputsUnusable(f"{what} lies around the place of the artifact, or in it")
        size = tree_bytes(source) if source.is_dir() else source.stat().st_size
        if self.limit_bytes and size > self.limit_bytes:
            raise OutputsUnusable(f"{what} has {size} bytes, and may have {self.limit_bytes}")
        remove_tree(target)
        copy_tree(source, target, self.canceled)
