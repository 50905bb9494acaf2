"""Recorded episodes: those of a run, whose decisions are made again, and those of a dataset."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _native
from ..controller import Plan
from ..policy import Policy
from ..task import Task, state_of
from .live import Live
from .session import Course, Decision, Session, Settings
from .stage import Stage
from .states import read

if TYPE_CHECKING:
    from .panel import Panel

#: Keys of a run's `config.json` that are no settings of its controller.
OTHER = {
    "task", "checkpoint", "episodes", "first", "seed", "lockstep", "realtime", "deadline", "mode", "mismatch", "threads",
    "version", "optimizer", "candidates", "noise", "proposals",
}
#: Control steps that a plan of the record alone is drawn for.
AHEAD = 16


def lines(path: Path) -> tuple[list[dict[str, Any]], str]:
    """The whole lines of a JSONL file, and what is wrong with the first that is not."""
    if not path.exists():
        return [], f"{path.name}: not there"
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            return found, f"{path.name}:{number}: expected a whole line, found {line[:30]!r}"
    return found, ""


class Recorded(Session):
    """Episodes whose actions are known. Where the planner is known too, it decides again from the same states."""

    #: Actions of the episode, (L, A), or the states before each control step and at the end, (L + 1, S); None where only
    #: the planner knows them.
    actions: NDArray[np.float32] | None = None
    states: NDArray[np.float64] | None = None
    #: Whether there is a planner.
    plans = True

    def action(self) -> NDArray[np.float32]:
        return super().action() if self.actions is None else self.actions[self.steps]

    def length(self) -> int | None:
        """Control steps of the record."""
        known = [len(self.actions)] if self.actions is not None else []
        return min([*known, len(self.states) - 1] if self.states is not None else known, default=None)

    def _decide(self) -> None:
        if self.plans:
            super()._decide()
            return
        self._realise()
        size = self.task.action_size
        ahead = np.zeros((0, size), np.float32) if self.actions is None else self.actions[self.steps : self.steps + AHEAD]
        plan = object.__new__(Plan)
        plan.__dict__.update(
            actions=ahead, candidates=np.zeros((0, *ahead.shape), np.float32), costs=np.zeros(0), sources=[],
            source="the record", predicted_cost=None, quality=None, rollouts=0, failed_rollouts=0, physics_steps=0, time=0.0,
        )
        index = 0 if self.decision is None else self.decision.index + 1
        self.decision = self._decision(index, plan, state_of(self.data))
        self._left, self._due = 1, False

    def _decision(self, index: int, plan: Plan, state: NDArray[np.float64]) -> Decision:
        if len(plan.actions):
            return super()._decision(index, plan, state)
        assert self.states is not None
        path = np.array([self.task._native.hand(row) for row in self.states[self.steps : self.steps + AHEAD + 1]])
        terms = np.zeros((0, len(self.task.cost_terms)))
        return Decision(index, plan, float(self.data.time), np.zeros((0, len(path), 3)), path, [], terms)

    def advance(self) -> None:
        # Where the states are known a control step is one jump: what is shown is what was.
        if self.states is None or self.over:
            super().advance()
            return
        if self._due or self._left == 0:
            self._decide()
        self._left -= 1
        self._set(self.states[self.steps + 1])
        self._step_ended()

    def _step_ended(self) -> None:
        super()._step_ended()
        length = self.length()
        if not self.over and length is not None and self.steps >= length:
            self.outcome = "the record ends"
            self._realise()


class Run(Live):
    """The episodes of a folder of ``planner run --out``. Decisions are made again, from the recorded states and with the
    run's seed: the same bits."""

    pushes = False

    def __init__(self, folder: Path, threads: int | None = None):
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        missing = [key for key in ("task", "seed") if key not in config]
        if missing:
            raise ValueError(f"{folder}/config.json: expected the key `{missing[0]}`, found {', '.join(list(config)[:8])}")
        task = Task.load(config["task"])
        episodes, self.trouble = lines(folder / "episodes.jsonl")
        decisions, cut = lines(folder / "decisions.jsonl")
        self.notes = [note for note in (self.trouble, cut) if note]
        self.results = {row["episode"]: row for row in episodes}
        if not self.results:
            raise ValueError(f"{folder}/episodes.jsonl: expected at least one episode, found none")
        self.expected = {(row["episode"], row["decision"]): row.get("predicted") for row in decisions}
        self.states: dict[int, NDArray[np.float64]] = {}
        if (folder / "states.safetensors").exists():
            try:
                self.states = read(folder / "states.safetensors")
            except ValueError as error:
                self.notes.append(str(error))
        self.run_mode, plans, policy = config.get("mode"), True, None
        checkpoint = config.get("checkpoint", "shipped")
        try:
            policy = None if checkpoint == "none" else Policy.load(task.name if checkpoint == "shipped" else checkpoint)
        except (ValueError, RuntimeError, OSError) as error:
            plans = False
            self.notes.append(f"the executed plan alone: {error}")
        for key, why in (("mismatch", "another world"), ("realtime", "real time")):
            if config.get(key):
                plans = False
                self.notes.append(f"the executed plan alone: the run was in {why}")
        if not plans:
            # Episodes that neither a planner nor a record can show.
            self.results = {number: row for number, row in self.results.items() if number in self.states}
        if not self.results:
            raise ValueError(f"{folder}: expected the run's checkpoint or its states.safetensors, found neither")
        more = {key: value for key, value in config.items() if key not in OTHER and value is not None}
        settings = Settings(
            config.get("optimizer", "predictive-sampling"), config.get("candidates", 32), config.get("noise", 0.1),
            tuple(config.get("proposals", ("imle", "warm"))), more=more,
        ) if plans else Settings("cem", 8, proposals=("noise",))
        first = min(self.results)
        session = Recorded(task, policy, settings, seed=config["seed"], episode=first, threads=threads)
        session.plans = plans
        super().__init__(session)
        self.title = f"run {folder.name}: {task.name}"
        self.do("begin", first)

    def told(self) -> list[str]:
        session = self.session
        result = self.results.get(session.episode, {})
        lines = [
            f"episode {session.episode}, step {session.steps} of {result.get('steps', '?')}"
            + (f": {session.outcome}" if session.over else ""),
            f"recorded: {'solved' if result.get('success') else 'not solved'}, mode {result.get('mode') or 'none'}",
        ]
        decision = session.decision
        if decision is not None and decision.plan.predicted_cost is not None:
            expected = self.expected.get((session.episode, decision.index))
            same = "not recorded" if expected is None else "as recorded" if expected == decision.plan.predicted_cost else "NOT as recorded"
            lines.append(f"decision {decision.index}, {decision.plan.source}: {same}")
        return [*lines, *self.notes]

    def controls(self, panel: Panel) -> None:
        from mujoco.experimental.dear_imgui import dear_imgui as imgui

        imgui.SeparatorText("Episode")
        self.goes_on = panel.checkbox("next one when it is over", self.goes_on)
        names = {f"{n}: {'solved' if row.get('success') else 'not solved'}, {row.get('mode') or 'no mode'}": n for n, row in self.results.items()}
        now = next((name for name, n in names.items() if n == self.session.episode), "")
        if (chosen := panel.choice("episode", now, tuple(names))) != now:
            self.ask("begin", names[chosen])

    def tick(self, seconds: float) -> None:
        if self.session.states is None or self.session.over:
            super().tick(seconds)
            return
        self._debt = min(self._debt + seconds, 0.2)
        while self._debt >= 1.0 / self.rate and not self.session.over:
            self._debt -= 1.0 / self.rate
            self.session.advance()
        if self.session.over:
            self._over_since = time.perf_counter()
        self._publish()

    def do(self, what: str, value: Any) -> None:
        session = self.session
        if what in ("next", "reset", "begin"):
            known = sorted(self.results)
            at = known.index(session.episode)
            episode = {"next": known[(at + 1) % len(known)], "reset": session.episode}.get(what, value)
            states = self.states.get(episode)
            session.states = states
            session.reset(episode=episode, mode=self.run_mode)
            if states is not None:
                session.begin(states[0])
            self._publish()
        else:
            super().do(what, value)


