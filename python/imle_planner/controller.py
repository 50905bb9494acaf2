"""Model-predictive control of one episode."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._checks import CANDIDATES, SEED, THREADS, whole
from .policy import Horizons, Policy
from .task import Cost, state_of, task_of


@dataclass(frozen=True)
class Plan:
    """A decision, and all candidates that were tried for it."""

    #: (T_pred, A), the first for the present control step.
    actions: NDArray[np.float32]
    #: (N, T_pred, A); empty for a policy alone.
    candidates: NDArray[np.float32]
    #: (N,); infinite for a candidate that failed or was not simulated.
    costs: NDArray[np.float64]
    #: Source of each candidate: imle, noise, warm, …, or the optimizer.
    sources: list[str]
    #: Source of the plan; None if nothing could be simulated, so that the last plan goes on.
    source: str | None
    #: Predicted mean cost of the steps to be executed.
    predicted_cost: float | None
    #: ``spread``, ``beat_warm``, ``modes``, ``improvable`` of the proposals.
    quality: dict[str, float] | None
    rollouts: int
    failed_rollouts: int
    physics_steps: int
    #: Wall-clock time of the decision, s.
    time: float


class Controller:
    """Plans for one episode: observation and state in, actions out.

    >>> import imle_planner as ip
    >>> mpc = ip.Controller(task="cartpole", optimizer="cem", candidates=16)
    >>> state = mpc.task.start_state()
    >>> mpc.plan(state).actions.shape
    (16, 1)

    Call :meth:`act` once a control step. Or call :meth:`observe` once a control step and :meth:`plan` when you like. The
    same seed and calls give the same bits at any number of threads. A controller serves one thread at a time.
    """

    def __init__(
        self,
        task: Any = None,
        policy: str | os.PathLike[str] | Policy | None = None,
        optimizer: str = "predictive-sampling",
        candidates: int = 32,
        *,
        cost: Cost | None = None,
        control_rate: float | None = None,
        seed: int = 0,
        threads: int | None = None,
        **settings: Any,
    ):
        """
        ``task`` is a name, a TOML file, a :class:`Task`, or a ``mujoco.MjModel`` with a ``cost`` and a ``control_rate``;
        without one the policy acts alone (``optimizer="none"``). ``cost`` is a function in Python that takes the place of
        the task's cost (:meth:`Task.from_model`). Further settings are those of ``planner run``: ``proposals=["imle", "warm"]``, ``execute``, ``horizon``, ``noise``,
        ``near_optimal``, … .
        """
        given = task_of(task, cost, control_rate)
        if policy is not None and not isinstance(policy, Policy):
            policy = Policy.load(policy)
        proposals = settings.setdefault("proposals", ["noise" if policy is None else "imle", "warm"])
        if isinstance(proposals, str):
            settings["proposals"] = [proposals]
        settings |= {"optimizer": optimizer, "candidates": whole("candidates", candidates, CANDIDATES)}
        seed = whole("seed", seed, SEED)
        threads = None if threads is None else whole("threads", threads, THREADS)
        self.task, self.policy = given, policy
        native_cost = (given._cost, given._sensors) if given is not None else (None, False)
        self._native = _native.Controller(
            given._native if given else None, policy._native if policy else None, json.dumps(settings), seed, threads,
            *native_cost,
        )
        horizons, (self.observation_size, self.state_size, self.action_size) = self._native.sizes()
        #: Horizons (T_obs, T_pred, T_act).
        self.horizons = Horizons(*horizons)

    def reset(self, episode: int = 0) -> None:
        """Begin episode ``episode``, whose index keys all draws."""
        self._native.reset(whole("episode", episode, SEED))

    def act(
        self, state: Any = None, observation: ArrayLike | None = None, *, pictures: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Observe, plan if a plan is due, and return the action (A,) of this control step.

        To be called once a control step. Without ``observation`` (O,) the task observes the state.
        """
        return self._native.act(observation, state_of(state), pictures)

    def observe(
        self, state: Any = None, observation: ArrayLike | None = None, *, pictures: ArrayLike | None = None
    ) -> None:
        """Observe, once a control step, if you plan at a rate of your own."""
        self._native.observe(observation, state_of(state), pictures)

    def plan(
        self,
        state: Any = None,
        observation: ArrayLike | None = None,
        *,
        pictures: ArrayLike | None = None,
        deadline: float | None = None,
    ) -> Plan:
        """Plan from a state on.

        What was not observed at this moment is observed first. Between two plans the control steps are counted by the
        states' times. With a ``deadline`` in seconds no rollout begins later, and the best so far is the plan.
        """
        plan = object.__new__(Plan)
        # A frozen dataclass sets its fields one by one, which takes as long as the rest of the call.
        plan.__dict__.update(self._native.plan(state_of(state), observation, pictures, deadline))
        return plan

    @property
    def next_action(self) -> NDArray[np.float32]:
        """Action (A,) of this control step in the last plan."""
        return self._native.next_action()

    def close(self) -> None:
        """Free everything. Later calls raise ``RuntimeError``."""
        self._native.close()

    def __enter__(self) -> Controller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Controller(task={self.task!r}, policy={self.policy!r}, horizons={tuple(self.horizons)})"
