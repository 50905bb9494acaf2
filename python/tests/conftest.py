"""Small networks: one thread is faster than two that wait for each other."""

try:
    import torch
except ImportError:
    pass
else:
    torch.set_num_threads(1)
