"""Opening a page for a task, a run or a dataset."""

from __future__ import annotations

import os
from typing import Any

from ..policy import Policy
from ..task import Task
from .live import Live
from .session import Session, Settings
from .stage import Stage

#: What the page is shown by.
NEEDED = "planner view needs MuJoCo's viewer: pip install mujoco==3.17.0 websockets"


def view(
    what: str | os.PathLike[str] | Task,
    policy: str | os.PathLike[str] | Policy | None = None,
    *,
    seed: int = 0,
    episode: int = 0,
    host: str = "127.0.0.1",
    port: int = 0,
    threads: int | None = None,
    browse: bool = True,
    **settings: Any,
) -> None:
    """Show a task with its planner, until the page is closed or Ctrl-C is pressed.

    ``settings`` are those of :class:`imle_planner.Controller`. The page is on loopback, and its address has a token;
    ``host`` says otherwise, ``port`` 0 takes the first that is free from 8080 on.
    """
    stage = staged(what, policy, seed=seed, episode=episode, threads=threads, **settings)
    show(stage, host, port, browse=browse)


def staged(
    what: str | os.PathLike[str] | Task, policy: str | os.PathLike[str] | Policy | None = None, *, seed: int = 0,
    episode: int = 0, threads: int | None = None, **settings: Any,
) -> Stage:
    """What is to be shown."""
    task = what if isinstance(what, Task) else Task.load(what)
    if policy is not None and not isinstance(policy, Policy):
        policy = Policy.load(policy)
    known = {name: settings.pop(name) for name in ("optimizer", "candidates", "noise") if name in settings}
    if "proposals" in settings:
        known["proposals"] = tuple(settings.pop("proposals"))
    return Live(Session(task, policy, Settings(**known, more=settings), seed=seed, episode=episode, threads=threads))


def show(stage: Stage, host: str = "127.0.0.1", port: int = 0, *, browse: bool = True) -> None:
    """Open a page for a stage and run it."""
    try:
        from .page import Opened
        from .panel import Panel
    except ImportError as error:
        raise ImportError(f"{NEEDED} ({error})") from None
    opened = Opened(host, port, stage.title, [Panel(stage)])
    try:
        print(opened.guard.address, flush=True)
        if browse:
            opened.browse()
        stage.run(opened)
    except KeyboardInterrupt:
        pass
    finally:
        opened.close()
