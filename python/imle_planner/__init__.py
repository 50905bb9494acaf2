"""Action chunks from an IMLE generator, planned with MuJoCo rollouts.

    import imle_planner as ip

    policy = ip.Policy.load("stack")                 # or the folder of a checkpoint
    task = ip.Task.load("stack")
    state = task.start_state(seed=0, episode=0)
    chunks = policy.sample(task.observe(state), n=32)   # (32, T_pred, A)
    mpc = ip.Controller(task=task, policy=policy, optimizer="cem", candidates=32)
    plan = mpc.plan(state)                           # or a mujoco.MjData
    plan.actions, plan.costs

Bad input raises ``ValueError`` or ``TypeError``, a failure while running ``RuntimeError``, each of one line.
"""

from importlib.util import find_spec as _find_spec

from . import _libraries

_libraries.load()

from ._native import VERSION as __version__  # noqa: E402
from .controller import Controller, Plan  # noqa: E402
from .copies import flatten  # noqa: E402
from .dataset import convert_dataset, read_dataset, write_dataset  # noqa: E402
from .evaluation import Evaluation, evaluate, record  # noqa: E402
from .finetuning import Finetuned, finetune  # noqa: E402
from .policy import Horizons, Policy  # noqa: E402
from .task import Task, task_names  # noqa: E402
from .training import train  # noqa: E402
from .viewer import view  # noqa: E402

__all__ = [
    "Controller", "Evaluation", "Finetuned", "Horizons", "Plan", "Policy", "Task", "__version__", "convert_dataset",
    "evaluate", "finetune", "flatten", "read_dataset", "record", "task_names", "train", "view", "write_dataset",
]

if _find_spec("gymnasium") is not None:
    from .environments import register as _register

    _register()
