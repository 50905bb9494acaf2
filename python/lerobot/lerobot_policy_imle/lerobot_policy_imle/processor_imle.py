"""Processors of the policy type `imle`: names, a batch dimension, the device. The checkpoint normalises."""

from typing import Any

import torch
from lerobot.processor import PolicyAction, PolicyProcessorPipeline, make_default_pre_post_processors

from .configuration_imle import ImleConfig


def make_imle_pre_post_processors(
    config: ImleConfig, dataset_stats: dict[str, dict[str, torch.Tensor]] | None = None
) -> tuple[
    PolicyProcessorPipeline[dict[str, Any], dict[str, Any]], PolicyProcessorPipeline[PolicyAction, PolicyAction]
]:
    """LeRobot's default pipelines. Their normalisation is the identity, so that no statistics are needed."""
    return make_default_pre_post_processors(config, None)
