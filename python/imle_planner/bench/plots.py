"""Curves of a suite: what trainings reach in their course, and from how many demonstrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np

from .cells import Cell, same
from .suite import Part, Suite
from .tables import Row, rows


def plots(suite: Suite, cells: Sequence[Cell], found: dict[str, dict[str, Any]], folder: Path) -> list[Path]:
    """Draw the curves of every part that has any; returns the files."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("--plots: expected matplotlib (pip install matplotlib), found none") from None
    made = []
    folder.mkdir(parents=True, exist_ok=True)
    for part in suite.part:
        mine = [cell for cell in cells if cell.part.name == part.name]
        for name, draw in (("course", course), ("data", data)):
            figure = Figure(figsize=(6.4, 4.0), layout="constrained")
            axes = figure.add_subplot()
            if draw(axes, part, mine, found):
                axes.set_title(part.title, fontsize=9, loc="left", wrap=True)
                axes.set_ylim(0.0, 1.02)
                axes.grid(alpha=0.3)
                axes.legend(fontsize=8, frameon=False)
                made.append(folder / f"{suite.name}-{part.name}-{name}.svg")
                figure.savefig(made[-1])
    return made


def course(axes: Any, part: Part, cells: Sequence[Cell], found: dict[str, dict[str, Any]]) -> bool:
    """The score in the course of a training, its range over the seeds shaded."""
    curves: dict[str, list[list[list[float]]]] = {}
    for cell in cells:
        record = found.get(same(cell.key))
        if record and record["result"]["curve"]:
            curves.setdefault(f"{cell.method}, {cell.episodes}", []).append(record["result"]["curve"])
    for label, seeds in curves.items():
        shortest = min(map(len, seeds))
        scores = np.array([[point[1] for point in curve[:shortest]] for curve in seeds])
        steps = [point[0] for point in seeds[0][:shortest]]
        (line,) = axes.plot(steps, scores.mean(0), label=f"{label} ({len(seeds)} seeds)")
        axes.fill_between(steps, scores.min(0), scores.max(0), color=line.get_color(), alpha=0.15, linewidth=0)
    axes.set_xlabel("training steps")
    axes.set_ylabel("score on 50 starts")
    return bool(curves)


def data(axes: Any, part: Part, cells: Sequence[Cell], found: dict[str, dict[str, Any]]) -> bool:
    """What is reached from how many demonstrations, with 95 % intervals."""
    if len(part.episodes) < 2:
        return False
    lines: dict[str, list[Row]] = {}
    for row in rows(part, cells, found):
        if row.execute == part.execute[0]:
            lines.setdefault(row.name, []).append(row)
    for method, all_rows in lines.items():
        scored = part.measure == "score"
        middle = np.array([row.score if scored else row.success for row in all_rows])
        ends = np.array([row.score_interval() if scored else row.interval for row in all_rows])
        spread = np.abs(ends.T - middle)
        axes.errorbar([row.demonstrations for row in all_rows], middle, spread, label=method, marker="o", capsize=3)
    axes.set_xscale("log")
    axes.set_xlabel("demonstrations")
    axes.set_ylabel(part.measure)
    return bool(lines)
