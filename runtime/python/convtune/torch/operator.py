"""The operator convtune::conv1d, which torch.compile takes as a whole, and its gradients, which are
PyTorch's own."""

import torch

from convtune import _library
from convtune.torch import packed

DTYPES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}

_definitions = torch.library.Library("convtune", "DEF")
_definitions.define(
    "conv1d(Tensor x, Tensor weight, Tensor? bias, int stride, int[] padding, int dilation, "
    "int groups, str math, str policy, int weights) -> Tensor")


def _output_shape(x, weight, stride, padding, dilation):
    reach = dilation * (weight.shape[2] - 1) + 1
    length = (x.shape[2] + padding[0] + padding[1] - reach) // stride + 1
    return x.shape[0], weight.shape[0], length


def _check(x, weight, bias, groups):
    if x.dtype not in DTYPES:
        raise _library.Error(f"x is {x.dtype}; convtune computes in float32, float16 and bfloat16: "
                             "convert it, or use torch.nn.Conv1d")
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and (each.dtype != x.dtype or each.device != x.device):
            raise _library.Error(f"x is {x.dtype} on {x.device} and {name} {each.dtype} on "
                                 f"{each.device}; convert one of them")
    channels = weight.shape[1] * groups
    if x.dim() != 3 or x.shape[1] != channels:
        raise _library.Error(f"x has the shape {tuple(x.shape)}; it must be (N, {channels}, L), or "
                             f"({channels}, L) for a module")


def _fake(x, weight, bias, stride, padding, dilation, groups, math, policy, weights):
    _check(x, weight, bias, groups)
    return x.new_empty(_output_shape(x, weight, stride, padding, dilation))


def _run(x, weight, bias, stride, padding, dilation, groups, math, policy, weights):
    _check(x, weight, bias, groups)
    x = x.contiguous()
    options = {
        "kernel_size": weight.shape[2], "in_channels": x.shape[1], "out_channels": weight.shape[0],
        "dtype": DTYPES[x.dtype], "stride": stride, "padding_left": padding[0],
        "padding_right": padding[1], "dilation": dilation, "num_groups": groups,
        "has_bias": bias is not None, "permute": True, "activation": "none", "math": math,
        "policy": policy, "device": str(x.device), "name": ""}
    handle = packed.numbered(weights).handle(options, weight, bias)
    handle.output_length(x.shape[2])
    y = x.new_empty(_output_shape(x, weight, stride, padding, dilation))
    if y.numel():
        stream = torch.cuda.current_stream(x.device).cuda_stream if x.is_cuda else None
        handle.run(x.shape[0], x.shape[2], x.data_ptr(), y.data_ptr(), stream)
    return y


_definitions.impl("conv1d", _fake, "Meta")
_definitions.impl("conv1d", _run, "CPU")
_definitions.impl("conv1d", _run, "CUDA")


class Convolution(torch.autograd.Function):
    """Forward by convtune, backward by PyTorch."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding, dilation, groups, *others):
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding, dilation, groups
        return torch.ops.convtune.conv1d(x, weight, bias, *ctx.geometry, *others)

    @staticmethod
    def backward(ctx, y_gradient):
        x, weight = ctx.saved_tensors
        stride, (left, right), dilation, groups = ctx.geometry
        # PyTorch pads both ends alike, so what one end has more is put into x.
        both = min(left, right)
        padded = torch.nn.functional.pad(x, (left - both, right - both))
        x_gradient, weight_gradient, bias_gradient = torch.ops.aten.convolution_backward(
            y_gradient, padded, weight, [weight.shape[0]], [stride], [both], [dilation], False, [0],
            groups, list(ctx.needs_input_grad[:3]))
        if x_gradient is not None:
            x_gradient = x_gradient.narrow(2, left - both, x.shape[2])
        return x_gradient, weight_gradient, bias_gradient, *[None] * 7
