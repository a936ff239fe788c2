"""convtune: Conv1D by the fastest kernel known for each shape.

`convtune.Conv1D` is the equal of max.nn.Conv1D, on arrays of NumPy, PyTorch and all that know
DLPack. `convtune.torch` has the drop-in for torch.nn.Conv1d; it is imported on its own, for it
needs PyTorch."""

from convtune._library import Error, version
from convtune.conv1d import Conv1D, Weight

__all__ = ["Conv1D", "Error", "Weight"]
__version__ = version()
