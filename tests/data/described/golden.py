"""Write what is expected of each compiled pipeline: golden/VERSION/NAME.json (the description) and NAME.mmd (Mermaid).

Read every difference before you commit it: what is written here is what the tests take for right.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from support.described import golden_files  # noqa: E402 - found below tests/


def main() -> None:
    for compiled in sorted(HERE.glob("2.*/*.yaml")):
        for path, text in golden_files(compiled).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


if __name__ == "__main__":
    main()
