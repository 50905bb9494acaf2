"""Success over held-out episodes, in the built-in tasks and in any Gymnasium environment."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

from . import _native
from ._checks import EPISODES, SEED, THREADS, as_json, whole
from .copies import Copies, Success
from .policy import Policy
from .progress import Bar
from .task import Task, task_names, task_of


@dataclass(frozen=True)
class Evaluation:
    """What came of the episodes."""

    #: Share of episodes solved, and its 95 % Wilson interval.
    success_rate: float
    interval: tuple[float, float]
    #: A record an episode: ``episode``, ``success``, ``terminated``, ``steps``, ``return``, … .
    episodes: list[dict[str, Any]] = field(repr=False)
    #: Means over episodes: sum of rewards, control steps.
    mean_return: float
    mean_steps: float
    #: Further figures, those of ``planner run --json``.
    report: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        low, high = self.interval
        solved = sum(e["success"] for e in self.episodes)
        share = f"{100 * self.success_rate:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        return f"{solved} of {len(self.episodes)} episodes solved: {share}; mean return {self.mean_return:.3f}"


def evaluate(
    policy: Policy | str | os.PathLike[str] | None,
    env: Any,
    episodes: int = 50,
    *,
    num_envs: int = 16,
    seed: int = 0,
    first: int = 0,
    starts: Sequence[int | dict[str, Any] | tuple[int, dict[str, Any]]] | None = None,
    observation: Callable[..., Any] | None = None,
    pictures: Callable[..., Any] | None = None,
    success: Success | None = None,
    success_at: str = "end",
    max_steps: int | None = None,
    action_bounds: tuple[Any, Any] | None = None,
    processes: bool = False,
    env_kwargs: dict[str, Any] | None = None,
    optimizer: str = "none",
    edits: bool = False,
    threads: int | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Evaluation:
    """Run episodes with a policy, and say how many it solves.

    ``env`` is a built-in task (``"stack"``), a task file, a :class:`Task`, the id of a Gymnasium environment
    (``"gym_pusht/PushT-v0"``), a function that makes one, or one environment. Tasks run in Rust with the results of
    ``planner run``, planned too (``optimizer="cem"``). Elsewhere the policy acts alone: chunks are drawn for all
    ``num_envs`` episodes in one pass, and a copy begins the next episode as soon as its own is over.

    In a Gymnasium environment

    - ``starts`` has what each episode is reset with: a seed, reset options, or both as a pair. Otherwise seeds follow
      from ``seed`` and the number of the episode.
    - ``observation`` maps what the environment observes (and, with a second parameter, the environment) to the O values
      that the policy sees. By default arrays are flattened (:func:`flatten`); of a dictionary the entries are joined in
      the order of the policy's terms where they have its names, and else sorted by name, pictures left out. ``pictures`` gives (cameras, H, W, 3), uint8, for a policy that sees them.
    - ``success`` maps (reward, terminated, truncated, info) to whether the task is solved; by default
      ``info["is_success"]`` or ``info["success"]``, and ``terminated`` where there is none. It counts at the ``end``, or at ``any`` step.
    - ``max_steps`` cuts episodes off; by default the environment's own limit.
    - ``processes`` steps every copy in a process of its own, which pays where a step takes over some 2 ms.

    With ``edits`` the policy is the folder of a run of :func:`finetune` with ``algorithm="edit"``, and acts with the
    edits that it has learned, which are decided every control step.

    In tasks ``cost`` is a function in Python in place of the task's cost. Further settings are those of
    :class:`Controller`: ``execute=4``, ``choice="typical"``, ``temperature=0.7``. ``seed`` and ``first`` choose the episodes,
    ``threads`` how many work on them, ``progress`` shows a bar or not. ``action_bounds`` replaces the range of the actions.
    """
    return _run(
        policy, env, episodes, seed, first, threads, progress, {"optimizer": optimizer, **settings, "edits": edits},
        dict(num_envs=num_envs, starts=starts, observation=observation, pictures=pictures, success=success,
             success_at=success_at, max_steps=max_steps, action_bounds=action_bounds, processes=processes,
             env_kwargs=env_kwargs),
    )


def record(
    policy: Policy | str | os.PathLike[str] | None,
    env: Any,
    out: str | os.PathLike[str],
    episodes: int = 50,
    *,
    only_solved: bool = True,
    seed: int = 0,
    first: int = 0,
    threads: int | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Evaluation:
    """Run episodes as :func:`evaluate` does, from starts of demonstrations, and write them as a LeRobot dataset.

    ``out`` must not exist. With ``only_solved=False`` the others are there too.
    """
    copies = {name: options.pop(name) for name in list(options) if name in COPIES}
    return _run(policy, env, episodes, seed, first, threads, progress, options, copies, os.fspath(out), only_solved)


#: Options that say how a Gymnasium environment is copied.
COPIES = (
    "num_envs", "starts", "observation", "pictures", "success", "success_at", "max_steps", "action_bounds", "processes",
    "env_kwargs",
)


def _run(
    policy: Any, env: Any, episodes: int, seed: int, first: int, threads: int | None, progress: bool | None,
    settings: dict[str, Any], copies: dict[str, Any], out: str | None = None, only_solved: bool = True,
) -> Evaluation:
    if copies.get("starts") is not None:
        episodes = len(copies["starts"])
    episodes, first = whole("episodes", episodes, EPISODES), whole("first", first, (0, EPISODES[1]))
    wanted = {
        "episodes": episodes, "first": first, "seed": whole("seed", seed, SEED), "record": out, "only_solved": only_solved,
        "threads": None if threads is None else whole("threads", threads, THREADS), "lockstep": 64,
    }
    wanted["edits"] = None
    if settings.pop("edits", False):
        policy = wanted["edits"] = _edited(policy, settings)
    if policy is not None and not isinstance(policy, Policy):
        policy = Policy.load(policy if wanted["edits"] is None else os.path.join(policy, "edits"))
    cost = settings.pop("cost", None)
    settings.setdefault("optimizer", "none")
    settings.setdefault("proposals", ["noise" if policy is None else "imle", "warm"])
    bar = Bar("run", episodes, "episodes", progress)

    def told(done: int, _: int, solved: int) -> None:
        bar.set(done, f"{solved} solved")

    native = policy._native if policy is not None else None
    try:
        task = _task(env)
        if cost is not None:
            task = task_of(task, cost)
        if task is not None:
            mistaken = [name for name in COPIES if copies.get(name) and name not in ("num_envs", "success_at")]
            if mistaken:
                raise ValueError(f"{mistaken[0]}: expected a Gymnasium environment beside it, found a task")
            wanted["lockstep"] = max(whole("num_envs", copies.get("num_envs", 64), (1, 1 << 16)), 1)
            answer = _native.evaluate(
                task._native, native, task._cost, task._sensors, as_json("controller", settings), wanted, told
            )
        else:
            if native is None:
                raise ValueError("policy: expected one, as this environment has no model to plan in, found none")
            with Copies(env, policy, first=first, episodes=episodes, **copies) as made:
                wanted["lockstep"] = made.count
                answer = _native.evaluate_environment(
                    native, made, made.about(), as_json("controller", settings), wanted, told
                )
    finally:
        bar.close()
    report, all_episodes = map(json.loads, answer)
    count = len(all_episodes)
    return Evaluation(
        report["success_rate"], tuple(report["success_ci95"]), all_episodes,
        sum(e["return"] for e in all_episodes) / count, sum(e["steps"] for e in all_episodes) / count, report,
    )


def _edited(run: Any, settings: dict[str, Any]) -> str:
    """The folder of a run of edits, beside which there is nothing to set."""
    if not isinstance(run, (str, os.PathLike)):
        raise ValueError("policy: expected the folder of a run of finetune with edits, found a policy")
    others = [name for name, value in settings.items() if (name, value) != ("optimizer", "none")]
    if others:
        raise ValueError(f"{others[0]}: expected no settings of a controller beside edits, found {settings[others[0]]!r}")
    if not os.path.exists(os.path.join(run, "edits", "edits.json")):
        raise ValueError(f"{os.fspath(run)}: expected a run of finetune with algorithm=\"edit\" that has learned, found no edits")
    return os.fspath(run)


def _task(env: Any) -> Task | None:
    """The task that is meant, or None for a Gymnasium environment."""
    if isinstance(env, Task):
        return env
    if isinstance(env, (str, os.PathLike)):
        name = os.fspath(env)
        if name.startswith("imle_planner/"):
            return task_of(name.removeprefix("imle_planner/").rsplit("-v", 1)[0])
        if name in task_names() or name.endswith(".toml"):
            return task_of(name)
        if "/" not in name and ":" not in name and "-" not in name:
            return task_of(name)  # refused, with the nearest name
    return None
