"""The policy type `imle` for LeRobot, which finds this package by its name."""

from .configuration_imle import ImleConfig
from .modeling_imle import ImlePolicy
from .processor_imle import make_imle_pre_post_processors

__all__ = ["ImleConfig", "ImlePolicy", "make_imle_pre_post_processors"]
