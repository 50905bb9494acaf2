"""What a viewer shows and changes; the page itself in a headless Chromium."""

import json
import os
import shutil
import threading
import time

import numpy as np
import pytest
from program import run as planner

import imle_planner as ip
from imle_planner.viewer import drawing
from imle_planner.viewer.opening import staged
from imle_planner.viewer.recorded import Dataset, Run
from imle_planner.viewer.session import Session, Settings

page = pytest.importorskip("imle_planner.viewer.page")
from imle_planner.viewer.panel import Panel  # noqa: E402

CEM = Settings("cem", 8, proposals=("noise", "warm"))


def cartpole(**options):
    return Session(ip.Task.load("cartpole"), None, CEM, threads=2, **options)


def test_a_session_is_an_episode_of_the_planner(tmp_path):
    words = ["run", "--task", "cartpole", "--optimizer", "cem", "--proposals", "noise,warm", "--candidates", "8", "--episodes", "2"]
    planner(*words, "--out", tmp_path / "run", "--quiet")
    expected = [json.loads(line) for line in (tmp_path / "run" / "decisions.jsonl").read_text().splitlines()]
    session = cartpole(episode=1)
    while not session.over:
        session.advance_control_step()
    mine = [row for row in expected if row["episode"] == 1]
    assert session.course.predicted == [row["predicted"] for row in mine]
    assert np.allclose(session.course.realised, [row["realised"] for row in mine])
    assert session.course.sources == [row["source"] for row in mine]
    # The run again, from its folder: the same decisions, the recorded actions.
    run = staged(tmp_path / "run")
    assert isinstance(run, Run)
    for _ in range(20):
        run.do("step", None)
        assert "as recorded" in run.told()[2]
    run.do("begin", 1)
    assert run.session.episode == 1 and run.session.steps == 0
    # Damage is told, and the rest is shown.
    text = (tmp_path / "run" / "decisions.jsonl").read_text()
    (tmp_path / "run" / "decisions.jsonl").write_text(text[:500])
    again = Run(tmp_path / "run")
    again.do("step", None)
    assert any("decisions.jsonl:" in line and "expected a whole line" in line for line in again.told())
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "checkpoint": "/no/where"}))
    alone = Run(tmp_path / "run")
    alone.do("step", None)
    assert alone.decision.plan.source == "the record" and any("the executed plan alone" in line for line in alone.told())
    assert alone.decision.chosen.shape == (17, 3) and len(drawing.shapes(alone.decision, 0.01)) > 3
    kept = (tmp_path / "run" / "states.safetensors").read_bytes()
    (tmp_path / "run" / "states.safetensors").write_bytes(kept[:100])
    with pytest.raises(ValueError, match="expected the run's checkpoint or its states.safetensors, found neither"):
        Run(tmp_path / "run")
    (tmp_path / "run" / "episodes.jsonl").unlink()
    with pytest.raises(ValueError, match="found a checkpoint"):
        staged(tmp_path / "run")


def test_changes_act_on_the_next_decision():
    session = cartpole()
    session.advance_control_step()
    before = session.decision
    session.change(candidates=16)
    assert session.decision is before
    session.advance_control_step()
    assert not session.refused and len(session.decision.plan.costs) == 16 and session.decision.index == 1
    state = ip.task.state_of(session.data)
    costs = [session.decision.plan.costs.min()]
    session.change(factors=(10.0, *session.settings.factors[1:]))
    session.begin(state)
    session.advance_control_step()
    costs.append(session.decision.plan.costs.min())
    assert costs[1] > 2 * costs[0], "the pole's term counts ten times"
    session.change(proposals=("imle",))
    assert session.refused and session.settings.proposals == ("noise", "warm"), "there is no generator"
    session.advance_control_step()
    session.reset(seed=3, episode=2)
    assert (session.seed, session.episode, session.steps, session.decision) == (3, 2, 0, None)


