"""What a start loads is left alone by the garbage collector."""

import subprocess
import sys

PROGRAM = """
import gc
from kfadapter.cli.loading import loading
with loading():
    assert not gc.isenabled()
    kept = [[number] for number in range(10_000)]
assert gc.isenabled()
assert not any(one is kept for one in gc.get_objects())
made = [[]]
assert any(one is made for one in gc.get_objects())
try:
    with loading():
        raise KeyError
except KeyError:
    assert gc.isenabled()
"""


def test_what_is_loaded_is_not_looked_at_again() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
