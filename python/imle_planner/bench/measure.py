"""Trainings of a suite, evaluated while they run and at their end."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any, Callable

import numpy as np

from .. import __version__
from ..dataset import read_dataset
from ..evaluation import evaluate
from ..policy import Policy
from ..training import train
from .cells import Cell, same
from .grounds import Ground
from .suite import Suite

#: Evaluations at the end of a curve that are averaged.
LAST = 10
#: Candidates of the decisions that are timed, and how often each is.
TIMED, REPEATS = (1, 32), 20


def subset(ground: Ground, demonstrations: Path, cell: Cell, folder: Path) -> Path:
    """The dataset of a cell's episodes, written once."""
    named = hashlib.sha256(same([cell.key["dataset"], cell.task, cell.episodes, cell.seed]).encode()).hexdigest()[:12]
    out = folder / f"data-{named}"
    if out.exists():
        return out
    episodes = read_dataset(demonstrations)
    chosen = ground.chosen(len(episodes), cell.episodes, cell.seed)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        ground.write(scratch / "data", [episodes[index] for index in chosen], cell.key["dataset"])
        try:
            (scratch / "data").rename(out)
        except OSError:
            if not out.exists():  # Another shard may have been first.
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return out


def measured(
    suite: Suite, ground: Ground, cell: Cell, demonstrations: Path, out: Path, threads: int | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Train and evaluate one cell; goes on with a training that was stopped."""
    begun = time.monotonic()

    def figures(policy: Policy, first: int, count: int, execute: int) -> dict[str, Any]:
        found = evaluate(
            policy, threads=threads, progress=False, execute=execute,
            **ground.evaluation(range(first, first + count)),
        )
        scores = [round(float(score), 4) for score in ground.scores(found.episodes)]
        return {"execute": execute, "solved": sum(e["success"] for e in found.episodes), "episodes": count,
                "score": float(np.mean(scores)), "scores": scores}

    def trained(cell: Cell) -> Policy:
        """The generator of a cell, with a curve of evaluations where its part asks for one."""
        teacher = trained(cell.teacher) if cell.teacher else None
        settings = {**cell.settings, "seed": cell.seed}
        if cell.part.curve:
            settings["evaluate_every"] = max(int(settings.get("steps", 10_000)) // cell.part.curve, 1)

        def course(policy: Policy, step: int) -> dict[str, float]:
            found = figures(policy, suite.tune[0], suite.curve, cell.part.execute[0])
            tell(f"step {step}: score {found['score']:.3f}, {found['solved']} of {found['episodes']} solved")
            return {"success_rate": found["solved"] / found["episodes"], "episodes": found["episodes"], "score": found["score"]}

        folder = place(out, cell)
        return train(
            subset(ground, demonstrations, cell, out), out=folder, resume=folder.exists(), threads=threads,
            progress=False, evaluate=course if cell.part.curve else None, teacher=teacher, **settings,
        )

    policy = trained(cell)
    log, (first, count) = lines(place(out, cell)), cell.key["report"]
    final = []
    for name, way in cell.key.get("samplings", {"": {}}).items():
        sampled = policy.with_sampling(**way) if way else policy
        took = {f"ms_{n}": latency(sampled, n) for n in TIMED}
        for execute in cell.part.execute:
            final.append({**({"sampling": name} if name else {}), **figures(sampled, first, count, execute), **took})
    result: dict[str, Any] = {
        "final": final,
        "curve": [[line["step"], line["eval/score"], line["eval/success_rate"]] for line in log if "eval/score" in line],
        "loss": [[line["step"], line["train/loss"]] for line in log if "train/loss" in line],
        "survivor_share": [line["train/survivor_share"] for line in log if "train/survivor_share" in line][-1:],
        "train_s": seconds(log),
        "parameters": weights(place(out, cell)),
        "demonstrations": demonstrated(subset(ground, demonstrations, cell, out)),
    }
    if result["curve"]:
        result["last"] = float(np.mean([score for _, score, _ in result["curve"][-LAST:]]))
    return {
        "cell": cell.key, "result": result, "wall_s": round(time.monotonic() - begun, 1), "version": __version__,
        "commit": os.environ.get("PLANNER_COMMIT", ""), "host": platform.processor() or platform.machine(),
        "date": date.today().isoformat(), "threads": threads or os.cpu_count(),
    }


def place(out: Path, cell: Cell) -> Path:
    """Folder of a cell's training: by what the training depends on."""
    key = {name: value for name, value in cell.key.items() if name not in ("report", "samplings", "teacher")}
    if cell.teacher:
        key["teacher"] = place(out, cell.teacher).name
    return out / hashlib.sha256(same(key).encode()).hexdigest()[:16]


def latency(policy: Policy, n: int) -> float:
    """Median milliseconds of one decision that draws n candidates."""
    history = np.zeros((policy.horizons.observation, policy.observation_size), np.float32)
    return round(1e3 * float(np.median(policy._native.sample_seconds(history[None], n, REPEATS))), 4)


def lines(folder: Path) -> list[dict[str, Any]]:
    """The log of a training."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def demonstrated(data: Path) -> int:
    """Number of episodes of a dataset."""
    return int(json.loads((data / "meta" / "info.json").read_text(encoding="utf-8"))["total_episodes"])


def seconds(log: list[dict[str, Any]]) -> float:
    """Seconds that the steps of a training took, evaluations left out."""
    took, before = 0.0, 0
    for line in log:
        if "time/steps_per_second" in line:
            took += (line["step"] - before) / line["time/steps_per_second"]
            before = line["step"]
    return round(took, 1)


def weights(folder: Path) -> int:
    """Number of weights, from the size of the file, 4 bytes each."""
    return (folder / "model.safetensors").stat().st_size // 4
