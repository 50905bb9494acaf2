"""The folder of a checkpoint, `config.json` and `model.safetensors`, read and written as the `planner` program does.

The configuration names its weights by a CRC-32 of their values. Weights that replace others are written first as
`model-CRC32.safetensors`, then the configuration, then they get their name: a reader finds the old pair or the new one.
"""

import json
import os
import zlib
from pathlib import Path

import numpy as np

try:
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import save as to_safetensors
except ImportError:
    SafetensorError, MISSING = OSError, "expected the package safetensors, found none; pip install safetensors"

    def safe_open(*_, **__):
        raise ImportError(MISSING)

    def to_safetensors(*_, **__):
        raise ImportError(MISSING)

CONFIG_FILE, MODEL_FILE, CHECKSUM = "config.json", "model.safetensors", "weights_crc32"
FORMAT = 1


class InputError(ValueError):
    """What is wrong with an input, in one line."""


def unexpected(place: str, expected: object, found: object) -> InputError:
    """`place: expected …, found …`"""
    return InputError(f"{place}: expected {expected}, found {found}")


def read_json(path: Path, what: str) -> dict:
    """The JSON object in the file `path`, which is to be `what`."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except ValueError as error:
        raise unexpected(path, what, str(error).splitlines()[0]) from None
    if not isinstance(value, dict):
        raise unexpected(path, what, type(value).__name__)
    return value


def read_config(folder: Path) -> dict:
    """The configuration in `folder`, `weights_crc32` included."""
    config = read_json(path := folder / CONFIG_FILE, "a checkpoint's configuration")
    found = config.get("format")
    if found != FORMAT:
        if isinstance(found, int) and found > FORMAT:
            found = f"format {found}: it was made by a newer version of planner ({config.get('version', 'unknown')})"
        raise unexpected(f"{path}: format", FORMAT, "none" if found is None else found)
    for key in ("method", "spec", "horizons", "network", "normalizers"):
        if key not in config:
            raise unexpected(f"{path}: {key}", "a value", "none")
    return config


def checksum(arrays: list[np.ndarray]) -> str:
    """Eight hexadecimal digits of `arrays`, in their order."""
    sum = 0
    for array in arrays:
        sum = zlib.crc32(np.ascontiguousarray(array).tobytes(), sum)
    return f"{sum:08x}"


def _model(folder: Path, expected: str | None) -> tuple[Path, dict[str, np.ndarray], str | None]:
    """The weights in `folder` with their file and the checksum that it carries: those that `expected` names."""
    path = folder / MODEL_FILE
    fresh = folder / f"model-{expected}.safetensors"
    for path in (folder / MODEL_FILE, fresh):
        try:
            with safe_open(path, framework="numpy") as file:
                sum = (file.metadata() or {}).get("crc32")
                if path == fresh or expected in (None, sum) or not fresh.exists():
                    return path, {name: file.get_tensor(name) for name in file.keys()}, sum
        except SafetensorError as error:
            raise unexpected(path, "a whole safetensors file", str(error).splitlines()[0]) from None
        except OSError as error:
            # Killed before the last rename.
            if path == fresh or not fresh.exists():
                raise InputError(f"{path}: cannot read: {error.strerror or error}") from None
    raise AssertionError("the last path returns or raises")


def read_weights(folder: Path, config: dict, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The weights in `folder`, float32: exactly those of `shapes`, in whose order they are summed."""
    path, found, written = _model(folder, config.get(CHECKSUM))
    for name, shape in shapes.items():
        expected = f"a tensor F32 {list(shape)}"
        if name not in found:
            raise unexpected(f"{path}: {name}", expected, "none of that name")
        array = found[name]
        if array.dtype not in (np.float32, np.float16) or array.shape != shape:
            raise unexpected(f"{path}: {name}", expected, f"{array.dtype} {list(array.shape)}")
        if not np.isfinite(array).all():
            raise unexpected(f"{path}: {name}", "finite weights", array[~np.isfinite(array)][0])
    for name in sorted(found.keys() - shapes.keys()):
        raise unexpected(f"{path}: {name}", "only the network's own tensors", "an extra one")
    sum = checksum([found[name] for name in shapes])
    named = config.get(CHECKSUM)
    if written not in (None, sum) or (written and named not in (None, sum)):
        raise unexpected(path, f"the weights of checksum {named or written}", sum)
    return {name: array.astype(np.float32) for name, array in found.items()}


def write_atomic(path: Path, data: bytes) -> None:
    """Writes `data` to `path` whole or not at all."""
    temporary = path.with_name(f".writing-{path.name}-{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write(folder: Path, config: dict, weights: dict[str, np.ndarray]) -> None:
    """Writes a checkpoint into `folder`; other files there are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    sum = checksum(list(weights.values()))
    fresh = folder / f"model-{sum}.safetensors"
    write_atomic(fresh, to_safetensors(weights, metadata={"crc32": sum}))
    text = json.dumps(config | {CHECKSUM: sum}, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(folder / CONFIG_FILE, (text + "\n").encode())
    os.replace(fresh, folder / MODEL_FILE)
    for old in folder.glob("model-????????.safetensors"):
        old.unlink()
