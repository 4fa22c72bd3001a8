"""What a caller who is out of patience has waited for."""

import asyncio

from yarl import URL


def note_wait(error: asyncio.CancelledError, base_url: str) -> None:
    """Note on a cancellation that Kubeflow was waited for.

    asyncio keeps it as the cause of the TimeoutError that a time limit further out raises, which can so say more than
    that time was over.
    """
    error.add_note(f"Kubeflow at {URL(base_url).authority} did not answer in time")
