"""Libraries that the native module uses: those of the installed packages ``torch`` and ``mujoco``, or the fetched ones."""

import ctypes
import importlib.metadata
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

TORCH = "2.11.0"
MUJOCO = "3.17.0"
# In the order in which they need each other.
FILES = ("torch/lib/libc10.so", "torch/lib/libtorch_cpu.so", f"mujoco/libmujoco.so.{MUJOCO}")


def load():
    """Check versions, and load the libraries by name where the module would not find them beside itself."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ImportError("imle_planner: expected a Python with its global lock, found a free-threaded one")
    fetched = _fetched()
    for package, version in (("torch", TORCH), ("mujoco", MUJOCO)):
        folder = _installed(package, version)
        if folder is None and fetched is None:
            raise ImportError(
                f"imle_planner: expected {package} {version}, found none: pip install {package}=={version} "
                "(or, in a checkout of planner, make setup)"
            )
        folder = folder or fetched / package
        for name in FILES:
            if name.startswith(package):
                _open(folder / name.split("/", 1)[1])
    if importlib.util.find_spec("mujoco") is not None:
        # Its handlers of warnings come first, so that ours pass its own messages on.
        import mujoco  # noqa: F401


def _installed(package, version):
    """Folder of an installed package, which must be of this version."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    loaded = sys.modules.get(package)
    found = getattr(loaded, "__version__", None) or importlib.metadata.version(package)
    if found.split("+")[0] != version:
        raise ImportError(f"imle_planner: expected {package} {version}, found {found}")
    return Path(spec.submodule_search_locations[0])


def _fetched():
    """Folder of the libraries that ``make setup`` fetched, if they are there."""
    place = os.environ.get("PLANNER_NATIVE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "planner" / "native"
    for folder in [Path(place)] if place else sorted(base.glob("*")):
        if all((folder / name).exists() for name in FILES):
            return folder
    return None


def _open(path):
    try:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise ImportError(f"imle_planner: {str(error).splitlines()[0]}") from None


if sys.platform != "linux":
    raise ImportError(f"imle_planner: expected Linux x86-64, found {sys.platform}")
