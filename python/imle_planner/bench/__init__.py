"""Benchmarks of the field, on others' data and in others' simulators: ``python -m imle_planner.bench SUITE``."""

from .suite import Suite, load

__all__ = ["Suite", "load"]
