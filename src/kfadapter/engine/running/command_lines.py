"""Command lines that are put together: the compiler's `Concat` and `IfPresent`, which travel as JSON in a word.

Only what the component's author wrote is read that way; a value that looks like it never is.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from kfadapter.engine.running.values import Placeholders, Values

STRUCTURES = ('{"Concat"', '{"IfPresent"')


def command_words(words: Sequence[str], inputs: Values, placeholders: Placeholders) -> list[str]:
    """The words of a command with its structures resolved and its placeholders filled.

    `IfPresent` gives any number of words, none when the input is absent and nothing is said for that case.
    """
    return [str(placeholders.fill(one)) for word in words for one in _word(word, inputs)]


def _word(word: str, inputs: Values) -> Iterator[str]:
    if not word.startswith(STRUCTURES):
        yield word
        return
    try:
        structure = json.loads(word)
    except ValueError:
        yield word
        return
    yield from _resolved(structure, inputs)


def _resolved(what: Any, inputs: Values) -> Iterator[str]:
    if isinstance(what, dict) and isinstance(what.get("Concat"), list):
        yield "".join(part for one in what["Concat"] for part in _resolved(one, inputs))
    elif isinstance(what, dict) and isinstance(what.get("IfPresent"), dict):
        choice = what["IfPresent"]
        chosen = choice.get("Then" if _is_present(str(choice.get("InputName", "")), inputs) else "Else")
        for one in chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]:
            yield from _resolved(one, inputs)
    elif isinstance(what, str):
        yield from _word(what, inputs)
    else:
        yield json.dumps(what)


def _is_present(name: str, inputs: Values) -> bool:
    return inputs.parameters.get(name) is not None or bool(inputs.artifacts.get(name))
