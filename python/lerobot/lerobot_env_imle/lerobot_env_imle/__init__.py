"""The environment type `imle` for LeRobot, which finds this package by its name."""

from .configuration_imle import ImleEnvConfig
from .environment import ImleEnv

__all__ = ["ImleEnv", "ImleEnvConfig"]
