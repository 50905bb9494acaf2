"""An episode under way, with the decisions that lead it: what a viewer shows and changes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _native
from ..controller import Controller, Plan
from ..policy import Policy
from ..task import Task, state_of

#: Control steps that the plots go back.
KEPT = 600
#: Pixels between the page's windows.
FRAMED = (600, 800)


@dataclass(frozen=True)
class Settings:
    """What leads the episodes. A change acts on the next decision."""

    optimizer: str = "predictive-sampling"
    candidates: int = 32
    noise: float = 0.1
    proposals: tuple[str, ...] = ("imle", "warm")
    #: Factors of the weights of the task's cost terms.
    factors: tuple[float, ...] = ()
    #: Further settings of the controller, as in ``planner run``.
    more: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Decision:
    """A decision, and where its candidates lead."""

    index: int
    plan: Plan
    #: Simulated time at which it was made, s.
    time: float
    #: Paths of the candidates, (N, T + 1, 3), and of the plan itself, (T + 1, 3), metres.
    paths: NDArray[np.float64]
    chosen: NDArray[np.float64]
    #: Mode of each candidate; one that goes on keeps its number.
    modes: list[int]
    #: What each cost term is predicted to be over the steps to be executed, (T_act, terms).
    predicted_terms: NDArray[np.float64]


@dataclass
class Course:
    """What happened in an episode, for plots: a list entry a control step, or a decision."""

    time: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    terms: list[list[float]] = field(default_factory=list)
    #: Of every decision: its time, its predicted and realised mean cost, what it took in ms, its source.
    decided: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    realised: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def trim(self) -> None:
        """Forget what is further back than the plots go."""
        for name in ("time", "cost", "terms", "decided", "predicted", "realised", "took", "sources"):
            del getattr(self, name)[:-KEPT]


class Session:
    """Episodes of a task, one after the other, in a MuJoCo world of their own."""

    def __init__(
        self, task: Task, policy: Policy | None, settings: Settings | None = None, *, seed: int = 0, episode: int = 0,
        threads: int | None = None,
    ):
        import mujoco

        self._mujoco = mujoco
        self.task, self.policy, self.threads = task, policy, threads
        chosen = settings or Settings()
        if policy is None:
            chosen = replace(chosen, proposals=tuple(p for p in chosen.proposals if p != "imle") or ("noise", "warm"))
        self.settings = replace(chosen, factors=chosen.factors or (1.0,) * len(task.cost_terms))
        self.model = task.model()
        self.data = mujoco.MjData(self.model)
        self.seed, self.episode, self.mode = seed, episode, None
        self.controller = self._controller(self.settings)
        #: Why the last change was refused; empty if none was.
        self.refused = ""
        self.reset()

    # --- settings -----------------------------------------------------------------------------------------------------

    def _controller(self, settings: Settings) -> Controller:
        task = self.task
        if any(factor != 1.0 for factor in settings.factors):
            task = task.with_cost_factors(settings.factors)
        options = {**settings.more, "noise": settings.noise}
        if settings.optimizer != "none":
            options["proposals"] = list(settings.proposals)
        return Controller(
            task=task, policy=self.policy, optimizer=settings.optimizer, candidates=settings.candidates, seed=self.seed,
            threads=self.threads, **options,
        )

    def change(self, **values: Any) -> None:
        """Change settings from the next decision on. What cannot be is refused, and what was stays."""
        wanted = replace(self.settings, **values)
        if wanted == self.settings:
            return
        try:
            controller = self._controller(wanted)
        except (ValueError, RuntimeError) as error:
            self.refused = str(error)
            return
        self.refused, self.settings = "", wanted
        self._take(controller)

    def _take(self, controller: Controller) -> None:
        """Go on with another controller, which has seen what this one saw."""
        self.controller.close()
        self.controller = controller
        self.controller.reset(self.episode)
        for observation in self._seen[:-1]:
            self.controller.observe(observation=observation)
        self._due = True

    # --- the episode --------------------------------------------------------------------------------------------------

    def reset(self, seed: int | None = None, episode: int | None = None, mode: str | None = None) -> None:
        """Begin an episode anew, or another one; with a mode of the task's expert one that is led into it."""
        fresh = seed is not None and seed != self.seed
        self.seed = self.seed if seed is None else seed
        self.episode = self.episode if episode is None else episode
        self.mode = mode
        if fresh:
            self.controller.close()
            self.controller = self._controller(self.settings)
        self.begin(self.task.start_state(self.seed, self.episode, mode))

    def begin(self, state: NDArray[np.float64]) -> None:
        """Begin in a state."""
        self._set(state)
        self.controller.reset(self.episode)
        self.outcome, self.steps, self.decision, self.course = "", 0, None, Course()
        self._substep, self._left, self._held, self._due = 0, 0, 0, True
        self._seen: list[NDArray[np.float32]] = []
        #: Modes of the last decision, and control steps since.
        self._modes, self._passed = _native.ModeTracker(), 0
        self._costs: list[float] = []
        self._observe()

    def _set(self, state: NDArray[np.float64]) -> None:
        mujoco = self._mujoco
        mujoco.mj_setState(self.model, self.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_forward(self.model, self.data)

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return bool(self.outcome)

    def advance(self) -> None:
        """One physics step; at the beginning of a control step the action of the plan, or a new plan, comes first."""
        if self.over:
            return
        if self._substep == 0:
            self._act()
        controls, positions, quaternions = self._commands
        self.data.ctrl[:] = controls[self._substep]
        if len(positions[self._substep]):
            self.data.mocap_pos[:] = positions[self._substep]
            self.data.mocap_quat[:] = quaternions[self._substep]
        self._mujoco.mj_step(self.model, self.data)
        self._substep += 1
        if self._substep == self.task.substeps:
            self._substep = 0
            self._step_ended()

    def advance_control_step(self) -> None:
        """To the end of the control step that is under way, or of the next."""
        self.advance()
        while self._substep and not self.over:
            self.advance()

    def _act(self) -> None:
        if self._due or self._left == 0:
            self._decide()
        self._left -= 1
        self._commands = self.task.control_steps(self.action(), self.data)

    def action(self) -> NDArray[np.float32]:
        """The action of the control step that begins now."""
        return self.controller.next_action

    def _decide(self) -> None:
        self._realise()
        state = state_of(self.data)
        plan = self.controller.plan(state, observation=None if self._fresh else self._seen[-1])
        self._fresh, self._due = True, False
        self._left = self.controller.horizons.action
        index = 0 if self.decision is None else self.decision.index + 1
        self.decision = self._decision(index, plan, state)
        self.course.decided.append(float(self.data.time))
        self.course.predicted.append(math.nan if plan.predicted_cost is None else plan.predicted_cost)
        self.course.realised.append(math.nan)
        self.course.took.append(1e3 * plan.time)
        self.course.sources.append(plan.source or "last plan")
        self._costs = []

    def _decision(self, index: int, plan: Plan, state: NDArray[np.float64]) -> Decision:
        task, count = self.controller.task or self.task, len(plan.candidates)
        every = np.concatenate([plan.candidates.reshape(count, *plan.actions.shape), plan.actions[None]])
        paths = task.paths(state, every)
        start = np.broadcast_to(np.array(task._native.hand(state)), (len(paths), 1, 3))
        paths = np.concatenate([start, paths], 1)
        modes: list[int] = []
        if count:
            low, high = task.action_low.tolist(), task.action_high.tolist()
            modes = self._modes.number(plan.candidates, plan.costs.tolist(), low, high, self._passed)
            self._passed = 0
        terms = task.predicted_terms(state, plan.actions[: self.controller.horizons.action])
        return Decision(index, plan, float(self.data.time), paths[:count], paths[count], modes, terms)

    def framing(self) -> tuple[Any, float, float, float] | None:
        """A camera that frames what moves: where it looks, from how far, azimuth and elevation in degrees."""
        return self.task._native.framing(state_of(self.data), *FRAMED)

    def _realise(self) -> None:
        if self._costs and self.course.realised:
            self.course.realised[-1] = float(np.mean(self._costs))

    def _step_ended(self) -> None:
        self.steps += 1
        self._passed += 1
        mujoco = self._mujoco
        failed = not np.isfinite(self.data.qpos).all() or any(
            self.data.warning[int(kind)].number
            for kind in (mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL, mujoco.mjtWarning.mjWARN_BADQACC)
        )
        if failed:
            self.outcome = "the simulation failed"
            return
        # What was integrated last has moved no sites yet.
        mujoco.mj_forward(self.model, self.data)
        self._observe()
        found = self.task.assess(self.data)
        self._costs.append(found.cost)
        self.course.time.append(float(self.data.time))
        self.course.cost.append(found.cost)
        self.course.terms.append(found.terms)
        self.course.trim()
        self._held = self._held + 1 if found.solved else 0
        if found.lost:
            self.outcome = "lost"
        elif self._held and self._held >= self.task.hold_steps:
            self.outcome = "solved"
        elif self.steps >= self.task.max_steps:
            self.outcome = "not solved in time"
        if self.over:
            self._realise()

    def _observe(self) -> None:
        seen = self.task.observe(self.data)
        self._seen = [*self._seen[-self.controller.horizons.observation :], seen]
        if len(self._seen) > 1:
            self.controller.observe(state_of(self.data), seen)
            self._fresh = True
        else:
            self._fresh = False
