"""Grounds: what a suite knows of an environment and of its demonstrations. A new one is a file and a line here."""

from __future__ import annotations

from ..._checks import nearest
from ..suite import Suite
from .door import Door
from .ground import Ground
from .metaworld import MetaWorld
from .pusht import PushT

__all__ = ["GROUNDS", "Ground", "ground"]

GROUNDS: dict[str, type[Ground]] = {"own": Ground, "pusht": PushT, "door": Door, "metaworld": MetaWorld}


def ground(suite: Suite, task: str | None = None) -> Ground:
    """The ground of a suite, for one of its tasks if it has several."""
    if suite.ground not in GROUNDS:
        raise ValueError(f"{suite.name}: ground: unknown `{suite.ground}`; {nearest(suite.ground, list(GROUNDS))}")
    return GROUNDS[suite.ground](suite, task)
