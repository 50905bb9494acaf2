"""Suites: what is measured, resumed and reported; grounds on synthetic episodes of the layout that others publish."""

import json

import gymnasium as gym
import numpy as np
import pytest
from test_evaluation import Line

import imle_planner as ip
from imle_planner.bench import cells, load, suite, tables
from imle_planner.bench.__main__ import main
from imle_planner.bench.grounds import GROUNDS, door, ground, pusht

SUITE = """
name = "line"
title = "A line"
environment = "bench/Line-v0"
starts = { tune = [1000, 8], learn = [2000, 10], report = [3000, 6], curve = 4 }
settings = { steps = 20, batch_size = 16, horizons = { observation = 1, prediction = 4, action = 2 } }
differs = ["it is a toy"]

[methods.imle]
network = { width = 16, blocks = 1 }

[methods.regression]
method = "regression"
network = { width = 16, blocks = 1 }

[[part]]
name = "few"
title = "Few episodes"
measure = "score"
episodes = [2, "all"]
methods = ["imle", "regression"]
seeds = [0]
execute = [2, 1]
curve = 2
published = [{ method = "somebody", value = 0.5, source = "a paper", episodes = 2 }]
gate = { method = "regression", episodes = "all", value = 1.2, within = 0.05 }
"""


@pytest.fixture()
def toy(tmp_path):
    """A suite file and demonstrations for it."""
    gym.register("bench/Line-v0", Line, max_episode_steps=40) if "bench/Line-v0" not in gym.registry else None
    (tmp_path / "line.toml").write_text(SUITE)
    rows = [np.linspace(0, goal, 8) for goal in (0.3, 0.5, 0.7)]
    episodes = [{"observation": np.stack([x, np.full(8, x[-1])], 1), "action": np.full((8, 1), 0.5)} for x in rows]
    ip.write_dataset(tmp_path / "data", episodes, control_rate=12.5, task="toy")
    return tmp_path


def run(folder, *flags):
    base = ["--data", str(folder / "data"), "--results", str(folder / "results.jsonl"), "--out", str(folder / "out")]
    return main([str(folder / "line.toml"), *base, "--threads", "2", *flags])


