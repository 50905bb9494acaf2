"""A suite's results beside the published figures, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Iterable, Iterator, Sequence

import numpy as np

from .cells import Cell, same
from .suite import Part, Suite

#: Resamples of an interval of means.
RESAMPLES = 2000


@dataclass(frozen=True)
class Row:
    """What was found of one method on one number of episodes, over its seeds."""

    method: str
    task: str | None
    episodes: int | str
    execute: int
    seeds: int
    solved: int
    starts: int
    #: Scores of every seed, (seeds, starts).
    scores: list[list[float]]
    #: Mean score of the last ten evaluations in the course of each training.
    last: list[float]
    minutes: float
    #: Name of the way of sampling; empty for the generator's own.
    sampling: str
    #: Milliseconds of a decision with one candidate and with 32; none where it was not timed.
    latency: tuple[float, float] | None
    #: Number of demonstrations that ``episodes`` stands for.
    demonstrations: int

    @property
    def name(self) -> str:
        """Method and way of sampling."""
        return f"{self.method}, {self.sampling}" if self.sampling else self.method

    @property
    def success(self) -> float:
        """Share of episodes solved."""
        return self.solved / self.starts

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the share."""
        return wilson(self.solved, self.starts)

    @property
    def score(self) -> float:
        """Mean score of the final checkpoints."""
        return float(np.mean(self.scores))

    def score_interval(self) -> tuple[float, float]:
        """95 % interval of the mean score: seeds and starts are resampled."""
        rng, scores = np.random.default_rng(0), np.asarray(self.scores)
        seeds, starts = scores.shape
        means = [
            scores[rng.integers(seeds, size=seeds)][:, rng.integers(starts, size=starts)].mean()
            for _ in range(RESAMPLES)
        ]
        return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def wilson(solved: int, count: int) -> tuple[float, float]:
    """95 % Wilson interval."""
    z, share = 1.959964, solved / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def rows(part: Part, cells: Iterable[Cell], found: dict[str, dict[str, Any]]) -> Iterator[Row]:
    """The rows of a part, in the suite's order; cells that are not measured yet are left out."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for cell in cells:
        record = found.get(same(cell.key))
        if cell.part.name == part.name and record is not None:
            groups.setdefault((cell.method, cell.task, cell.episodes), []).append(record["result"])
    for (method, task, episodes), results in groups.items():
        for index, final in enumerate(results[0]["final"]):
            finals = [result["final"][index] for result in results]
            yield Row(
                method, task, episodes, final["execute"], len(results), sum(f["solved"] for f in finals),
                sum(f["episodes"] for f in finals), [f["scores"] for f in finals],
                [result["last"] for result in results if "last" in result] if index == 0 else [],
                float(np.mean([result["train_s"] for result in results])) / 60, final.get("sampling", ""),
                tuple(float(np.median([f[f"ms_{n}"] for f in finals])) for n in (1, 32))  # type: ignore[arg-type]
                if all("ms_1" in f for f in finals) else None,
                results[0]["demonstrations"],
            )


def gate(part: Part, all_rows: Sequence[Row]) -> str:
    """Whether the part's baseline comes up to its published figure; empty without a gate."""
    if part.gate is None:
        return ""
    wanted = part.gate
    mine = [row for row in all_rows if (row.method, row.episodes) == (wanted.method, wanted.episodes)]
    if not mine:
        return f"The gate is not measured yet: {wanted.method} on {wanted.episodes} episodes."
    best = max(reached(part, row) for row in mine)
    words = f"{wanted.method} on {wanted.episodes} episodes reaches {best:.3f}, published {wanted.value:.3f}"
    passed = best >= wanted.value - wanted.within
    return f"Gate passed: {words}." if passed else f"**Baseline not reproduced**: {words}. No comparison with it counts."


