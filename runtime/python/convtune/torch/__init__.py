"""convtune for PyTorch: a drop-in for torch.nn.Conv1d, and what puts it into whole models."""

from convtune.torch.conv1d import Conv1d
from convtune.torch.models import record, replace

__all__ = ["Conv1d", "record", "replace"]
