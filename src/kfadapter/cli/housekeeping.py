"""`kfadapter engine gc`: one round of the engine's housekeeping, by hand."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kfadapter.cli.tables import print_json, screen, show_table
from kfadapter.cli.times import moment
from kfadapter.engine.keeping.sizes import shown_bytes
from kfadapter.engine.keeping.surplus import Surplus
from kfadapter.engine.keeping.sweep import DATABASE, Removal, Sweep, data_directory, everything
from kfadapter.engine.protocol.faults import ApiError
from kfadapter.engine.store.database import Store
from kfadapter.errors import EngineError
from kfadapter.service import engine_settings
from kfadapter.settings import load_settings

EXIT_SOMETHING_STAYED = 1


def collect(data_dir: Path | None, *, is_dry: bool, as_json: bool) -> int:
    """Remove what is kept no longer, and print it.

    Args:
        data_dir: Where to look; None: where the settings say.
        is_dry: Remove nothing, only say what would be.
        as_json: Print JSON.

    Returns:
        The exit code: 1 when something could not be removed.

    Raises:
        KFAdapterError: There is nothing of an engine, or its data cannot be read.
    """
    now = datetime.now(UTC)
    with _sweep(data_dir) as sweep:
        if is_dry:
            found = sweep.look(now)
            _show(found, (), as_json=as_json, is_dry=True)
            return 0
        removals = list(sweep.clear(now))
    gone = [one.what for one in removals if one.is_gone]
    stayed = [one for one in removals if not one.is_gone]
    _show(gone, stayed, as_json=as_json, is_dry=False)
    return EXIT_SOMETHING_STAYED if stayed else 0


@contextmanager
def _sweep(data_dir: Path | None) -> Iterator[Sweep]:
    settings = load_settings(data_dir=data_dir)
    place = data_directory(settings.data_dir)
    store = Store(place / DATABASE)
    store.open()
    try:
        yield Sweep(place, everything(store, engine_settings(settings, place, host="", port=0)))
    except ApiError as exc:
        raise EngineError(exc.detail or exc.message) from exc
    finally:
        store.close()


def _show(things: Sequence[Surplus], stayed: Sequence[Removal], *, as_json: bool, is_dry: bool) -> None:
    size = sum(one.bytes for one in things)
    if as_json:
        document = {
            "dry_run": is_dry,
            "bytes": size,
            "removed": [one.to_json() for one in things],
            "in_use": [one.what.to_json() for one in stayed],
        }
        print_json(json.dumps(document))
        return
    rows = [(one.kind, one.name, shown_bytes(one.bytes), moment(one.used_at.isoformat()), one.reason) for one in things]
    console = screen()
    show_table(console, ("KIND", "NAME", "SIZE", "LAST USED (UTC)", "WHY"), rows, nothing="There is nothing to remove.")
    for one in stayed:
        console.print(f"not removed: {one.what.kind} {one.what.name} is in use, or its files cannot be removed")
    if things:
        console.print(f"{shown_bytes(size)} {'would be freed' if is_dry else 'freed'}")
