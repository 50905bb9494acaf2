"""Opening a page for a task, a run or a dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..policy import Policy
from ..task import Task
from .live import Live
from .recorded import Dataset, Run
from .session import Session, Settings
from .stage import Stage

#: What the page is shown by.
NEEDED = "planner view needs MuJoCo's viewer: pip install mujoco==3.17.0 websockets"


def view(
    what: str | os.PathLike[str] | Task,
    policy: str | os.PathLike[str] | Policy | None = None,
    *,
    task: str | os.PathLike[str] | None = None,
    seed: int = 0,
    episode: int = 0,
    host: str = "127.0.0.1",
    port: int = 0,
    threads: int | None = None,
    browse: bool = True,
    **settings: Any,
) -> None:
    """Show a task with its planner, a folder of ``planner run --out``, or a dataset, until the page is closed or Ctrl-C
    is pressed.

    ``task`` is the one that a dataset is played in, if it is not built in. ``settings`` are those of
    :class:`imle_planner.Controller`. The page is on loopback, and its address has a token; ``host`` says otherwise,
    ``port`` 0 takes the first that is free from 8080 on.
    """
    stage = staged(what, policy, task=task, seed=seed, episode=episode, threads=threads, **settings)
    show(stage, host, port, browse=browse)


def staged(
    what: str | os.PathLike[str] | Task, policy: str | os.PathLike[str] | Policy | None = None, *,
    task: str | os.PathLike[str] | None = None, seed: int = 0, episode: int = 0, threads: int | None = None, **settings: Any,
) -> Stage:
    """What is to be shown."""
    folder = None if isinstance(what, Task) else Path(what)
    if folder is not None and (folder / "meta" / "info.json").is_file():
        return Dataset(folder, None if task is None else Task.load(task), threads)
    if folder is not None and (folder / "config.json").is_file():
        if not (folder / "episodes.jsonl").is_file():
            raise ValueError(f"{folder}: expected a task, a run or a dataset, found a checkpoint (--task NAME --checkpoint {folder})")
        return Run(folder, threads)
    if folder is not None and folder.is_dir():
        raise ValueError(f"{folder}: expected a task, a run or a dataset, found a folder of something else")
    scene = what if isinstance(what, Task) else Task.load(what)
    if policy is not None and not isinstance(policy, Policy):
        policy = Policy.load(policy)
    known = {name: settings.pop(name) for name in ("optimizer", "candidates", "noise") if name in settings}
    if "proposals" in settings:
        known["proposals"] = tuple(settings.pop("proposals"))
    return Live(Session(scene, policy, Settings(**known, more=settings), seed=seed, episode=episode, threads=threads))


def show(stage: Stage, host: str = "127.0.0.1", port: int = 0, *, browse: bool = True) -> None:
    """Open a page for a stage and run it."""
    try:
        from .page import Opened
        from .panel import Panel
    except ImportError as error:
        raise ImportError(f"{NEEDED} ({error})") from None
    opened = Opened(host, port, stage.title, stage.model, [Panel(stage)])
    try:
        print(opened.guard.address, flush=True)
        if browse:
            opened.browse()
        stage.run(opened)
    except KeyboardInterrupt:
        pass
    finally:
        opened.close()
