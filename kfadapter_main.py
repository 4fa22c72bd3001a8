"""Upstream's start file: AIMLFW's chart runs `python3 kfadapter_main.py`, and so runs this adapter unchanged."""

from kfadapter.cli.main import main

main(["serve"])
