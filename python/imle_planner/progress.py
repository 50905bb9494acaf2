"""Progress bars, in terminals and notebooks."""

from __future__ import annotations

import importlib.util
import sys
import time


class Bar:
    """A line that is written anew; elsewhere than on a terminal or in a notebook, nothing."""

    def __init__(self, what: str, total: int, unit: str, shown: bool | None = None):
        self._what, self._total, self._unit, self._begun, self._last = what, total, unit, time.monotonic(), 0.0
        self._bar = None
        notebook = "ipykernel" in sys.modules
        self._shown = (sys.stderr.isatty() or notebook) if shown is None else shown
        if self._shown:
            try:
                widgets = notebook and importlib.util.find_spec("ipywidgets") is not None
                tqdm = importlib.import_module("tqdm.auto" if widgets else "tqdm.std").tqdm
                self._bar = tqdm(total=total, desc=what, unit=f" {unit}")
            except ImportError:
                pass

    def set(self, done: int, message: str = "") -> None:
        """So much is done."""
        if self._bar is not None:
            self._bar.set_postfix_str(message, refresh=False)
            self._bar.update(done - self._bar.n)
        elif self._shown and (time.monotonic() - self._last > 0.2 or done == self._total):
            self._last = time.monotonic()
            left = (self._last - self._begun) * (self._total - done) / max(done, 1)
            line = f"{self._what}: {done} of {self._total} {self._unit}, {message}, {left:.0f} s left"
            sys.stderr.write("\r" + line.ljust(79))

    def close(self) -> None:
        """The work is over."""
        if self._bar is not None:
            self._bar.close()
        elif self._shown and self._last:
            sys.stderr.write("\n")