class Dataset(Stage):
    """The episodes of a dataset: played in its task's simulator where that is known, with the pictures of its cameras."""

    def __init__(self, folder: Path, task: Task | None = None, threads: int | None = None):
        import mujoco

        self.folder, self.number, self.notes = folder, 0, []
        self._read()
        spec = self.record["spec"]
        if task is None:
            try:
                task = Task.load(spec["task"])
            except (ValueError, RuntimeError) as error:
                self.notes.append(f"no scene: {error}")
        self.session: Recorded | None = None
        if task is not None:
            self.session = Recorded(task, None, Settings("cem", 8, proposals=("noise",)), threads=threads)
            self.session.plans = False
            super().__init__(self.session.model, self.session.data)
            self.terms = task.cost_terms
        else:
            model = mujoco.MjSpec().compile()
            super().__init__(model, mujoco.MjData(model))
        self.title, self.rate = f"dataset {folder.name}: {spec['task']}", spec["control_rate"]
        self._frame, self._debt = 0, 0.0
        #: Pictures on the page, by camera, and of which frame they are.
        self._textures: dict[str, int] = {}
        self._uploaded: dict[str, tuple[int, int]] = {}
        self.do("begin", 0)

    def _read(self) -> None:
        told, self.seen, self.done, self.pictures = _native.dataset_episode(str(self.folder), self.number)
        self.record: dict[str, Any] = json.loads(told)

    def view(self) -> tuple[Any, float, float, float]:
        return self.session and self.session.framing() or super().view()

    def told(self) -> list[str]:
        record = self.record
        solved = "solved" if record["success"] else "not solved"
        return [
            f"episode {self.number} of {record['episodes']}, frame {self._frame} of {len(self.done)}",
            f"recorded as {solved}, mode {record['mode'] or 'none'}",
            *self.notes,
        ]

    def controls(self, panel: Panel) -> None:
        from mujoco.experimental.dear_imgui import dear_imgui as imgui

        imgui.SeparatorText("Episode")
        if (number := panel.whole("episode", self.number, 0, self.record["episodes"] - 1)) != self.number:
            self.ask("begin", number)
        if self.pictures is None or not len(self.pictures):
            return
        imgui.SeparatorText("Cameras")
        at = min(self._frame, len(self.pictures) - 1)
        row = self.pictures[at]
        for index, (name, picture) in enumerate(zip(self.record["cameras"], row)):
            height, width = picture.shape[:2]
            if self._uploaded.get(name) != (self.number, at):
                self._uploaded[name] = (self.number, at)
                rgba = np.dstack([picture, np.full((height, width), 255, np.uint8)]).tobytes()
                self._textures[name] = panel.viewer.upload_image(self._textures.get(name, 0), rgba, width, height, 4)
            imgui.TextUnformatted(name)
            side = 150.0 if index == 0 or len(row) > 1 else 300.0
            imgui.Image(self._textures[name], imgui.Vec2(side, side * height / width))
            panel.placed(f"camera: {name}")

    def do(self, what: str, value: Any) -> None:
        if what in ("begin", "reset", "next"):
            self.number = {"reset": self.number, "next": (self.number + 1) % self.record["episodes"]}.get(what, value)
            self._read()
            self._frame, self._debt = 0, 0.0
            if self.session is not None:
                session, record = self.session, self.record
                session.actions = self.done
                try:
                    session.begin(session.task._native.recorded_start(record["seed"], record["index"], self.seen[0]))
                except (ValueError, RuntimeError, IndexError) as error:
                    self.notes = [f"not played: {error}"]
        elif what == "step":
            self._step()
        self._publish()

    def _publish(self) -> None:
        if self.session is not None:
            self.decision, self.course = self.session.decision, self.session.course
        else:
            self.course = Course()

    def _step(self) -> None:
        if self._frame < len(self.done):
            self._frame += 1
        if self.session is not None:
            self.session.advance_control_step()

    def tick(self, seconds: float) -> None:
        self._debt = min(self._debt + seconds, 0.2)
        while self._debt >= 1.0 / self.rate:
            self._debt -= 1.0 / self.rate
            if self._frame >= len(self.done):
                self.do("next", None)
                return
            self._step()
        self._publish()
