"""A trained generator of action chunks."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._checks import CANDIDATES, SEED, as_json, whole


class Horizons(NamedTuple):
    """Control steps that a policy sees, predicts and executes: T_obs, T_pred, T_act."""

    observation: int
    prediction: int
    action: int


class Policy:
    """A generator: N chunks for an observation, in one forward pass.

    >>> import imle_planner as ip
    >>> policy = ip.Policy.load("stack")
    >>> policy.sample([0.0] * policy.observation_size, n=4).shape
    (4, 16, 6)
    """

    def __init__(self, native: _native.Policy, origin: tuple[Any, ...] = ()):
        if not isinstance(native, _native.Policy):
            raise TypeError(f"policy: expected Policy.load(…), found Policy({native!r:.40})")
        self._native, self._origin = native, origin
        self.config: dict[str, Any] = json.loads(native.config())
        spec, horizons = self.config["spec"], self.config["horizons"]
        #: Horizons (T_obs, T_pred, T_act).
        self.horizons = Horizons(horizons["observation"], horizons["prediction"], horizons["action"])
        #: Names and sizes of the values of an observation and of an action, the task and its control rate in Hz.
        self.spec: dict[str, Any] = spec
        #: O and A.
        self.observation_size = sum(term["size"] for term in spec["observation"]["terms"])
        self.action_size = sum(term["size"] for term in spec["action"]["terms"])
        #: Of an estimator that was trained just now: the root mean square error of each term in held-out episodes.
        self.errors: dict[str, float] = {}

    @classmethod
    def load(cls, checkpoint: str | os.PathLike[str], device: str = "cpu") -> Policy:
        """The checkpoint shipped for a built-in task, or one in a folder.

        The folder may be planner's own, LeRobot's (diffusion, imle) or Diffusion Policy's. ``device`` is ``cpu``,
        ``cuda`` or ``auto``.
        """
        place = os.fspath(checkpoint)
        return cls(_native.Policy.load(place, device), (Policy.load, place, device))

    def sample(
        self,
        observation: ArrayLike,
        n: int = 32,
        *,
        seed: int = 0,
        episode: int | Sequence[int] = 0,
        step: int = 0,
        pictures: ArrayLike | None = None,
        latents: ArrayLike | None = None,
    ) -> NDArray[np.float32]:
        """Draw chunks (n, T_pred, A) in the units of the task's actions.

        ``observation`` is one observation (O,), repeated as its history, or a history (T_obs, O), oldest first. For a
        batch (B, T_obs, O) the result is (B, n, T_pred, A); with ``n=1`` its rows share passes, as episodes of
        :func:`imle_planner.evaluate` do, and may differ in the last bits from chunks that are drawn alone. The same ``seed``, ``episode`` and ``step`` (index of the
        decision) draw the same chunks; in a batch ``episode`` is one number a row, or the first of them. ``pictures``
        (T_obs, cameras, H, W, 3), uint8, are for a policy that sees them. ``latents`` (n, Z), or (B, n, Z), take the
        place of the draws.
        """
        numbers = episode if isinstance(episode, (Sequence, np.ndarray)) else [episode]
        episodes = [whole("episode", number, SEED) for number in numbers]
        n, seed, step = whole("n", n, CANDIDATES), whole("seed", seed, SEED), whole("step", step, SEED)
        return self._native.sample(observation, n, seed, episodes, step, pictures, latents)

    def with_sampling(self, **settings: Any) -> Policy:
        """The same weights, sampled in another way: ``temperature``, ``passes``, ``solver``, ``precision``."""
        native = self._native.resampled(as_json("sampling", settings))
        return Policy(native, (_resampled, self, settings))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the checkpoint to a folder."""
        self._native.save(os.fspath(folder))

    @property
    def task(self) -> str:
        """Name of the task it was made for."""
        return self.spec["task"]

    @property
    def method(self) -> str:
        """Method of its training: imle, diffusion, flow, mean-flow or regression."""
        return self.config["method"]

    @property
    def latent_size(self) -> int:
        """Z, normal values that a chunk is made from; 0 for a method without."""
        return self._native.latent_size

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process loads the checkpoint again."""
        if not self._origin:
            raise TypeError("policy: expected a saved one, as another process loads it anew, found one in training")
        return self._origin[0], self._origin[1:]

    def __repr__(self) -> str:
        return f"Policy(task={self.task!r}, method={self.method!r}, horizons={tuple(self.horizons)})"


def _resampled(policy: Policy, settings: dict[str, Any]) -> Policy:
    return policy.with_sampling(**settings)
