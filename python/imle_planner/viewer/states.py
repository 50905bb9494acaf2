"""The states that a run kept of its first episodes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read(path: Path) -> dict[int, NDArray[np.float64]]:
    """States (L + 1, S) by the number of the episode, from a ``states.safetensors``.

    The format is a length of eight bytes, a header in JSON, and the values. Raises ``ValueError`` if it is damaged.
    """
    data = path.read_bytes()
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        found = {}
        for name, entry in header.items():
            if name != "__metadata__":
                first, last = entry["data_offsets"]
                values = np.frombuffer(data[8 + size + first : 8 + size + last], np.dtype("<f8"))
                found[int(name)] = values.reshape(entry["shape"])
        return found
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected the states of a run, found {str(error)[:60]}") from None
