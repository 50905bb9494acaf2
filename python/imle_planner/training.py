"""Training of a generator from demonstrations."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Mapping, Sequence

from . import _native
from ._checks import EPISODES, SEED, THREADS, as_json, whole
from .evaluation import Evaluation
from .policy import Policy
from .progress import Bar
from .task import Task, task_of


def train(
    dataset: str | os.PathLike[str],
    method: str = "imle",
    steps: int = 10_000,
    *,
    out: str | os.PathLike[str],
    episodes: int | None = None,
    task: str | Task | None = None,
    evaluation_episodes: int = 50,
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    resume: bool = False,
    evaluate: Callable[[Policy, int], Evaluation | Mapping[str, float]] | None = None,
    teacher: Policy | None = None,
    estimate: Sequence[str] | None = None,
    estimator: Policy | None = None,
    progress: bool | Callable[[int, dict[str, float]], None] | None = None,
    **settings: Any,
) -> Policy:
    """Train a generator on the dataset in a folder (LeRobot v3; ``planner data convert`` or :func:`write_dataset` makes
    one), and return it. The checkpoint is in ``out``.

    The same data, settings and seed give the weights of ``planner train``. Further settings are its own:
    ``batch_size=128``, ``chunk_frame="absolute"``, ``horizons={"action": 4}``, ``network={"kind": "unet"}``, … .

    Every ``evaluate_every`` steps, and at the end, the generator is evaluated: with ``task`` it runs
    ``evaluation_episodes`` held-out episodes. Elsewhere ``evaluate`` gets the policy and the step, and returns what
    :func:`evaluate` does, or figures by name, of which ``success_rate`` chooses the checkpoint in ``best``::

        train(data, out="run", evaluate_every=1000, evaluate=lambda policy, step: ip.evaluate(policy, "Id-v0", 50))

    With ``teacher``, a policy of any method, it learns from ``samples`` (20) chunks of the teacher in each state of the
    dataset, in place of the demonstrated actions: ``planner distill``. The horizons are the teacher's::

        train(data, out="student", teacher=ip.Policy.load("diffusion").with_sampling(solver="ddpm", passes=100))

    With ``estimate`` it trains an estimator: of these terms of the observation from the pictures of ``vision["cameras"]``
    and the terms of ``vision["state"]``. It samples estimates as a policy samples actions; how far they are from the truth
    is in ``policy.errors``. With ``estimator`` a generator learns to act on what that makes of the dataset's pictures, and
    sees pictures from then on::

        eyes = train(data, out="eyes", vision={"cameras": ["top"], "state": ["agent"]}, estimate=["block"])
        train(data, out="run", estimator=eyes)

    ``progress`` is True, False, or a function of the step and the figures. Ctrl-C leaves a state that ``resume=True``
    goes on from.
    """
    if task is not None and evaluate is not None:
        raise ValueError("evaluate: expected no task beside it, found one")
    for name, other in [("teacher", teacher), ("estimator", estimator)]:
        if not isinstance(other, Policy | None):
            raise TypeError(f"{name}: expected a Policy, found {type(other).__name__}")
    if estimate is not None and evaluate is not None:
        raise ValueError("evaluate: expected none for an estimator, which does not act, found one")
    known = task_of(task)
    steps, seed = whole("steps", steps, (1, 1 << 40)), whole("seed", seed, SEED)
    evaluation_episodes = whole("evaluation_episodes", evaluation_episodes, (0, EPISODES[1]))
    episodes = None if episodes is None else whole("episodes", episodes, (1, (1 << 32) - 1))
    threads = None if threads is None else whole("threads", threads, THREADS)
    words = settings if resume else {"method": method, "seed": seed, **settings}
    words |= {"steps": steps}
    if estimate is not None:
        words["vision"] = {**words.get("vision", {}), "estimate": list(estimate)}
        words["method"] = "regression"
    if teacher is not None and not resume:
        words.setdefault("samples", 20)
    bar = Bar("train", steps, "steps", None if callable(progress) else progress)

    def told(step: int, _: int, figures: str) -> None:
        values = json.loads(figures)
        if callable(progress):
            progress(step, values)
        elif "train/loss" in values:
            bar.set(step, f"loss {values['train/loss']:.4f}, {values['time/steps_per_second']:.0f} steps/s")

    def answer(step: int, native: Any) -> tuple[float, int, list[tuple[str, float]]]:
        found = evaluate(Policy(native), step) if evaluate is not None else {}
        if isinstance(found, Evaluation):
            return found.success_rate, len(found.episodes), [("eval/mean_reward", found.mean_return)]
        if not isinstance(found, Mapping):
            raise TypeError(f"evaluate: expected an Evaluation or figures by name, found {type(found).__name__}")
        rest = {name: float(value) for name, value in found.items() if name not in ("success_rate", "episodes")}
        figures = [(f"eval/{name}", value) for name, value in rest.items()]
        return float(found.get("success_rate", 0.0)), int(found.get("episodes", 0)), figures

    try:
        result = _native.train(
            os.fspath(dataset), as_json("settings", words), os.fspath(out), episodes, resume, device,
            known._native if known else None, evaluation_episodes, threads, told, answer if evaluate is not None else None,
            teacher._native if teacher is not None else None, estimator._native if estimator is not None else None,
        )
    finally:
        bar.close()
    policy = Policy.load(out, device)
    policy.errors = json.loads(result).get("errors", {})
    return policy
