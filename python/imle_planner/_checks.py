"""Checks of arguments, with one line for each mistake."""

from __future__ import annotations

import json
import operator
from typing import Any, Mapping

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
