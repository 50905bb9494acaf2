"""Paths of candidates as shapes of MuJoCo's scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .session import Decision

#: Shapes that the viewer draws beside the model's own.
MOST_SHAPES = 1024
#: Colours of the modes (Okabe and Ito, the blue lighter), and of the plan.
MODES = ((0.25, 0.60, 1.00), (0.84, 0.37, 0.00), (0.00, 0.62, 0.45), (0.80, 0.47, 0.65), (0.34, 0.71, 0.91), (0.90, 0.62, 0.00))
PLAN = (1.0, 0.95, 0.25)
#: Segments that the plan itself keeps.
PLANNED = 64


def colour(mode: int) -> tuple[float, float, float]:
    """Colour of a mode."""
    return MODES[mode % len(MODES)]


def faded(rgb: tuple[float, float, float], strength: float) -> tuple[float, float, float, float]:
    """A colour nearer to grey. Shapes that one sees through would hide each other in the order that they are drawn."""
    red, green, blue = (strength * part + (1.0 - strength) * 0.75 for part in rgb)
    return red, green, blue, 1.0


def stride(decision: Decision) -> int:
    """Steps of a path that one segment spans, so that all candidates fit into the scene."""
    count, length, _ = decision.paths.shape
    segments = count * (length - 1)
    return max(1, -(-segments // (MOST_SHAPES - PLANNED)))


def shapes(decision: Decision, width: float) -> list[Any]:
    """The candidates' paths, the dear ones fainter, and the plan's, bold."""
    made: list[Any] = []
    costs = decision.plan.costs
    known = costs[np.isfinite(costs)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    step = stride(decision)
    # The cheapest last: where too many do not fit, they are the ones that are drawn.
    for index in np.argsort(np.where(np.isfinite(costs), costs, np.inf))[::-1]:
        near = 1.0 - (costs[index] - low) / (high - low) if np.isfinite(costs[index]) and high > low else 0.0
        polyline(made, decision.paths[index], faded(colour(decision.modes[index]), 0.3 + 0.7 * near**2), width, step)
    made = made[-(MOST_SHAPES - PLANNED) :]
    polyline(made, decision.chosen, (*PLAN, 1.0), 1.4 * width, max(1, -(-(len(decision.chosen) - 1) // PLANNED)))
    return made[-MOST_SHAPES:]


def polyline(made: list[Any], path: NDArray[np.float64], rgba: tuple[float, ...], width: float, step: int) -> None:
    """Capsules along a path (T, 3), one every ``step`` steps."""
    import mujoco

    kept = [*range(0, len(path) - 1, step), len(path) - 1]
    for ends in zip(path[kept], path[kept[1:]]):
        if not np.isfinite(ends).all() or np.allclose(*ends, atol=1e-6):
            continue
        shape = mujoco.MjvGeom()
        mujoco.mjv_initGeom(
            shape, mujoco.mjtGeom.mjGEOM_CAPSULE, np.zeros(3), np.zeros(3), np.zeros(9), np.array(rgba, np.float32)
        )
        mujoco.mjv_connector(shape, mujoco.mjtGeom.mjGEOM_CAPSULE, width, *ends)
        made.append(shape)
