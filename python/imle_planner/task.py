"""A task: observations, actions, cost and success in a MuJoCo model."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._checks import EPISODES, SEED, whole

#: A cost in Python: a dictionary of arrays in, costs (N, T) or (N,) out.
Cost = Callable[[dict[str, NDArray[Any]]], ArrayLike]


def task_names() -> list[str]:
    """Names of the built-in tasks."""
    return _native.task_names()


def state_of(state: Any) -> Any:
    """The full physics state of a ``mujoco.MjData``, or the vector that was given."""
    if hasattr(state, "qpos") and hasattr(state, "model"):
        import mujoco

        signature = mujoco.mjtState.mjSTATE_INTEGRATION
        out = np.empty(mujoco.mj_stateSize(state.model, signature))
        mujoco.mj_getState(state.model, state, out, signature)
        return out
    return state


class Assessment(NamedTuple):
    """What a task makes of a state."""

    #: Cost of the state.
    cost: float
    #: What each of ``Task.cost_terms`` adds to it; 0 for the residuals of rungs that the state is not on.
    terms: list[float]
    #: Index of the rung, and how many there are; None for a cost without.
    rung: tuple[int, int] | None
    #: Whether the state is a solved one, and whether it is lost.
    solved: bool
    lost: bool


class Task:
    """A task. Wherever a state is asked for, give a ``mujoco.MjData`` of its model, or the vector of
    ``mjSTATE_INTEGRATION``.

    >>> import imle_planner as ip
    >>> task = ip.Task.load("cartpole")
    >>> state = task.state_at(qpos=[0.0, 0.1], qvel=[0.0, 0.0])
    >>> task.controls(task.hold(state), state).shape
    (1,)
    """

    def __init__(
        self, native: _native.Task, cost: Cost | None = None, sensors: bool = False, origin: str | None = None
    ):
        if not isinstance(native, _native.Task):
            raise TypeError(f"task: expected Task.load(…), found Task({native!r:.40})")
        self._native, self._cost, self._sensors, self._origin = native, cost, sensors, origin
        told = json.loads(native.description())
        #: Names and sizes of the values of an observation and of an action, the task and its control rate in Hz.
        self.spec: dict[str, Any] = told["spec"]
        self.description: str = told["description"]
        #: Longest episode and physics steps a control step.
        self.max_steps: int = told["max_steps"]
        self.substeps: int = told["substeps"]
        #: Range of the actions, (A,).
        self.action_low = np.array(told["action_low"], np.float32)
        self.action_high = np.array(told["action_high"], np.float32)
        #: Cameras whose pictures can be observed: name to (width, height).
        self.cameras: dict[str, tuple[int, int]] = {name: tuple(size) for name, size in told["cameras"]}
        self.observation_size = sum(term["size"] for term in self.spec["observation"]["terms"])
        self.action_size = len(self.action_low)
        self.state_size: int = native.state_size
        #: Modes of the scripted expert; none without one.
        self.modes: list[str] = told["modes"] or []
        #: Names of the terms of the cost: their quantities.
        self.cost_terms: list[str] = told["cost_terms"]
        #: Control steps that a solved state must last.
        self.hold_steps: int = told["hold_steps"]

    @classmethod
    def load(cls, name: str | os.PathLike[str]) -> Task:
        """A built-in task by its name, or your own by the path of its TOML file."""
        place = os.fspath(name)
        return cls(_native.Task.load(place), origin=place)

    @classmethod
    def from_model(
        cls,
        model: Any,
        cost: Cost,
        *,
        control_rate: float,
        name: str = "model",
        max_steps: int = 1000,
        sensors: bool = False,
    ) -> Task:
        """A task of a ``mujoco.MjModel`` with a cost in Python, to try things out.

        Actions are the controls of all actuators; observations are all joint positions and velocities. ``cost`` is
        called once a wave with the states after each control step of all N rollouts: a dictionary of ``qpos``
        (N, T, nq), ``qvel`` (N, T, nv), ``site_xpos`` (N, T, nsite, 3), ``xpos`` (N, T, nbody, 3), ``actions``
        (N, T, A), and with ``sensors=True`` ``sensordata``. It returns costs (N, T), whose mean over time is minimised,
        or (N,). A cost that is not finite marks a failed rollout.
        """
        import mujoco

        if not isinstance(model, mujoco.MjModel):
            raise TypeError(f"task: expected a mujoco.MjModel, found {type(model).__name__}")
        if not callable(cost):
            raise TypeError(f"cost: expected a function, found {type(cost).__name__}")
        if model.nu == 0:
            raise ValueError("task: expected a model with actuators, found none")
        kinds = [mujoco.mjtJoint(int(kind)) for kind in model.jnt_type]
        simple = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
        joints = [_named(model.joint(i), "joint") for i, kind in enumerate(kinds) if kind in simple]
        free = [model.joint(i) for i, kind in enumerate(kinds) if kind not in simple]
        lines = [f"name = {json.dumps(name)}", 'description = "A model with a cost in Python"', 'model = "model.mjb"']
        lines += [f"control_rate = {float(control_rate)}", f"max_steps = {int(max_steps)}", "[action]"]
        actuators = [_actuator(model, i) for i in range(model.nu)]
        lines += ['kind = "actuators"', f"actuators = {json.dumps(actuators)}"]
        for kind in ("joint_position", "joint_velocity") if joints else ():
            lines += ["[[observation]]", f'name = "{kind}"', f'kind = "{kind}"', f"joints = {json.dumps(joints)}"]
        for joint in free:
            body = model.body(int(joint.bodyid[0])).name
            for kind in ("position", "quaternion"):
                lines += ["[[observation]]", f"name = {json.dumps(f'{body}_{kind}')}", f'kind = "{kind}"']
                lines += [f"of = {json.dumps(f'body:{body}')}"]
        # The file's own cost is not used: rollouts are scored by `cost`.
        lines += ["[quantities]", 'zero = { kind = "control", actuator = %s }' % json.dumps(actuators[0])]
        lines += ["[cost]", "running = 1.0", "terminal = 0.0", "[[cost.term]]", 'quantity = "zero"', "scale = 1.0"]
        lines += ['norm = "quadratic"', "[success]", 'when = ["zero > 1e300"]']
        with tempfile.TemporaryDirectory() as folder:
            mujoco.mj_saveModel(model, str(Path(folder, "model.mjb")))
            file = Path(folder, "task.toml")
            file.write_text("\n".join(lines), encoding="utf-8")
            return cls(_native.Task.load(str(file)), cost, sensors)

    def with_cost(self, cost: Cost, *, sensors: bool = False) -> Task:
        """The same task, whose rollouts are scored by a function in Python (:meth:`from_model` says how)."""
        return Task(self._native, cost, sensors, self._origin)

    def start_state(self, seed: int = 0, episode: int = 0, mode: str | None = None) -> NDArray[np.float64]:
        """State in which episode ``episode`` of ``seed`` begins, as in ``planner run``; with one of ``modes`` a state in
        which the expert's way in that mode is fixed, as with ``--mode``."""
        return self._native.start_state(whole("seed", seed, SEED), whole("episode", episode, (0, EPISODES[1])), mode)

    def state_at(self, qpos: ArrayLike, qvel: ArrayLike, ctrl: ArrayLike | None = None) -> NDArray[np.float64]:
        """State of positions (nq,), velocities (nv,) and controls (nu,); without controls the joints hold still."""
        return self._native.state_at(qpos, qvel, ctrl)

    def observe(self, state: Any) -> NDArray[np.float32]:
        """Observation (O,) of a state."""
        return self._native.observe(state_of(state))

    def controls(self, action: ArrayLike, state: Any) -> NDArray[np.float64]:
        """MuJoCo controls (nu,) in which a control step of ``action`` (A,) from a state ends, inverse kinematics included.

        A world moves position targets there linearly over the control step; :meth:`control_steps` gives every physics
        step.
        """
        return self._native.controls(action, state_of(state))

    def control_steps(self, action: ArrayLike, state: Any) -> tuple[NDArray[np.float64], ...]:
        """Controls (substeps, nu), and positions (substeps, nmocap, 3) and quaternions (substeps, nmocap, 4) of mocap
        bodies, of every physics step of a control step."""
        return self._native.control_steps(action, state_of(state))

    def paths(self, state: Any, chunks: ArrayLike) -> NDArray[np.float64]:
        """Paths (N, T, 3) of the point that actions move, in metres in the world's frame, along the rollouts of chunks
        (N, T, A) from a state; not a number where a rollout failed.

        The point is the site of an end effector, a mocap body, or the end of what the actuators move.
        """
        return self._native.paths(state_of(state), chunks)

    def predicted_terms(self, state: Any, actions: ArrayLike) -> NDArray[np.float64]:
        """What each of ``cost_terms`` adds to the cost after every one of the actions (T, A) from a state, in the model
        that rollouts use, (T, terms); not a number from where the rollout failed on."""
        return self._native.predicted_terms(state_of(state), actions)

    def assess(self, state: Any) -> Assessment:
        """The cost of a state, its terms, and whether it is solved or lost."""
        return Assessment(*self._native.assess(state_of(state)))

    def with_cost_factors(self, factors: Sequence[float]) -> Task:
        """The same task, with the weights of the terms of its cost multiplied, in the order of ``cost_terms``."""
        native = self._native.with_cost_factors([float(factor) for factor in factors])
        return Task(native, self._cost, self._sensors)

    def hold(self, state: Any) -> NDArray[np.float32]:
        """Action (A,) that holds a state."""
        return self._native.hold(state_of(state))

    def model(self, *, planning: bool = False) -> Any:
        """The compiled ``mujoco.MjModel`` of the world, or the one that rollouts use."""
        import mujoco

        data = self._native.model_bytes(planning)
        return mujoco.MjModel.from_binary_path("task.mjb", {"task.mjb": data})

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.spec["task"]

    @property
    def control_rate(self) -> float:
        """Control steps a second, Hz."""
        return self.spec["control_rate"]

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process loads the task again."""
        if self._origin is None or self._cost is not None:
            raise TypeError("task: expected one without a cost in Python to be pickled, found one with it")
        return Task.load, (self._origin,)

    def __repr__(self) -> str:
        return f"Task({self.name!r}, observation={self.observation_size}, action={self.action_size})"


def _named(thing: Any, what: str) -> str:
    if not thing.name:
        raise ValueError(f"task: expected a name of every {what}, found none of {what} {thing.id}")
    return thing.name


def _actuator(model: Any, index: int) -> str:
    """Name of an actuator; one without goes by that of its joint."""
    import mujoco

    actuator = model.actuator(index)
    if not actuator.name and model.actuator_trntype[index] == int(mujoco.mjtTrn.mjTRN_JOINT):
        return _named(model.joint(int(actuator.trnid[0])), "joint")
    return _named(actuator, "actuator")


def task_of(task: Any, cost: Cost | None = None, control_rate: float | None = None) -> Task | None:
    """A task from what users give: a task, a name, a TOML file, or a model; with a cost in Python if there is one."""
    kind = type(task).__name__
    if kind == "MjModel":
        if cost is None or control_rate is None:
            raise ValueError(f"{'cost' if cost is None else 'control_rate'}: expected one beside a model, found none")
        return Task.from_model(task, cost, control_rate=control_rate)
    if control_rate is not None:
        raise ValueError("control_rate: expected a model beside it, as a task has its own, found one")
    if isinstance(task, (str, os.PathLike)):
        task = Task.load(task)
    elif task is not None and not isinstance(task, Task):
        raise TypeError(f"task: expected a name, a TOML file, a Task or a mujoco.MjModel, found {kind}")
    if cost is None:
        return task
    if task is None:
        raise ValueError("cost: expected a task beside it, found none")
    return task.with_cost(cost)
