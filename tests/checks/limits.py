"""Limits of the checks, kept in limits.toml: a count above its limit fails; one below it asks for a lower limit."""
import sys
import tomllib
from pathlib import Path

# Findings listed for a check that fails.
SHOWN = 20
FILE = Path(__file__).with_name("limits.toml")


def enforce(section: str, findings: dict[str, list[str]]) -> int:
    """Print what was found, compare each count with its limit, and give the exit status."""
    limits = tomllib.loads(FILE.read_text())[section]
    failed = False
    for name, found in findings.items():
        limit = limits[name]
        everything = "--all" in sys.argv
        if len(found) > limit or everything:
            shown = found if everything else found[:SHOWN]
            print("\n".join(f"{section}: {name}: {line}" for line in shown))
            if len(shown) < len(found):
                print(f"{section}: {name}: and {len(found) - len(shown)} more; --all lists them")
        if len(found) > limit:
            print(f"{section}: {name}: {len(found)} found, {limit} allowed (tests/checks/limits.toml)")
            failed = True
        elif len(found) < limit:
            print(f"{section}: {name}: {len(found)} found; lower the limit of {limit} in tests/checks/limits.toml")
    return int(failed)
