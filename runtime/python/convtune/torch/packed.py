"""A module's weights as the library keeps them, repacked when they change."""

import itertools
import weakref

import torch

from convtune import _library

_numbers = itertools.count()
_all = weakref.WeakValueDictionary()


def _place(tensor):
    return tensor.data_ptr(), tensor.stride()


class _Snapshot:
    """Tells whether a tensor is still what it was.

    PyTorch counts what is written into a tensor. Keeping a reference keeps its memory from being
    given to another, so one address and one count mean that nothing has changed. Where a weight is
    computed anew for each call (weight_norm), its values decide. Tensors of inference mode have no
    count: a copy of the values stands in for them."""

    def __init__(self, tensor):
        tensor = tensor.detach()
        self.counted = not tensor.is_inference()
        self.tensor = tensor if self.counted else tensor.clone()
        self.count = tensor._version if self.counted else None

    def holds(self, tensor):
        written = self.counted and self.tensor._version != self.count
        if self.counted and not tensor.is_inference():
            if _place(tensor) == _place(self.tensor):
                return not written and tensor._version == self.count
        return not written and torch.equal(tensor.detach(), self.tensor)


class _Loaded:
    """A handle with the weights and for the options that it was made of."""

    def __init__(self, options, weight, bias):
        self.options = options
        self.weight = _Snapshot(weight)
        self.bias = None if bias is None else _Snapshot(bias)
        self.handle = _library.Handle(_library.options(**options))
        if self.handle.fallback_reason:
            raise _library.Error(self.handle.fallback_reason, "unavailable")
        host = [None if each is None else each.detach().cpu().contiguous()
                for each in (weight, bias)]
        self.handle.load_weights(*(part for each in host for part in _address_and_bytes(each)))

    def serves(self, options, weight, bias):
        return (options == self.options and self.weight.holds(weight)
                and (bias is None or self.bias.holds(bias)))


def _address_and_bytes(tensor):
    if tensor is None:
        return None, 0
    return tensor.data_ptr(), tensor.numel() * tensor.element_size()


class PackedWeights:
    """Those of one module. Several threads may ask at once: a handle is never changed, only
    replaced, and lives as long as somebody runs it. A copied or unpickled module starts with
    none."""

    def __init__(self):
        self._loaded = None
        self.number = next(_numbers)
        _all[self.number] = self

    def __reduce__(self):
        return PackedWeights, ()

    def handle(self, options, weight, bias):
        loaded = self._loaded
        if loaded is None or not loaded.serves(options, weight, bias):
            loaded = self._loaded = _Loaded(options, weight, bias)
        return loaded.handle

    def forget(self):
        self._loaded = None


def numbered(number):
    """PackedWeights by their number, which is how an operator can name them."""
    found = _all.get(number)
    if found is None:
        raise _library.Error("the convtune.torch.Conv1d that this was compiled or exported from is "
                             "gone; keep it as long as what was made of it")
    return found
