"""RS-IMLE's selection and loss (arXiv 2502.12371) in PyTorch, by the rule of `policy/src/rs_imle.rs`.

With d(x, y) = ‖x − y‖₂ / √D: a candidate within ε of any target of its state is rejected, unless the state has as many
targets as candidates; targets are assigned to distinct survivors with the least total distance; the loss is the mean
over states of the mean distance of their pairs.
"""

import torch
from torch import Tensor

# Keeps the gradient of the root finite at distance 0; in squared normalised units per element.
ROOT_GUARD = 1e-12


def distances(candidates: Tensor, targets: Tensor) -> Tensor:
    """Distances (B, m, K) between candidates (B, m, D) and targets (B, K, D)."""
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(candidates, targets, compute_mode=exact) / targets.shape[2] ** 0.5


def _assign(distances: Tensor) -> list[tuple[int, int]]:
    """Pairs (row, column) of `distances` (m, K) with the least total, as many as there can be."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        raise ImportError("several targets a state need scipy: pip install scipy") from None
    rows, columns = linear_sum_assignment(distances.double().cpu().numpy())
    return list(zip(rows.tolist(), columns.tolist()))


def select(distances: Tensor, mask: Tensor, epsilon: float | Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
    """The candidate of each target (B, K), whether it has one (B, K), and figures for a log.

    `distances` (B, m, K); `mask` (B, K), the targets that count; `epsilon`, one for all states or (B).
    """
    samples, targets = distances.shape[1:]
    far = torch.full_like(distances, torch.inf)
    d = torch.where(mask[:, None, :], distances, far)
    limit = torch.as_tensor(epsilon, dtype=torch.float64, device=d.device).reshape(-1, 1)
    within = (d.double() <= limit[:, :, None]).any(2)
    count = mask.sum(1)
    finite = (distances.isfinite() | ~mask[:, None, :]).all(2)
    alive = finite & ~(within & (count < samples)[:, None]) & (count > 0)[:, None]
    survivors = torch.where(alive[:, :, None], d, far)
    if targets == 1:
        nearest, candidates = survivors.min(1)
        kept = nearest.isfinite()
    else:
        candidates = torch.zeros_like(mask, dtype=torch.int64)
        kept = torch.zeros_like(mask)
        for b in range(len(mask)):
            rows, columns = alive[b].nonzero()[:, 0], mask[b].nonzero()[:, 0]
            for row, column in _assign(distances[b][rows][:, columns]):
                candidates[b, columns[column]] = rows[row]
                kept[b, columns[column]] = True
    states = (count > 0).sum().item()
    chosen = d.gather(1, candidates[:, None, :])[:, 0][kept]
    unrejected = d.min(1).values[mask]
    figures = {
        "survivor_share": alive.sum().item() / max(states * samples, 1),
        "nearest": chosen.mean().item() if len(chosen) else 0.0,
        "nearest_unrejected": unrejected.mean().item() if len(unrejected) else 0.0,
        "dropped": float((mask & ~kept).sum().item()),
    }
    return candidates, kept, figures


def loss(chunks: Tensor, targets: Tensor, kept: Tensor) -> Tensor:
    """Mean over states of the mean distance of the `kept` (B, K) pairs of `chunks` and `targets` (B, K, D)."""
    d = ((chunks - targets).square().mean(2) + ROOT_GUARD).sqrt()
    pairs = kept.sum(1)
    each = torch.where(kept, d, torch.zeros_like(d)).sum(1) / pairs.clamp(min=1)
    return each.sum() / (pairs > 0).sum().clamp(min=1)