def test_a_suite_is_measured_once_and_reported(toy, capsys):
    assert run(toy, "--shard", "0/2") == 0
    assert run(toy, "--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:4] in ("done", "open")] == [
        "done", "open", "done", "open"
    ]
    assert run(toy) == 0
    told = capsys.readouterr()
    assert told.err.count("of 2: few") == 2, "the other half alone"
    assert "4 of 4 cells measured" in told.out and "*somebody* (a paper)" in told.out and "it is a toy" in told.out
    assert "**Baseline not reproduced**: regression on all episodes reaches" in told.out
    (info, *_) = (toy / "out").glob("data-*/meta/info.json")
    assert json.loads(info.read_text())["fps"] == 12.5, "as the demonstrations"
    lines = (toy / "results.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    assert first["cell"]["report"] == [3000, 6] and first["cell"]["settings"]["method"] == "imle"
    assert [len(f["scores"]) for f in first["result"]["final"]] == [6, 6]
    assert [point[0] for point in first["result"]["curve"]] == [10, 20] and "last" in first["result"]
    assert run(toy, "--report", "--plots", str(toy / "plots")) == 0
    assert sorted(file.name for file in (toy / "plots").iterdir()) == ["line-few-course.svg", "line-few-data.svg"]
    assert run(toy) == 0 and (toy / "results.jsonl").read_text().splitlines() == lines, "nothing is measured again"
    assert run(toy, "--tune", "--methods", "imle", "--episodes", "2") == 0
    assert json.loads((toy / "results.jsonl").read_text().splitlines()[-1])["cell"]["report"] == [1000, 8]


def test_a_training_that_was_stopped_goes_on_to_the_same(toy, monkeypatch):
    assert run(toy, "--methods", "imle", "--episodes", "2") == 0
    whole = json.loads((toy / "results.jsonl").read_text())["result"]
    (toy / "results.jsonl").unlink()
    for folder in (toy / "out").glob("[0-9a-f]*"):
        import shutil

        shutil.rmtree(folder)
    from imle_planner.bench import measure

    answers = []

    def stopped(*args, **options):
        answers.append(1)
        if len(answers) == 2:
            raise KeyboardInterrupt
        return ip.evaluate(*args, **options)

    monkeypatch.setattr(measure, "evaluate", stopped)
    assert run(toy, "--methods", "imle", "--episodes", "2") == 1
    assert not (toy / "results.jsonl").exists()
    monkeypatch.undo()
    assert run(toy, "--methods", "imle", "--episodes", "2") == 0
    again = json.loads((toy / "results.jsonl").read_text())["result"]
    for result in (again, whole):
        result["train_s"] = 0
        for final in result["final"]:
            final["ms_1"] = final["ms_32"] = 0
    assert again == whole


def test_a_teacher_is_trained_once_and_sampled_in_several_ways(toy, capsys):
    text = SUITE.replace(
        "[methods.regression]\nmethod = \"regression\"",
        "[methods.flow]\nmethod = \"flow\"\nnetwork = { width = 16, blocks = 1 }\n"
        "samplings = { \"1 pass\" = { passes = 1 }, \"2 passes\" = { passes = 2 } }\n"
        "[methods.student]\nteacher = \"flow\"\nsamples = 3",
    )
    text = text.replace("[2, \"all\"]", "[\"all\"]").replace("[\"imle\", \"regression\"]", "[\"student\", \"flow\"]")
    (toy / "line.toml").write_text(text.replace("method = \"regression\", episodes", "method = \"flow\", episodes"))
    assert run(toy) == 0
    told = capsys.readouterr().out
    assert "| flow, 1 pass | all | 2 |" in told and "| flow, 2 passes | all | 1 |" in told
    student, flow = (json.loads(line) for line in (toy / "results.jsonl").read_text().splitlines())
    assert student["cell"]["teacher"]["settings"]["method"] == "flow" and flow["cell"]["samplings"]["1 pass"] == {"passes": 1}
    assert [f["sampling"] for f in flow["result"]["final"]] == ["1 pass", "1 pass", "2 passes", "2 passes"]
    assert all(f["ms_1"] > 0 and f["ms_32"] > 0 for f in flow["result"]["final"])
    trainings = list((toy / "out").glob("[0-9a-f]*/config.json"))
    assert sorted(json.loads(file.read_text())["method"] for file in trainings) == ["flow", "imle"]
    (toy / "line.toml").write_text(text.replace("teacher = \"flow\"", "teacher = \"flaw\""))
    assert run(toy) == 2
    assert "methods.student: teacher: unknown `flaw`; did you mean `flow`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title = \"A line\"", "titel = \"A line\"", "unknown key `titel`; did you mean `title`?"),
        ("\"regression\"]", "\"regresion\"]", "part 0: methods: unknown `regresion`; did you mean `regression`?"),
        ("report = [3000, 6]", "report = [1004, 6]", "ranges that do not overlap, found tune and report"),
        ("report = [3000, 6]", "report = 5", "starts.report: expected [first, count], found 5"),
        ("title = \"A line\"", "title = ", "expected TOML, found"),
        ("title = \"A line\"", "title = 5", "line.toml: title: expected text, found 5"),
        ("methods = [\"imle\", \"regression\"]", "methods = 5", "part 0: methods: expected a list of names"),
        ("seeds = [0]", "seeds = 0", "part 0: seeds: expected a list of whole numbers, found 0"),
        ("seeds = [0]", "seeds = [0.5]", "part 0: seeds: expected a list of whole numbers, found [0.5]"),
    ],
)
def test_a_bad_suite_is_one_line(toy, capsys, old, new, told):
    (toy / "line.toml").write_text(SUITE.replace(old, new))
    assert run(toy) == 2
    found = capsys.readouterr().err
    assert told in found and found.count("\n") == 1


def test_bad_flags_are_one_line(toy, capsys):
    for flags, told in [
        (["--methods", "imel"], "--methods: expected some of imle, regression, found imel"),
        (["--shard", "2/2"], "--shard: expected I/N"),
        (["--set", "steps"], "--set: expected KEY=VALUE, found steps"),
        (["--set", "stepz=3"], "stepz"),
    ]:
        assert run(toy, *flags) == 2
        found = capsys.readouterr().err
        assert told in found, found
    (toy / "results.jsonl").write_text("notes\n")
    assert run(toy) == 2
    assert "results.jsonl:1: expected a line" in capsys.readouterr().err
    assert main(["pushd"]) == 2
    assert "did you mean `pusht`?" in capsys.readouterr().err


def test_the_suites_that_come_along():
    for name in ("pusht", "door", "metaworld"):
        known = load(name)
        every = list(cells.cells(known))
        assert known.ground in GROUNDS and len({cells.same(cell.key) for cell in every}) == len(every)
        for cell in every:
            ip._native  # settings are checked by the training itself
            assert cell.settings["method"] in ("imle", "diffusion", "flow", "mean-flow", "regression")
        assert known.report == ((100000, 100) if name == "metaworld" else (100000, 500))


def array(folder, name, values):
    """An array of Zarr, version 2, without compression."""
    place = folder / name
    place.mkdir(parents=True)
    values = np.ascontiguousarray(values)
    (place / ".zarray").write_text(json.dumps({
        "zarr_format": 2, "shape": values.shape, "chunks": values.shape, "dtype": values.dtype.str, "compressor": None,
        "fill_value": 0, "order": "C", "filters": None,
    }))
    (place / ".".join("0" * values.ndim)).write_bytes(values.tobytes())


