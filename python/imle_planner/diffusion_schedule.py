"""Noise schedules of diffusion, as `policy/src/method/schedule.rs` has them."""

import math

import numpy as np


def signals(schedule: dict) -> np.ndarray:
    """ᾱ_k of every step k, float32."""
    n, kind = schedule["steps"], schedule["betas"]
    if kind == "squaredcos_cap_v2":
        at = [math.cos((k / n + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(n + 1)]
        betas = np.array([min(1.0 - then / now, 0.999) for now, then in zip(at, at[1:])], dtype=np.float32)
    else:
        ends = [schedule["beta_start"], schedule["beta_end"]]
        ends = [math.sqrt(b) for b in ends] if kind == "scaled_linear" else ends
        betas = np.linspace(*np.float32(ends), n, dtype=np.float32)
        betas = betas**2 if kind == "scaled_linear" else betas
    return np.cumprod((np.float32(1.0) - betas).astype(np.float64)).astype(np.float32)


def visited(steps: int, passes: int) -> list[int]:
    """The steps of a sample with `passes`, from noise to data, in equal strides."""
    stride = steps // min(max(passes, 1), steps)
    return [i * stride for i in reversed(range(min(passes, steps)))]
