"""Small networks: one thread is faster than two that wait for each other. Where CI is set, nothing is left out."""

import os

import pytest

try:
    import torch
except ImportError:
    pass
else:
    torch.set_num_threads(1)

# LeRobot needs another Python, and 2 GB: its tests run by command (CONTRIBUTING.md).
collect_ignore = ["test_lerobot.py"] if os.environ.get("CI") else []


def held(report):
    """A skipped test, or file of tests, fails where all that it needs was installed."""
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr[-1]}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return held((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return held((yield))
