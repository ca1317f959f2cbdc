"""Import this from a config to train in double precision."""

import torch

torch.set_default_dtype(torch.float64)
