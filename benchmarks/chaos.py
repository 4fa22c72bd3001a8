"""No training job is ever lost: services killed at random moments while Kubeflow and the Training Manager misbehave.

The same as tests/acceptance/test_chaos.py, larger and as often as wanted. Ends with 1 when a verdict is not good.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.chaos import Chaos, Plan
from support.ledgers import new_database, postgresql_server


def main() -> None:
    """Run the plan on SQLite, then with two replicas on PostgreSQL; print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    arguments = parser.parse_args()
    print(f"{'database':12} {'seed':>5} {'runs':>5} {'kills':>5} {'lost':>5} {'false':>6} {'twice':>6} ", end="")
    print(f"{'order':>6} {'repeated':>9} {'seconds':>8}")
    is_good = True
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = None
        if arguments.only != "sqlite":
            directory.chmod(0o755)  # the server runs as a user of its own
            (directory / "postgresql").mkdir()
            server = stack.enter_context(postgresql_server(directory / "postgresql"))
        for number in range(arguments.rounds):
            seed = arguments.seed + number
            for database in ("sqlite", "postgresql"):
                if arguments.only in (None, database):
                    is_good &= one_round(arguments, database, seed, server, directory / f"{database}-{seed}")
    sys.exit(0 if is_good else 1)


def one_round(arguments: argparse.Namespace, database: str, seed: int, server: str | None, directory: Path) -> bool:
    """One plan on one database; prints its line."""
    directory.mkdir()
    url = new_database(server) if server is not None and database == "postgresql" else ""
    plan = Plan(
        jobs=arguments.jobs,
        kills=arguments.kills,
        seed=seed,
        replicas=2 if url else 1,
        database_url=url,
        patience_seconds=120,
    )
    found = Chaos(plan, directory).run()
    print(
        f"{database:12} {seed:5} {found.runs:5} {found.kills:5} {len(found.lost):5} {len(found.false):6} "
        f"{len(found.doubled):6} {len(found.disordered):6} {found.repetitions:9} {found.seconds:8.1f}",
        flush=True,
    )
    if not found.is_good:
        print(found, flush=True)
    return found.is_good


if __name__ == "__main__":
    main()