def test_push_t_sees_the_points_of_the_demonstrations(tmp_path):
    rng = np.random.default_rng(0)
    local, frames = rng.uniform(-60, 60, (9, 2)), 30
    agent, place, angle = rng.uniform(50, 450, (frames, 2)), rng.uniform(100, 400, (frames, 2)), rng.uniform(0, 6, frames)
    points = np.einsum("nij,kj->nki", pusht.turned(angle), local) + place[:, None]
    source = tmp_path / "replay.zarr"
    array(source, "data/keypoint", points.astype(np.float32))
    array(source, "data/state", np.column_stack([agent, place, angle]).astype(np.float32))
    array(source, "data/action", (agent + 3.0).astype(np.float32))
    array(source, "meta/episode_ends", np.array([10, 20, 30]))
    here = ground(load("pusht"))
    episodes = ip.read_dataset(here.demonstrations(str(source), tmp_path / "out"))
    assert [len(e["action"]) for e in episodes] == [10, 10, 10]
    assert np.abs(here.points - local).max() < 1e-3
    here.write(tmp_path / "some", [episodes[1]], {})
    (written,) = ip.read_dataset(tmp_path / "some")
    assert written["observation"].shape == (10, 20)
    see = here.evaluation(range(2))["observation"]
    row = np.concatenate([agent[12], place[12], [angle[12]]])
    assert np.abs(see(row) - written["observation"][2]).max() < 0.01
    # Start 0 as numpy's legacy generator draws it.
    assert here.start(0)["reset_to_state"][:4].tolist() == [222, 97, 217, 292]
    assert here.scores([{"best_reward": 0.25}]) == [0.25]
    assert len(here.chosen(206, "diffusion-policy", 0)) == 90 and here.chosen(206, "diffusion-policy", 0)[:5] == [7, 9, 10, 11, 13]
    assert set(here.chosen(206, 10, 3)) < set(here.chosen(206, 20, 3)) and here.chosen(3, "all", 0) == [0, 1, 2]


def test_the_door_clips_actions_and_normalises_returns(tmp_path):
    seen, done = np.zeros((7, 39)), np.full((7, 28), 2.0)
    seen[:, 0], seen[6, 28] = np.arange(7), 1.4
    np.savez(tmp_path / "human.npz", observations=seen, actions=done, rewards=np.zeros(7), episode_ends=[4, 7])
    here = ground(load("door"))
    episodes = ip.read_dataset(here.demonstrations(str(tmp_path / "human.npz"), tmp_path / "out"))
    assert [(len(e["action"]), e["success"]) for e in episodes] == [(4, False), (3, True)]
    assert episodes[0]["action"].max() == 1.0
    here.write(tmp_path / "fast", episodes, {"faster": 1.5})
    fast = ip.read_dataset(tmp_path / "fast")
    assert fast[0]["observation"][:, 0].tolist() == [0.0, 1.5] and fast[1]["observation"][:, 0].tolist() == [4.0, 5.5]
    assert here.scores([{"return": door.LEAST}, {"return": door.MOST}]) == pytest.approx([0.0, 100.0])
    with pytest.raises(ValueError, match="expected faster, found slower"):
        here.write(tmp_path / "slow", episodes, {"slower": 2})


def test_intervals_and_gates():
    low, high = tables.wilson(45, 50)
    assert (round(low, 3), round(high, 3)) == (0.786, 0.957)
    rows = [tables.Row("diffusion", None, 90, 8, 2, 5, 10, [[1.0, 0.8], [0.9, 0.9]], [0.89, 0.9], 1.0, "", None, 90)]
    part = suite.parsed(suite.tomllib.loads(SUITE), "here").part[0]
    gated = lambda value: tables.gate(
        suite.Part(part.name, "", [90], {}, "score", gate=suite.Gate("diffusion", 90, value, 0.03)), rows
    )
    assert gated(0.91).startswith("Gate passed") and "not reproduced" in gated(0.93)
    assert rows[0].score == pytest.approx(0.9) and rows[0].success == 0.5


def test_less_data_is_read_between_the_counts():
    assert tables.needed([10, 40], [0.2, 0.8], 0.5) == pytest.approx(20.0)
    assert tables.needed([10, 40], [0.2, 0.8], 0.1) == 10.0 and tables.needed([10, 40], [0.2, 0.8], 0.9) == float("inf")
    part = suite.parsed(suite.tomllib.loads(SUITE), "here").part[0]
    row = lambda method, count, score: tables.Row(method, None, count, 2, 1, 0, 2, [[score, score]], [], 1.0, "", None, count)
    rows = [row("imle", 10, 0.2), row("imle", 40, 0.8), row("regression", 10, 0.1), row("regression", 40, 0.5)]
    (line,) = tables.savings(part, rows)
    assert line == "To reach what regression does with 40 episodes (0.500), imle needs 50 % less [50, 50]."