def test_a_mode_is_led_into():
    task = ip.Task.load("avoid")
    session = Session(task, None, CEM, threads=2)
    session.reset(mode=task.modes[0])
    assert not np.array_equal(task.start_state(0, 0), ip.task.state_of(session.data))
    with pytest.raises(ValueError, match="unknown mode `left`"):
        session.reset(mode="left")


def test_paths_are_where_candidates_lead():
    session = cartpole()
    session.advance_control_step()
    decision, task = session.decision, session.task
    assert decision.paths.shape == (8, 17, 3) and decision.chosen.shape == (17, 3)
    state = task.start_state(0, 0)
    assert np.array_equal(decision.paths[:, 1:], task.paths(state, decision.plan.candidates))
    cheapest = int(np.argmin(decision.plan.costs))
    assert decision.modes[cheapest] == 0 and len(decision.modes) == 8 and np.isfinite(decision.predicted_terms).all()
    drawn = drawing.shapes(decision, 0.01)
    assert 0 < len(drawn) <= drawing.MOST_SHAPES
    session.change(candidates=128)
    session.advance_control_step()
    assert drawing.stride(session.decision) > 1 and len(drawing.shapes(session.decision, 0.01)) <= drawing.MOST_SHAPES
    with pytest.raises(ValueError, match=r"chunks: expected \(N, T, 1\)"):
        task.paths(state, np.zeros((2, 3)))


def test_a_task_of_ones_own_and_a_dataset_with_two_cameras(tmp_path):
    planner("tasks", "--template", tmp_path / "mine" / "reach")
    (file,) = (tmp_path / "mine").rglob("*.toml")
    own = staged(file, optimizer="cem", candidates=8, proposals=["noise", "warm"], threads=2)
    own.do("step", None)
    assert own.decision is not None and own.view()[1] > 0
    planner("demo", "--task", "stack", "--episodes", "1", "--images", "--out", tmp_path / "demos", "--quiet")
    demos = staged(tmp_path / "demos")
    assert isinstance(demos, Dataset) and len(demos.record["cameras"]) == 2 and demos.pictures.shape[1] == 2
    for _ in range(3):
        demos.do("step", None)
    seen = demos.session.task.observe(demos.data)
    assert np.abs(seen - demos.seen[3]).max() < 1e-4, "the simulator does what was recorded"
    with pytest.raises(ValueError, match="a folder of something else"):
        staged(tmp_path)


