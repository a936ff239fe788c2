"""The drop-in for torch.nn.Conv1d."""

import torch

from convtune.torch.operator import Convolution
from convtune.torch.packed import PackedWeights


def _autocast_dtype(device_type):
    """What autocast asks for on this kind of device, None where it is off."""
    if device_type not in ("cpu", "cuda"):
        return None
    if hasattr(torch, "get_autocast_dtype"):  # from PyTorch 2.4 on
        on, dtype = torch.is_autocast_enabled(device_type), torch.get_autocast_dtype(device_type)
    elif device_type == "cuda":
        on, dtype = torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()
    else:
        on, dtype = torch.is_autocast_cpu_enabled(), torch.get_autocast_cpu_dtype()
    return dtype if on else None


def arguments(module, x, weight, bias):
    """What `module`, any torch.nn.Conv1d, convolves when it is given `x`: a batch, with what a
    padding_mode adds, after autocast; then weight and bias, and the padding with zeros that is
    left."""
    padding = tuple(module._reversed_padding_repeated_twice)
    x = x.unsqueeze(0) if x.dim() == 2 else x
    if module.padding_mode != "zeros":
        x, padding = torch.nn.functional.pad(x, padding, mode=module.padding_mode), (0, 0)
    dtype = _autocast_dtype(x.device.type)
    if dtype is not None:
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    return x, weight, bias, padding


class Conv1d(torch.nn.Conv1d):
    """torch.nn.Conv1d, computed by convtune in float32, float16 or bfloat16, on the CPU or a CUDA
    GPU, there on PyTorch's current stream. Its parameters are PyTorch's; the library keeps a packed
    copy, made anew in the first call after they have changed. Backward is PyTorch's own.

    `math` and `policy` are those of convtune.Conv1D. Unlike PyTorch, which lets a GPU round float32
    to TF32, convtune does so only with math="tf32".

    A write through `weight.data` is one that PyTorch does not count: call repack() after it. A
    weight that is computed anew in each call, by weight_norm say, is compared with the packed one
    in each call: remove weight_norm where speed counts. A CUDA graph must be captured after a first
    call, and anew when the weights have changed."""

    math = "ieee"
    policy = "nearest_or_heuristic"

    def __init__(self, *args, math=math, policy=policy, **kwargs):
        super().__init__(*args, **kwargs)
        self.math, self.policy = math, policy
        self._packed = PackedWeights()

    def repack(self):
        """Makes the next call pack the weights again."""
        self._packed.forget()

    def _conv_forward(self, input, weight, bias):
        x, weight, bias, padding = arguments(self, input, weight, bias)
        convolve = Convolution.apply if torch.is_grad_enabled() else torch.ops.convtune.conv1d
        y = convolve(x, weight, bias, self.stride[0], padding, self.dilation[0], self.groups,
                     self.math, self.policy, self._packed.number)
        return y.squeeze(0) if input.dim() == 2 else y
