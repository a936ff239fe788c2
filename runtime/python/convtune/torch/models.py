"""Whole models: put convtune into their convolutions, and list the shapes that they run."""

import functools

import torch
from torch.nn.utils import parametrize

from convtune.torch.conv1d import Conv1d, arguments
from convtune.torch.operator import DTYPES
from convtune.torch.packed import PackedWeights


@functools.lru_cache(maxsize=None)
def _replacement(kind):
    """The class that is `kind`, a torch.nn.Conv1d, but for what convolves."""
    if kind is torch.nn.Conv1d:
        return Conv1d
    return type(kind.__name__, (kind, Conv1d), {"__module__": kind.__module__})


def _parametrized_replacement(kind):
    # PyTorch puts the weight's property into a class of the module's own, whose base comes back
    # when the parametrization goes.
    members = {name: value for name, value in vars(kind).items()
               if name not in ("__dict__", "__weakref__")}
    return type(kind.__name__, (_replacement(kind.__base__),), members)


def _convolutions(model):
    return {name: module for name, module in model.named_modules()
            if isinstance(module, torch.nn.Conv1d)}


def replace(model, *, math="ieee", policy="nearest_or_heuristic"):
    """Makes every Conv1d of `model` in float32, float16 or bfloat16 a convtune.torch.Conv1d, in its
    place: parameters, hooks, weight_norm and names stay as they are. A subclass of torch.nn.Conv1d
    keeps what it does around its base's convolution; its new class cannot be pickled, so save the
    state_dict(). Returns `model`."""
    for module in _convolutions(model).values():
        if isinstance(module, Conv1d) or module.weight.dtype not in DTYPES:
            continue
        parametrized = parametrize.is_parametrized(module)
        replacement = _parametrized_replacement if parametrized else _replacement
        module.__class__ = replacement(type(module))
        module.math, module.policy = math, policy
        module._packed = PackedWeights()
    return model


def _problem(module, x, weight, bias):
    x, weight, bias, padding = arguments(module, x, weight, bias)
    return {
        "batch": x.shape[0], "length": x.shape[2], "in_channels": x.shape[1],
        "out_channels": weight.shape[0], "kernel_size": weight.shape[2],
        "stride": module.stride[0], "padding": padding, "dilation": module.dilation[0],
        "num_groups": module.groups, "has_bias": bias is not None, "dtype": DTYPES.get(x.dtype),
        "layout": "NCL"}


def record(model, *args, **kwargs):
    """Runs model(*args, **kwargs) once, without gradients, and returns what its Conv1d layers
    convolved, as the list that `convtune tune --layers FILE` reads once json.dump() has written it.
    A layer with several shapes appears once with each. Layers of other dtypes than float32, float16
    and bfloat16 are left out."""
    calls = {}

    def recording(name, module):
        convolve = module._conv_forward

        def recorded(x, weight, bias):
            problem = _problem(module, x, weight, bias)
            if problem["dtype"] and problem["batch"]:
                key = name, tuple(problem.items())
                calls[key] = calls.get(key, 0) + 1
            return convolve(x, weight, bias)

        return recorded

    modules = _convolutions(model)
    for name, module in modules.items():
        module._conv_forward = recording(name, module)
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    finally:
        for module in modules.values():
            del module._conv_forward
    label = type(model).__name__
    return [{"model": label, "layer": name or label, **dict(problem), "calls_per_forward": count}
            for (name, problem), count in calls.items()]
