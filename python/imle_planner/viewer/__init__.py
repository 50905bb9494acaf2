"""See an episode: a page in the browser with the scene, every candidate's path, plots and controls."""

from .opening import view

__all__ = ["view"]