def answered(guard, path="/", **headers):
    from websockets.datastructures import Headers
    from websockets.http11 import Request

    given = {"Host": f"127.0.0.1:{guard.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return guard.check(Request(path, Headers(given)))


def test_a_page_is_for_who_knows_its_token():
    guard = page.Guard("127.0.0.1", 8080)
    assert guard.address == f"http://127.0.0.1:8080/?token={guard.token}"
    assert answered(guard).status_code == 403 and answered(guard, "/?token=guess").status_code == 403
    first = answered(guard, f"/?token={guard.token}")
    assert first.status_code == 303 and first.headers["Location"] == "/"
    cookie = first.headers["Set-Cookie"].split(";")[0]
    assert "HttpOnly" in first.headers["Set-Cookie"] and "SameSite=Strict" in first.headers["Set-Cookie"]
    assert answered(guard, Cookie=cookie) is None and answered(guard, "/state?sid=1", Cookie=cookie) is None
    assert answered(guard, "/state?sid=1", Cookie=cookie, Origin="http://127.0.0.1:8080") is None
    for refused in (
        answered(guard, Cookie=cookie, Origin="http://evil.example"), answered(guard, Cookie=cookie, Host="evil.example:8080"),
        answered(guard, Cookie=cookie, Host="127.0.0.1:9"), answered(guard, "/drop", Cookie=cookie),
        answered(guard, Cookie=cookie[:-1]), answered(guard, Cookie="=;="),
    ):
        assert refused.status_code == 403
    assert page.Guard("::1", 8081).known("[::1]:8081") and not page.Guard("::1", 8081).known("[::1]")


def test_a_port_in_use_is_one_line():
    taken = page.bound("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    with pytest.raises(ValueError, match=f"expected port {port} on 127.0.0.1 to be free"):
        page.bound("127.0.0.1", port)
    with pytest.raises(ValueError, match="host: expected an address of this machine, found nowhere.invalid"):
        page.bound("nowhere.invalid", 0)
    with pytest.raises(ValueError, match="host: expected an address of this machine, found 192.0.2.1"):
        page.bound("192.0.2.1", 0)
    taken.close()


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


@pytest.fixture()
def clicked():
    """A page of `stack` in a headless Chromium."""
    program = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium")
    from chromium import Chromium

    stage = staged("stack", "stack", threads=2)
    stage.paused = True
    panel = Panel(stage)
    served = page.Opened("127.0.0.1", 0, stage.title, stage.model, [panel])
    loop = threading.Thread(target=stage.run, args=(served,))
    loop.start()
    browser = Chromium(program)
    try:
        browser.open(served.guard.address)
        until(lambda: panel.frames > 3)
        yield stage, panel, browser
    finally:
        browser.close()
        stage.stop()
        loop.join()
        served.close()


def click(browser, panel, name, share=0.5):
    """A click on a control, `share` of the way from its left to its right."""
    left, top, right, bottom = panel.places[name]
    x, y = round(left + share * (right - left)), round((top + bottom) / 2)

    def there():
        browser.mouse("mouseMoved", x, y)
        return panel.mouse == (x, y)

    until(there)
    for kind, down in (("mousePressed", True), ("mouseReleased", False)):
        browser.mouse(kind, x, y, down)
        until(lambda: panel.pressed == down)
    frames = panel.frames
    until(lambda: panel.frames > frames + 3)


def test_the_page_is_clicked(clicked, tmp_path):
    stage, panel, browser = clicked
    session = stage.session
    click(browser, panel, "Step")
    until(lambda: session.steps == 1 and stage.decision is not None)
    until(lambda: len(panel.viewer.extra_geoms) > 100)
    assert len(stage.decision.paths) == 32 and stage.paused
    colours = {tuple(np.round(np.asarray(g.rgba)[:3], 2)) for g in panel.viewer.extra_geoms}
    assert len({mode for mode in stage.decision.modes}) > 1 and len(colours) > 2
    picture = browser.screenshot()
    folder = os.environ.get("PLANNER_SCREENSHOTS")
    if folder:
        with open(os.path.join(folder, "view.png"), "wb") as file:
            file.write(picture)
    assert len(picture) > 60_000, "a scene is drawn, not an empty page"
    before = stage.decision
    click(browser, panel, "candidates", 0.05)
    until(lambda: session.settings.candidates < 16)
    click(browser, panel, "Step")
    until(lambda: stage.decision is not before)
    assert len(stage.decision.plan.costs) == session.settings.candidates, "the next decision has as many"
    click(browser, panel, "weights")
    until(lambda: "reach" in panel.places)
    click(browser, panel, "reach", 0.3)
    until(lambda: session.settings.factors[0] != 1.0)
    before, step = stage.decision, session.steps
    click(browser, panel, "Step")
    until(lambda: session.steps > step)
    assert stage.decision is not before and session.steps == step + 1
    click(browser, panel, "Go on")
    until(lambda: session.steps > step + 3)
    click(browser, panel, "Pause")
    until(lambda: stage.paused)
    steps = session.steps
    time.sleep(0.3)
    assert session.steps == steps
    click(browser, panel, "Reset")
    until(lambda: session.steps == 0)


def test_a_browser_that_is_there_at_once_and_one_after_it():
    from view_speed import Client, closed, opened

    for _ in range(2):
        stage, panel, served, loop = opened(2)
        stage.paused = True
        client = Client(served.guard.address, "quick", controls=True)
        with pytest.raises(RuntimeError, match="one page at a time in a process"):
            page.Opened("127.0.0.1", 0, "another", stage.model, [])
        until(lambda: panel.frames > 5 and client.states > 5)
        client.close()
        closed(stage, served, loop)
