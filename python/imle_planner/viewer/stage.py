"""What a page shows and steers: one loop for live episodes, runs and datasets."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from .session import Course, Decision

if TYPE_CHECKING:
    from .page import Opened
    from .panel import Panel

#: Pictures a second that browsers are offered.
RATE = 60.0


class Stage:
    """A scene that goes on with time, can be paused, stepped and begun anew."""

    #: What is shown, in a line.
    title = ""
    #: Whether bodies can be pushed.
    pushes = False
    #: Names of the cost's terms, and control steps a second.
    terms: list[str] = []
    rate = 1.0

    def __init__(self, model: Any, data: Any):
        self.model, self.data = model, data
        self.paused, self.speed, self.shows_paths = False, 1.0, True
        self.decision: Decision | None = None
        self.course: Course | None = None
        #: Set once a browser is there: nothing happens before.
        self.watched = threading.Event()
        self._asked: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._stopped = threading.Event()

    # --- for the panel, in the page's thread --------------------------------------------------------------------------------

    def ask(self, what: str, value: Any = None) -> None:
        """Something to be done between two steps."""
        self._asked.put((what, value))

    def pause(self, paused: bool) -> None:
        """Stand still, or go on."""
        self.paused = paused

    def told(self) -> list[str]:
        """Lines about what is shown now."""
        return []

    def controls(self, panel: Panel) -> None:
        """Controls of this kind of scene alone."""

    def view(self) -> tuple[Any, float, float, float]:
        """Where the camera looks (3), from how far, its azimuth and elevation in degrees."""
        return self.model.stat.center.copy(), 1.5 * float(self.model.stat.extent), 120.0, -25.0

    # --- for the loop, in the caller's thread -------------------------------------------------------------------------------

    def do(self, what: str, value: Any) -> None:
        """What was asked for."""

    def tick(self, seconds: float) -> None:
        """Go on by so much simulated time."""

    def stop(self) -> None:
        """End the loop."""
        self._stopped.set()

    def run(self, opened: Opened) -> None:
        """The loop, until the page is closed or :meth:`stop` is called."""
        handle = opened.handle
        handle.set_model(self.model, data=self.data)
        before = time.perf_counter()
        while handle.is_running() and not self._stopped.is_set():
            while not self._asked.empty():
                self.do(*self._asked.get())
            now = time.perf_counter()
            passed, before = min(now - before, 0.1), now
            if not self.paused and self.watched.is_set():
                self.tick(self.speed * passed)
            handle.sync()
            time.sleep(max(0.0, 1.0 / RATE - (time.perf_counter() - now)))
