"""Fine-tuning of a generator from rewards."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

import numpy as np

from . import _native
from ._checks import SEED, THREADS, as_json, whole
from .copies import Copies, Learning
from .evaluation import COPIES, _task
from .policy import Policy
from .progress import Bar


@dataclass(frozen=True)
class Finetuned:
    """What came of a fine-tuning."""

    #: The fine-tuned generator, that of the run's folder.
    policy: Policy
    #: A record an evaluation: ``env_steps``, ``success_rate``, ``edited``, … ; the first is of the generator as it came.
    rounds: list[dict[str, Any]] = field(repr=False)

    def __str__(self) -> str:
        first, last = self.rounds[0], self.rounds[-1]
        before, after = (f"{100 * r['success_rate']:.1f} %" for r in (first, last))
        return f"{before} before, {after} after {last['env_steps']} control steps"


def finetune(
    policy: Policy | str | os.PathLike[str],
    env: Any,
    *,
    out: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    data_episodes: int | None = None,
    algorithm: str = "edit",
    env_steps: int = 50_000,
    reward: str = "success",
    reward_range: tuple[float, float] | None = None,
    starts: Sequence[Any] | None = None,
    learning_starts: Sequence[Any] | None = None,
    num_envs: int = 16,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    resume: bool = False,
    progress: bool | Callable[[dict[str, Any]], None] | None = None,
    **settings: Any,
) -> Finetuned:
    """Make a generator better than its demonstrations, from rewards.

    ``env`` is what :func:`evaluate` takes: a built-in task, or a Gymnasium environment, for which ``observation``,
    ``success``, ``success_at``, ``max_steps``, ``action_bounds``, ``processes`` and ``env_kwargs`` mean what they mean
    there::

        better = ip.finetune(policy, "gym_pusht/PushT-v0", data="demos", env_steps=300_000, out="better")
        better.policy.sample(observation, n=32)

    ``algorithm`` is ``edit``, ``best-of-n`` or ``ppo``, and in a task of ours ``expert-iteration`` too. ``data`` is the
    dataset that the generator was trained on, of which the first ``data_episodes`` are used: give it if you have it.

    In a Gymnasium environment solving is worth 1 and ends the episode (``reward="success"``). With
    ``reward="environment"`` the environment's own rewards are learned from, and ``reward_range`` says between what they
    lie. Episodes to learn from are reset with ``learning_starts``, one after the other, and those of evaluations with
    ``starts``: each a seed, reset options, or both as a pair. Without them the seeds of the two never meet.

    Further settings are those of ``planner finetune``: ``evaluate_every=10_000``, ``episodes=8`` an iteration,
    ``edit={"scale": 1.0}``, … .
    ``progress`` is True, False, or a function of the record of each evaluation. A run that was stopped, by Ctrl-C or
    killed, goes on with ``resume=True``: in a task of ours with the same bits. Elsewhere what was collected is kept, and
    the results are the same if the environment does the same after a reset.
    """
    if not isinstance(policy, Policy):
        policy = Policy.load(policy)
    if reward not in ("success", "environment"):
        raise ValueError(f"reward: expected success or environment, found {reward}")
    if (reward_range is None) != (reward == "success"):
        raise ValueError("reward_range: expected (low, high) with reward=\"environment\" and only there")
    copies = {name: settings.pop(name) for name in list(settings) if name in COPIES}
    env_steps = whole("env_steps", env_steps, (1, 1 << 40))
    wanted = {
        "algorithm": algorithm, "settings": as_json("settings", settings), "env_steps": env_steps,
        "seed": whole("seed", seed, SEED), "out": os.fspath(out), "resume": resume, "device": device,
        "threads": None if threads is None else whole("threads", threads, THREADS),
        "data": None if data is None else os.fspath(data),
        "episodes": None if data_episodes is None else whole("data_episodes", data_episodes, (1, (1 << 32) - 1)),
    }
    line = _Line(None if callable(progress) else progress)

    def told(phase: str, done: int, total: int, message: str) -> None:
        if phase == "warning":
            warnings.warn(message, stacklevel=3)
        elif phase != "round":
            line.set(phase, done, total, message)
        elif callable(progress):
            progress(json.loads(message))
        else:
            line.close()

    try:
        task = _task(env)
        if task is not None:
            given = (*copies.items(), ("starts", starts), ("learning_starts", learning_starts), ("reward_range", reward_range))
            mistaken = [name for name, value in given if value is not None]
            if mistaken:
                raise ValueError(f"{mistaken[0]}: expected a Gymnasium environment beside it, found a task")
            answer = _native.finetune(policy._native, task._native, None, None, wanted, told)
        else:
            learning = Learning(learning_starts, reward_range)
            _apart(learning_starts, starts)
            many = {"first": 0, "episodes": 1 << 32, "num_envs": num_envs, "starts": starts, "learning": learning}
            with Copies(env, policy, **many, **copies) as made:
                made.check(policy.observation_size)
                answer = _native.finetune(policy._native, None, made, made.about(), wanted, told)
    finally:
        line.close()
    return Finetuned(Policy.load(out, device), json.loads(answer))


def _apart(learning: Sequence[Any] | None, evaluated: Sequence[Any] | None) -> None:
    """Starts to learn from must not be those of evaluations."""
    if (learning is None) != (evaluated is None):
        missing = "learning_starts" if learning is None else "starts"
        raise ValueError(f"{missing}: expected with the other, so that the two do not mix, found none")
    if isinstance(learning, range) and isinstance(evaluated, range):
        first, last = max(min(learning), min(evaluated)), min(max(learning), max(evaluated))
        both = next((k for k in range(first, last + 1) if k in learning and k in evaluated), None)
    else:
        met = {_key(start) for start in learning or ()}
        both = next((start for start in evaluated or () if _key(start) in met), None)
    if both is not None:
        raise ValueError(f"learning_starts: expected other starts than those of evaluations, found {both!r:.80} in both")


def _key(start: Any) -> Any:
    """What two equal starts have in common: arrays and dictionaries do not compare as one."""
    if isinstance(start, dict):
        return tuple(sorted((name, _key(value)) for name, value in start.items()))
    if isinstance(start, (list, tuple)):
        return tuple(map(_key, start))
    return (start.shape, start.tobytes()) if isinstance(start, np.ndarray) else start


class _Line:
    """A bar for the phase under way."""

    def __init__(self, shown: bool | None):
        self._shown, self._of, self._bar = shown, ("", 0), None

    def set(self, phase: str, done: int, total: int, message: str) -> None:
        if self._bar is None or self._of != (phase, total):
            self.close()
            self._of, self._bar = (phase, total), Bar(phase, total, "", self._shown)
        self._bar.set(done, message)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
