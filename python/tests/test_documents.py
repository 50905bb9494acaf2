"""The guide's examples, and those of the docstrings, run."""

import doctest
import pathlib
import re

import pytest

import imle_planner as ip
from imle_planner import controller, policy, task

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guide" / "python.md"


def test_the_guides_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 6
    exec("\n".join(blocks), {"__name__": "guide"})
    assert (tmp_path / "runs" / "own-policy" / "config.json").exists()


@pytest.mark.parametrize("module", [controller, policy, task])
def test_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert tried > 0 and failed == 0


def test_everything_public_is_documented():
    for name in ip.__all__:
        thing = getattr(ip, name)
        if not isinstance(thing, str):
            assert thing.__doc__, name
            for part, value in vars(thing).items() if isinstance(thing, type) else ():
                if not part.startswith("_") and callable(value):
                    assert value.__doc__, f"{name}.{part}"
