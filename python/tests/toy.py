"""Small untrained checkpoints of every network and method."""

import numpy as np

NETWORKS = {
    "mlp": {"kind": "mlp", "width": 16, "blocks": 2},
    "mlp_low": {"kind": "mlp", "width": 17, "blocks": 1, "latent": 3},
    "transformer": {"kind": "transformer", "width": 16, "blocks": 2, "heads": 4},
    "transformer_low": {"kind": "transformer", "width": 16, "blocks": 1, "heads": 2, "latent": 5},
    "unet": {"kind": "unet", "down_dims": [16, 32], "time_embedding": 16},
    "unet_low": {"kind": "unet", "down_dims": [8, 16, 32], "time_embedding": 8, "latent": 3, "film_scale": False},
}
METHODS = {
    "regression": {},
    "flow": {"passes": 3},
    "mean-flow": {"passes": 2},
    "diffusion": {"passes": 4},
    "diffusion_ddpm": {"passes": 5, "solver": "ddpm"},
}
O, A, T_OBS, T_PRED = 5, 3, 2, 8


def config(network: str = "mlp", method: str = "imle", residual: bool = False, lead: int = 0) -> dict:
    """A checkpoint's configuration. Dimension 1 of the observation and 2 of the action do not vary."""
    layout = lambda name, size: {"terms": [{"name": name, "size": size}]}
    rng = np.random.default_rng(7)
    normalizers = {
        "observation": {"min": [-2.0, 0.5, -1.0, 0.0, 3.0], "max": [3.0, 0.5, 1.0, 0.25, 7.0]},
        "action": {"min": [-2.0, 0.0, 4.0], "max": [3.0, 0.5, 4.0]},
    }
    if residual:
        weights = 0.3 * rng.standard_normal((T_PRED * A, T_OBS * O + 1))
        scale = rng.uniform(0.02, 1.0, T_PRED * A)
        normalizers["residual"] = {"weights": weights.ravel().round(4).tolist(), "scale": scale.round(4).tolist()}
    return {
        "format": 1,
        "version": "0.1.0",
        "method": method.partition("_")[0],
        "spec": {
            "task": "toy",
            "control_rate": 10.0,
            "observation": layout("position", O),
            "action": layout("target", A),
        },
        "horizons": {"observation": T_OBS, "prediction": T_PRED, "action": 4},
        "network": NETWORKS[network],
        **({"lead": lead} if lead else {}),
        "normalizers": normalizers,
        "sampling": METHODS.get(method, {}),
        "provenance": {"data": "toy", "steps": 0, "seed": 0},
    }


def observations(rows: int) -> np.ndarray:
    """Histories (rows, T_obs, O) within the range of the data, near enough."""
    low, high = (np.array(config()["normalizers"]["observation"][k]) for k in ("min", "max"))
    return np.random.default_rng(3).uniform(low, high, (rows, T_OBS, O)).astype(np.float32)
