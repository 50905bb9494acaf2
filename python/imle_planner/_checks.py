"""Checks of arguments, with one line for each mistake."""

from __future__ import annotations

import difflib
import json
import operator
from typing import Any, Mapping, Sequence

#: Bounds that numbers of a kind have everywhere.
CANDIDATES, EPISODES, SEED, THREADS = (1, 1 << 16), (1, 1 << 32), (0, (1 << 64) - 1), (1, 1024)


def whole(name: str, value: Any, bounds: tuple[int, int]) -> int:
    """A whole number within bounds."""
    low, high = bounds
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, found {type(value).__name__}") from None
    if not low <= number <= high:
        raise ValueError(f"{name}: expected {low} to {high}, found {number}")
    return number


def as_json(place: str, settings: Mapping[str, Any]) -> str:
    """Settings as JSON."""
    for name, value in settings.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            expected = f"{place}: {name}: expected finite numbers, texts, lists and dictionaries of them"
            raise ValueError(f"{expected}, found {value!r:.80}") from None
    return json.dumps(settings)


def nearest(name: str, known: Sequence[str]) -> str:
    """What a name may have meant, or all names."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"expected one of {', '.join(known)}"
