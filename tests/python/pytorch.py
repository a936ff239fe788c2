"""PyTorch for the tests that need it; without, they end with 77, which ctest takes for skipped."""

import sys
import threading

try:
    import torch
except ImportError:
    print("skipped: no Python module torch")
    sys.exit(77)


def integers(*shape, dtype=torch.float32, requires_grad=False):
    """Small ones: exact in every dtype, and so are their sums."""
    return torch.randint(-2, 3, shape).to(dtype).requires_grad_(requires_grad)


def fill_with_integers(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(integers(*parameter.shape))
    return module


def wide(module):
    """Its state in PyTorch's own layer, in float64."""
    plain = torch.nn.Conv1d(
        module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding,
        module.dilation, module.groups, module.bias is not None, module.padding_mode).double()
    plain.load_state_dict(module.state_dict())
    return plain


def errors_on_threads(actions):
    """What the actions raised, each on a thread of its own, all at once."""
    errors = []

    def guarded(action):
        try:
            action()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
