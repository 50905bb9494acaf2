"""Exit codes of commands: 0 done, 1 failed while running, 2 bad input."""

from __future__ import annotations

import sys
from typing import Callable


def exit_code(work: Callable[[], None]) -> int:
    """Do the work of a command; an error is one line on standard error."""
    try:
        work()
    except (ValueError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError) as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0