def savings(part: Part, all_rows: Sequence[Row], method: str = "imle") -> Iterator[str]:
    """How much less data ``method`` needs to reach what each other one reaches with most, with 95 % intervals."""
    curves: dict[str, list[Row]] = {}
    for row in all_rows:
        if row.execute == part.execute[0]:
            curves.setdefault(row.name, []).append(row)
    mine = sorted(curves.pop(method, []), key=lambda row: row.demonstrations)
    if len(mine) < 2:
        return
    rng = np.random.default_rng(0)
    for name, others in curves.items():
        best = max(others, key=lambda row: row.demonstrations)

        def saved(draw: bool) -> float:
            of = lambda row: float(np.mean(picked(row, rng) if draw else row.scores))
            return 1.0 - needed([row.demonstrations for row in mine], [of(row) for row in mine], of(best)) / best.demonstrations

        low, high = np.quantile([saved(True) for _ in range(RESAMPLES)], [0.025, 0.975])
        yield (
            f"To reach what {name} does with {best.demonstrations} episodes ({best.score:.3f}), {method} needs "
            f"{100 * saved(False):.0f} % less [{100 * low:.0f}, {100 * high:.0f}]."
        )


def picked(row: Row, rng: np.random.Generator) -> Any:
    """The scores of as many seeds, drawn with replacement."""
    scores = np.asarray(row.scores)
    return scores[rng.integers(len(scores), size=len(scores))]


def needed(counts: Sequence[int], scores: Sequence[float], wanted: float) -> float:
    """Demonstrations with which the score is ``wanted``: between two counts by the logarithm of the count; beyond them the
    first or, where it is never reached, infinitely many."""
    if scores[0] >= wanted:
        return float(counts[0])
    for (low, high), (one, other) in zip(zip(counts, counts[1:]), zip(scores, scores[1:])):
        if one < wanted <= other:
            part = (wanted - one) / (other - one)
            return float(np.exp(np.log(low) + part * (np.log(high) - np.log(low))))
    return float("inf")


def reached(part: Part, row: Row) -> float:
    """The figure that a gate compares."""
    if part.measure == "success":
        return row.success
    return float(np.mean(row.last)) if row.last else row.score


def markdown(suite: Suite, cells: Sequence[Cell], found: dict[str, dict[str, Any]]) -> str:
    """All tables of a suite."""
    text = [f"# {suite.title}", ""]
    for part in suite.part:
        mine = [cell for cell in cells if cell.part.name == part.name]
        measured = sum(same(cell.key) in found for cell in mine)
        all_rows = list(rows(part, mine, found))
        text += [f"## {part.title}", "", f"{measured} of {len(mine)} cells measured.", ""]
        if all_rows or part.published:
            text += [*table(part, all_rows, bool(suite.tasks or part.tasks)), ""]
        if words := gate(part, all_rows):
            text += [words, ""]
        if len(part.episodes) > 1 and (lines := list(savings(part, all_rows))):
            text += [*[f"- {line}" for line in lines], ""]
    if suite.differs:
        text += ["Differences from the published protocols:", "", *[f"- {line}" for line in suite.differs], ""]
    return "\n".join(text)


def table(part: Part, all_rows: Sequence[Row], tasks: bool) -> list[str]:
    """One table."""
    scored = part.measure == "score"
    head = ["method", *(["task"] if tasks else []), "episodes", "T_act", "seeds", "solved", "score", "last ten", "minutes",
            "ms, N = 1", "N = 32"]
    lines = [head, ["---"] * len(head)]
    for row in all_rows:
        low, high = row.interval
        score = f"{row.score:.3f}"
        if scored:
            bottom, top = row.score_interval()
            score += f" [{bottom:.3f}, {top:.3f}]"
        last = f"{np.mean(row.last):.3f}" if row.last else ""
        lines.append([
            row.name, *([row.task or ""] if tasks else []), str(row.episodes), str(row.execute), str(row.seeds),
            f"{100 * row.success:.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {row.starts}", score, last,
            f"{row.minutes:.1f}", *(f"{ms:.2f}" for ms in row.latency or ()), *([""] * (0 if row.latency else 2)),
        ])
    for known in part.published:
        told = known.text or (f"{known.value:.3f}" if scored else f"{100 * (known.value or 0):.1f} %")
        name = f"*{known.method}* ({known.source})"
        blank = [name, *([""] if tasks else []), str(known.episodes or ""), "", ""]
        lines.append([*blank, "" if scored else told, told if scored else "", "", "", "", ""])
    return ["| " + " | ".join(line) + " |" for line in lines]
