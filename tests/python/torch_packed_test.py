"""Weights are packed again when they have changed, in whatever way, and only then."""

import threading
import unittest
from unittest import mock

from pytorch import errors_on_threads, fill_with_integers, integers, torch

import convtune.torch
from convtune import _library


class PackedTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.module = fill_with_integers(convtune.torch.Conv1d(4, 6, 3, padding=1))
        self.x = integers(1, 4, 9)
        made = mock.patch.object(_library, "Handle", wraps=_library.Handle)
        self.made = made.start()
        self.addCleanup(made.stop)

    def expect(self, packings):
        """The module's y is right, and its weights have been packed so often by now."""
        with torch.no_grad():
            for _ in range(3):
                y = self.module(self.x)
                plain = torch.nn.functional.conv1d(self.x.double(), self.module.weight.double(),
                                                   self.module.bias.double(), padding=1)
                self.assertTrue(torch.equal(y.double(), plain))
        self.assertEqual(self.made.call_count, packings)

    def test_once_for_many_shapes(self):
        self.expect(1)
        self.x = integers(2, 4, 14)
        self.expect(1)

    def test_when_an_optimizer_has_stepped(self):
        self.expect(1)
        self.module(self.x).sum().backward()
        torch.optim.SGD(self.module.parameters(), lr=1).step()
        self.expect(2)

    def test_when_only_the_bias_is_written_to(self):
        self.expect(1)
        with torch.no_grad():
            self.module.bias.add_(1)
        self.expect(2)

    def test_when_a_state_is_loaded(self):
        self.expect(1)
        self.module.load_state_dict(fill_with_integers(torch.nn.Conv1d(4, 6, 3)).state_dict())
        self.expect(2)

    def test_when_the_parameter_is_another(self):
        self.expect(1)
        for packings in range(2, 12):
            # The new one may get the memory of one that is gone.
            self.module.weight = torch.nn.Parameter(integers(6, 4, 3) + packings)
            self.expect(packings)

    def test_when_its_data_is_another(self):
        self.expect(1)
        self.module.weight.data = integers(6, 4, 3) + 3
        self.expect(2)

    def test_when_a_view_of_other_strides_takes_its_place(self):
        self.module = fill_with_integers(convtune.torch.Conv1d(4, 4, 3, padding=1))
        self.expect(1)
        self.module.weight = torch.nn.Parameter(self.module.weight.detach().transpose(0, 1))
        self.expect(2)

    def test_when_a_copy_of_what_was_written_takes_its_place(self):
        self.expect(1)
        with torch.no_grad():
            self.module.weight.add_(1)
        self.module.weight = torch.nn.Parameter(self.module.weight.detach().clone())
        self.expect(2)

    def test_when_told_to(self):
        self.expect(1)
        self.module.weight.data.add_(1)
        self.module.repack()
        self.expect(2)

    def test_not_for_new_tensors_of_the_same_values(self):
        self.module = torch.nn.utils.weight_norm(self.module)
        self.expect(1)
        with torch.no_grad():
            self.module.weight_g.copy_(torch.arange(1, 7).view(6, 1, 1))
        y = self.module(self.x)
        again = self.module(self.x)
        self.assertEqual(self.made.call_count, 2)
        plain = torch.nn.functional.conv1d(self.x, self.module.weight, self.module.bias, padding=1)
        torch.testing.assert_close(y, plain)
        self.assertTrue(torch.equal(y, again))

    def test_in_inference_mode(self):
        with torch.inference_mode():
            self.expect(1)
            self.module.weight = torch.nn.Parameter(integers(6, 4, 3), requires_grad=False)
            self.expect(2)
            self.module.weight.add_(1)  # which PyTorch does not count here
            self.expect(3)

    def test_while_others_run(self):
        module = convtune.torch.Conv1d(4, 6, 3, bias=False).requires_grad_(False)
        weights = [torch.nn.Parameter(integers(6, 4, 3), requires_grad=False) for _ in range(2)]
        right = [torch.nn.functional.conv1d(self.x.double(), each.double()) for each in weights]
        module.weight = weights[0]
        stop = threading.Event()

        def change():
            try:
                for round_ in range(100):
                    module.weight = weights[round_ % 2]
                    module(self.x)
                    module.repack()
            finally:
                stop.set()

        def run():
            while not stop.is_set():
                y = module(self.x).double()
                self.assertTrue(any(torch.equal(y, each) for each in right))

        self.assertEqual(errors_on_threads([change, run, run, run]), [])


if __name__ == "__main__":
    unittest.main()
