"""What the page shows beside the scene: controls, plots and the legend."""

from __future__ import annotations

import math
from typing import Any, Callable

import mujoco
import numpy as np
from mujoco.experimental.dear_imgui import dear_imgui as imgui
from mujoco.experimental.implot import implot
from mujoco.experimental.studio import messages, plugin, ux, viewer_app_events, viewer_utils

from . import drawing
from .stage import Stage

#: Width of the windows, pixels.
WIDTH = 330
#: Sources of candidates that can be switched.
PROPOSALS = ("imle", "warm", "noise")
OPTIMIZERS = ("predictive-sampling", "cem", "mppi", "cma-es", "dial", "mode-preserving", "none")
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
#: Of a plot nothing can be dragged.
FIXED = implot.Flags.NoInputs.value | implot.Flags.NoMenus.value | implot.Flags.NoBoxSelect.value


class Panel(plugin.ViewerPlugin):
    """Controls of a stage, and plots of its episode."""

    def __init__(self, stage: Stage):
        self.stage = stage
        self.ux = ux.UxState()
        #: Where each control is on the page: left, top, right, bottom in pixels.
        self.places: dict[str, tuple[float, float, float, float]] = {}
        #: Frames that browsers were sent.
        self.frames = 0
        #: Where the mouse is on the page, pixels, and whether its left button is down.
        self.mouse, self.pressed = (-1.0, -1.0), False
        self._drawn: Any = None
        self._size, self._when = (0.0, 0.0), imgui.Cond.Always

    # --- what the viewer calls ------------------------------------------------------------------------------------------

    @messages.handler
    def on_model(self, _: messages.PostModelEvent) -> None:
        """Look at what moves."""
        camera, view = self.viewer.camera, self.stage.view()
        camera.type = int(mujoco.mjtCamera.mjCAMERA_FREE)
        camera.lookat[:], camera.distance, camera.azimuth, camera.elevation = view
        self.ux.camera_index = ux.TUMBLE_CAMERA_IDX
        self._drawn = None

    @messages.handler
    def on_update(self, _: messages.UpdateEvent) -> None:
        """Mouse, keyboard, pushes, and the paths of the newest decision."""
        viewer = self.viewer
        self.frames += 1
        at = imgui.GetIO().MousePos
        self.mouse, self.pressed = (at.x, at.y), bool(imgui.IsMouseDown(imgui.MouseButton.Left))
        self.stage.watched.set()
        viewer_app_events.handle_mouse_events(
            viewer.model, viewer.data, viewer.camera, viewer.vis_options, viewer.perturb, self.ux
        )
        if not imgui.GetIO().WantCaptureKeyboard:
            if imgui.IsKeyChordPressed(imgui.Key.Space):
                self.stage.pause(not self.stage.paused)
            elif imgui.IsKeyChordPressed(imgui.Key.RightArrow):
                self.stage.ask("step")
        if self.stage.pushes:
            viewer_utils.apply_perturb(viewer, viewer.model, viewer.data, False)
        decision = self.stage.decision if self.stage.shows_paths else None
        if decision is not self._drawn:
            self._drawn = decision
            width = 0.0018 * float(viewer.camera.distance)
            viewer.extra_geoms[:] = drawing.shapes(decision, width) if decision is not None else []

    @messages.handler
    def on_gui(self, _: messages.BuildGuiEvent) -> None:
        """The windows."""
        ux.setup_theme(ux.GuiTheme.DARK)
        size = imgui.GetIO().DisplaySize
        # Windows go with the page's size, and stay where they are moved to in between.
        self._when = imgui.Cond.Always if (size.x, size.y) != self._size else imgui.Cond.FirstUseEver
        self._size = (size.x, size.y)
        self.window("planner", 10, 10, WIDTH, max(size.y - 20, 200), self.controls)
        self.window("course", size.x - WIDTH - 10, 10, WIDTH, max(size.y - 20, 200), self.plots)

    # --- building blocks --------------------------------------------------------------------------------------------------

    def window(self, title: str, x: float, y: float, width: float, height: float, fill: Callable[[], None]) -> None:
        imgui.SetNextWindowPos(imgui.Vec2(max(x, 0), y), self._when)
        imgui.SetNextWindowSize(imgui.Vec2(width, height), self._when)
        shown, _ = imgui.Begin(title)
        if shown:
            fill()
        imgui.End()

    def placed(self, name: str) -> None:
        """Notes where the control that was just drawn is."""
        low, high = imgui.GetItemRectMin(), imgui.GetItemRectMax()
        self.places[name] = (low.x, low.y, high.x, high.y)

    def button(self, name: str) -> bool:
        pressed = imgui.Button(name)
        self.placed(name)
        return bool(pressed)

    def checkbox(self, name: str, value: bool) -> bool:
        _, value = imgui.Checkbox(name, value)
        self.placed(name)
        return bool(value)

    def slider(self, name: str, value: float, low: float, high: float, form: str = "%.2f") -> float:
        _, value = imgui.SliderFloat(name, float(value), low, high, form)
        self.placed(name)
        return float(value)

    def whole(self, name: str, value: int, low: int, high: int) -> int:
        _, value = imgui.SliderInt(name, int(value), low, high)
        self.placed(name)
        return int(value)

    def choice(self, name: str, value: str, known: tuple[str, ...]) -> str:
        if imgui.BeginCombo(name, value):
            for one in known:
                if imgui.Selectable(one, one == value):
                    value = one
                self.placed(f"{name}: {one}")
            imgui.EndCombo()
        else:
            self.placed(name)
        return value

    # --- the windows ------------------------------------------------------------------------------------------------------

    def controls(self) -> None:
        stage = self.stage
        imgui.TextWrapped(stage.title)
        for line in stage.told():
            imgui.TextWrapped(line)
        if self.button("Go on" if stage.paused else "Pause"):
            stage.pause(not stage.paused)
        imgui.SameLine()
        if self.button("Step"):
            stage.pause(True)
            stage.ask("step")
        imgui.SameLine()
        if self.button("Reset"):
            stage.ask("reset")
        imgui.SameLine()
        if self.button("Next episode"):
            stage.ask("next")
        speed = self.choice("speed", f"{stage.speed:g} x", tuple(f"{s:g} x" for s in SPEEDS))
        stage.speed = float(speed.split()[0])
        stage.shows_paths = self.checkbox("paths of all candidates", stage.shows_paths)
        stage.controls(self)
        if stage.pushes and imgui.CollapsingHeader("Push something"):
            imgui.TextWrapped(
                "Double-click a body. Then hold Ctrl and drag with the right button to pull it, with the left one to turn it."
            )
        self.legend()

    def legend(self) -> None:
        decision = self.stage.decision
        if decision is None or not len(decision.paths):
            return
        imgui.SeparatorText("Candidates")
        cheapest = decision.modes[int(np.argmin(decision.plan.costs))]
        for mode in sorted(set(decision.modes)):
            name = f"{decision.modes.count(mode)} of mode {mode + 1}{', the cheapest' if mode == cheapest else ''}"
            imgui.TextColored(imgui.Vec4(*drawing.colour(mode), 1.0), name)
        imgui.TextColored(imgui.Vec4(*drawing.PLAN, 1.0), f"the plan, from {decision.plan.source or 'the last one'}")
        if (spans := drawing.stride(decision)) > 1:
            imgui.TextWrapped(f"Paths have a segment every {spans} steps: more do not fit into the scene.")

    def plots(self) -> None:
        course, terms = self.stage.course, self.stage.terms
        if course is None:
            return
        plot("cost of the executed steps", [("predicted", course.decided, course.predicted), ("realised", course.decided, course.realised)])
        plot("cost", [("cost", list(course.time), list(course.cost))])
        if terms and course.terms:
            rows = np.array(list(course.terms))
            order = np.argsort(-np.abs(rows).max(0))[:6]
            plot("terms of the cost", [(terms[i], course.time, rows[:, i].tolist()) for i in order])
            decision = self.stage.decision
            if decision is not None and len(decision.predicted_terms):
                steps = np.arange(1, len(decision.predicted_terms) + 1) / self.stage.rate + decision.time
                plot("terms as predicted", [(terms[i], steps.tolist(), decision.predicted_terms[:, i].tolist()) for i in order])
        plot("plan time, ms", [("ms", course.decided, course.took)])
        if course.sources:
            names = sorted(set(course.sources))
            shares = ", ".join(f"{name} {course.sources.count(name)}" for name in names)
            imgui.TextWrapped(f"Plans came from: {shares}")


def plot(title: str, lines: list[tuple[str, list[float], list[float]]]) -> None:
    """One plot; what is not a number is left out, and a plot without numbers too."""
    known = [(label, [(a, b) for a, b in zip(x, y) if math.isfinite(b)]) for label, x, y in lines]
    if any(pairs for _, pairs in known) and implot.BeginPlot(title, imgui.Vec2(-1, 150), flags=FIXED):
        implot.SetupAxis(implot.Axis.X1, "", implot.AxisFlags.AutoFit.value)
        implot.SetupAxis(implot.Axis.Y1, "", implot.AxisFlags.AutoFit.value)
        for label, pairs in known:
            if pairs:
                implot.PlotLine(label, [a for a, _ in pairs], [b for _, b in pairs])
        implot.EndPlot()
