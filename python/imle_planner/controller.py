"""Model-predictive control of one episode."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._checks import CANDIDATES, SEED, THREADS, as_json, whole
from .policy import Horizons, Policy
from .task import Cost, state_of, task_of


@dataclass(frozen=True, repr=False)
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
    #: Predicted mean cost of the T_act steps to be executed; ``costs`` are of all T_pred.
    predicted_cost: float | None
    #: Of the proposals: ``spread``, the deviation of their costs; ``beat_warm``, the share that is cheaper than what is left
    #: of the last plan; ``modes`` among the cheaper half; ``improvable``, the probability that as many again would make the
    #: plan 1 % cheaper.
    quality: dict[str, float] | None
    #: Rollouts begun, those that failed, and their physics steps.
    rollouts: int
    failed_rollouts: int
    physics_steps: int
    #: Wall-clock time of the decision, s.
    time: float

    def __repr__(self) -> str:
        shape, cheapest = self.actions.shape, min(self.costs, default=float("nan"))
        return f"Plan(actions={shape}, candidates={len(self.costs)}, source={self.source!r}, cheapest={cheapest:.4g})"


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
        if given is None and optimizer != "none":
            raise ValueError('task: expected one to plan in, or optimizer="none" to let the policy act alone, found none')
        if control_rate is not None:
            # A plan for a model that nobody has tuned is not followed blindly.
            settings.setdefault("execute", 1)
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
            given._native if given else None, policy._native if policy else None, as_json("controller", settings), seed, threads,
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
        state, observation = self._seen(state, observation)
        return self._native.act(observation, state, pictures)

    def observe(
        self, state: Any = None, observation: ArrayLike | None = None, *, pictures: ArrayLike | None = None
    ) -> None:
        """Observe, once a control step, if you plan at a rate of your own."""
        state, observation = self._seen(state, observation)
        self._native.observe(observation, state, pictures)

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
        state, observation = self._seen(state, observation)
        plan = object.__new__(Plan)
        # A frozen dataclass sets its fields one by one, which takes as long as the rest of the call.
        plan.__dict__.update(self._native.plan(state, observation, pictures, deadline))
        return plan

    def _seen(self, state: Any, observation: Any) -> tuple[Any, Any]:
        """State and observation; without a task the one argument is the observation."""
        if self.task is None and observation is None:
            return None, state
        return state_of(state), observation

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
