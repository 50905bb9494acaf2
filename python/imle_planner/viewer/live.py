"""Live episodes: a planner at work, whose settings are changed while one looks on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .session import Session
from .stage import Stage

if TYPE_CHECKING:
    from .panel import Panel

#: Seconds that the end of an episode is shown.
SHOWN = 1.5
#: Factors of the weights of cost terms.
FACTORS = (0.0, 5.0)


class Live(Stage):
    """Episodes of a session, one after the other."""

    pushes = True

    def __init__(self, session: Session):
        super().__init__(session.model, session.data)
        self.session = session
        task, policy = session.task, session.policy
        self.title = f"{task.name}: {task.description}"
        self.terms, self.rate = task.cost_terms, task.control_rate
        self.seed, self.episode, self.mode = session.seed, session.episode, "any"
        self._generator = "no generator" if policy is None else f"generator: {policy.method}"
        self._debt, self._over_since = 0.0, 0.0
        self.goes_on = True
        self._publish()

    def _publish(self) -> None:
        self.decision, self.course = self.session.decision, self.session.course

    def told(self) -> list[str]:
        session = self.session
        lines = [
            f"episode {session.episode} of seed {session.seed}, step {session.steps} of {session.task.max_steps}"
            + (f": {session.outcome}" if session.over else ""),
            f"{self._generator}, {session.settings.optimizer}",
        ]
        if session.course.took:
            lines.append(f"last plan: {session.course.took[-1]:.1f} ms, cost {session.course.predicted[-1]:.4g} predicted")
        if session.refused:
            lines.append(f"refused: {session.refused}")
        return lines

    def view(self) -> tuple[Any, float, float, float]:
        return self.session.framing() or super().view()

    def controls(self, panel: Panel) -> None:
        from mujoco.experimental.dear_imgui import dear_imgui as imgui

        from .panel import OPTIMIZERS, PROPOSALS

        session, settings = self.session, self.session.settings
        imgui.SeparatorText("Episode")
        _, seed = imgui.InputInt("seed", self.seed)
        _, episode = imgui.InputInt("episode", self.episode)
        mode = panel.choice("mode", self.mode, ("any", *session.task.modes)) if session.task.modes else self.mode
        self.goes_on = panel.checkbox("next one when it is over", self.goes_on)
        if (max(seed, 0), max(episode, 0), mode) != (self.seed, self.episode, self.mode):
            self.seed, self.episode, self.mode = max(seed, 0), max(episode, 0), mode
            self.ask("begin", (self.seed, self.episode, None if mode == "any" else mode))
        imgui.SeparatorText("Planner: acts on the next decision")
        change: dict[str, Any] = {
            "optimizer": panel.choice("optimizer", settings.optimizer, OPTIMIZERS),
            "candidates": panel.whole("candidates", settings.candidates, 1, 128),
            "noise": panel.slider("noise", settings.noise, 0.0, 0.5),
        }
        known = [p for p in PROPOSALS if p != "imle" or session.policy is not None]
        change["proposals"] = tuple(p for p in known if panel.checkbox(f"proposals: {p}", p in settings.proposals))
        if imgui.CollapsingHeader("Weights of the cost's terms"):
            panel.placed("weights")
            low, high = FACTORS
            change["factors"] = tuple(
                panel.slider(name, factor, low, high) for name, factor in zip(self.terms, settings.factors)
            )
        else:
            panel.placed("weights")
        change = {name: value for name, value in change.items() if value != getattr(settings, name)}
        if change:
            self.ask("change", change)

    def do(self, what: str, value: Any) -> None:
        session = self.session
        if what == "step":
            session.advance_control_step()
        elif what == "reset":
            session.reset(mode=session.mode)
        elif what == "next":
            self.episode = session.episode + 1
            session.reset(episode=self.episode, mode=session.mode)
        elif what == "begin":
            try:
                session.reset(*value)
            except (ValueError, RuntimeError) as error:
                session.refused = str(error)
        elif what == "change":
            session.change(**value)
        self._publish()

    def tick(self, seconds: float) -> None:
        session = self.session
        if session.over:
            if self.goes_on and time.perf_counter() - self._over_since > SHOWN:
                self.do("next", None)
            return
        # The world waits for a plan, so that what is seen is what `planner run` does; time lost to it is not made up for.
        self._debt = min(self._debt + seconds, 0.1)
        period = self.model.opt.timestep
        decided = len(session.course.decided)
        while self._debt >= period and not session.over:
            session.advance()
            self._debt -= period
            if len(session.course.decided) != decided:
                break
        if session.over:
            self._over_since = time.perf_counter()
        self._publish()
