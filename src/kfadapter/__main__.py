"""`python -m kfadapter` is the `kfadapter` program."""

from kfadapter.cli.main import main

main()
