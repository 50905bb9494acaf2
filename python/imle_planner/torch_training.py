"""The optimizer of `planner train` in PyTorch: AdamW, its learning rate, and the moving average of the weights."""

import math

import torch
from torch import nn

WEIGHT_DECAY, WARMUP, GRAD_CLIP, EMA_POWER, EMA_MAX = 1e-6, 500, 1.0, 0.75, 0.9999


def peak_learning_rate(kind: str, vision: bool) -> float:
    """The highest learning rate of a network of this kind, with or without encoders of pictures."""
    return 4e-3 if kind == "mlp" and not vision else 5e-4


def rate(step: int, steps: int, warmup: int = WARMUP) -> float:
    """The learning rate of 0-based `step` as a share of the peak: a linear rise, then a cosine down to 0 at `steps`."""
    if step < warmup:
        return (step + 1) / warmup
    part = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return 0.5 * (1.0 + math.cos(math.pi * part))


def average_decay(update: int, power: float = EMA_POWER, most: float = EMA_MAX) -> float:
    """Decay of the moving average at update number `update`, 1 for the first, which copies the weights."""
    return min(max(1.0 - max(update, 1) ** -power, 0.0), most)


@torch.no_grad()
def move_average(average: nn.Module, weights: nn.Module, decay: float) -> None:
    """Moves the parameters of `average` towards those of `weights`: a ← decay · a + (1 − decay) · w."""
    for a, w in zip(average.parameters(), weights.parameters()):
        a.lerp_(w, 1.0 - decay)
