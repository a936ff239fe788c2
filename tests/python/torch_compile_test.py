"""The operator convtune::conv1d under torch.compile and torch.export, which need PyTorch 2.4."""

import copy
import sys
import unittest

from pytorch import fill_with_integers, integers, torch

import convtune.torch

if not hasattr(torch.library, "opcheck"):
    print(f"skipped: PyTorch {torch.__version__} is older than 2.4")
    sys.exit(77)


def model():
    """Small integers stay exact in it."""
    return fill_with_integers(torch.nn.Sequential(
        torch.nn.Conv1d(4, 6, 3, padding="same", dilation=2), torch.nn.ReLU(),
        torch.nn.Conv1d(6, 3, 4, padding=2, padding_mode="circular")))


class CompileTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        torch._dynamo.reset()
        self.plain = model()
        self.ours = convtune.torch.replace(copy.deepcopy(self.plain))

    def test_trains_like_pytorch_as_one_graph(self):
        compiled = torch.compile(self.ours, fullgraph=True)
        optimizers = [torch.optim.SGD(each.parameters(), lr=1) for each in (self.plain, self.ours)]
        for length in (9, 9, 12, 13):
            x = integers(2, 4, length, requires_grad=True)
            twin = x.detach().clone().requires_grad_()
            y, expected = compiled(twin), self.plain(x)
            self.assertTrue(torch.equal(y, expected))
            for each in (y, expected):
                each.sum().backward()
            self.assertTrue(torch.equal(twin.grad, x.grad))
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad()
            for own, its in zip(self.ours.parameters(), self.plain.parameters()):
                with torch.no_grad():  # back to small integers
                    own.copy_(its.copy_(its.remainder(5) - 2))

    def test_infers_like_pytorch_when_weights_change(self):
        compiled = torch.compile(self.ours, fullgraph=True, backend="aot_eager")
        x = integers(2, 4, 9)
        for _ in range(3):
            with torch.no_grad():
                self.assertTrue(torch.equal(compiled(x), self.plain(x)))
                for own, its in zip(self.ours.parameters(), self.plain.parameters()):
                    own.copy_(its.copy_(integers(*its.shape)))

    def test_is_exported(self):
        x = integers(2, 4, 9)
        exported = torch.export.export(self.ours, (x,))
        self.assertIn("convtune.conv1d", str(exported.graph))
        self.assertTrue(torch.equal(exported.module()(x), self.plain(x)))

    def test_follows_the_rules_of_operators(self):
        layer = self.ours[0]
        torch.library.opcheck(
            torch.ops.convtune.conv1d.default,
            (integers(2, 4, 9), layer.weight.detach(), layer.bias.detach(), 1, [2, 2], 2, 1, "ieee",
             "nearest_or_heuristic", layer._packed.number))

    def test_equals_pytorch_with_weight_norm(self):
        weight_norm = torch.nn.utils.parametrizations.weight_norm
        plain = weight_norm(torch.nn.Conv1d(4, 6, 3))
        ours = convtune.torch.replace(copy.deepcopy(plain))
        x = torch.randn(1, 4, 9)
        compiled = torch.compile(ours, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), plain(x))


if __name__ == "__main__":
    unittest.main()
