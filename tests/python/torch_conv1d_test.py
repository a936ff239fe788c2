"""convtune.torch.Conv1d against torch.nn.Conv1d in float64, exactly, on small integers."""

import copy
import pickle
import unittest

from pytorch import errors_on_threads, fill_with_integers, integers, torch, wide

import convtune
import convtune.torch
from convtune.torch.operator import Convolution
from convtune.torch.packed import PackedWeights

# in_channels, out_channels, kernel_size, and the rest
LAYERS = [
    (4, 6, 3, {}),
    (4, 6, 3, {"bias": False, "stride": 2, "padding": 2}),
    (8, 8, 7, {"groups": 8, "padding": 3}),
    (6, 4, 5, {"groups": 2, "dilation": 3, "padding": 6}),
    (3, 5, 3, {"padding": "same", "dilation": 2}),
    (3, 5, 4, {"padding": "same", "dilation": 3}),  # nine positions: four left, five right
    (3, 5, 4, {"padding": "valid"}),
    (3, 5, 3, {"padding": 2, "padding_mode": "reflect", "stride": 2}),
    (3, 5, 4, {"padding": "same", "padding_mode": "replicate"}),
    (3, 5, 3, {"padding": 2, "padding_mode": "circular"}),
]
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def layer(inputs, outputs, taps, options):
    return fill_with_integers(convtune.torch.Conv1d(inputs, outputs, taps, **options))


def can_pad(options, dtype):
    """Whether this PyTorch has the padding mode for this dtype on the CPU."""
    try:
        torch.nn.functional.pad(torch.zeros(1, 3, 9, dtype=dtype), (1, 1),
                                options.get("padding_mode", "constant"))
    except RuntimeError:
        return False
    return True


class Conv1dTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)

    def assert_equal(self, found, expected):
        self.assertEqual(found.shape, expected.shape)
        if not torch.equal(found.double(), expected.double()):
            self.fail(f"{found} is not {expected}")

    def test_equals_pytorch_in_every_dtype(self):
        for arguments in LAYERS:
            module = layer(*arguments)
            for dtype in (each for each in DTYPES if can_pad(arguments[3], each)):
                for shape in ((2, arguments[0], 29), (arguments[0], 29), (0, arguments[0], 29)):
                    with self.subTest(arguments=arguments, dtype=dtype, shape=shape):
                        x = integers(*shape, dtype=dtype)
                        y = module.to(dtype)(x)
                        self.assertEqual(y.dtype, dtype)
                        expected = wide(module)(x.double().reshape(-1, *shape[-2:]))
                        self.assert_equal(y, expected[0] if len(shape) == 2 else expected)

    def test_gradients_equal_pytorch(self):
        for arguments in LAYERS:
            with self.subTest(arguments=arguments):
                module = layer(*arguments)
                plain = wide(module)
                x = integers(2, arguments[0], 29, requires_grad=True)
                x64 = x.detach().double().requires_grad_()
                y, y64 = module(x), plain(x64)
                weights = integers(*y.shape)
                (y * weights).sum().backward()
                (y64 * weights).sum().backward()
                self.assert_equal(x.grad, x64.grad)
                for own, its in zip(module.parameters(), plain.parameters()):
                    self.assert_equal(own.grad, its.grad)

    def test_computes_only_the_gradients_that_are_asked_for(self):
        module = layer(4, 6, 3, {}).requires_grad_(False)
        x = integers(1, 4, 9, requires_grad=True)
        module(x).sum().backward()
        self.assertIsNotNone(x.grad)
        self.assertIsNone(module.weight.grad)
        module.requires_grad_(True)
        module(x.detach()).sum().backward()
        self.assertIsNotNone(module.weight.grad)

    def test_second_gradients_equal_pytorch(self):
        module = layer(3, 5, 4, {"padding": "same"})
        plain = wide(module)
        x = integers(1, 3, 9, requires_grad=True)
        x64 = x.detach().double().requires_grad_()
        for conv, at in ((module, x), (plain, x64)):
            first, = torch.autograd.grad(conv(at).square().sum(), at, create_graph=True)
            first.square().sum().backward()
        self.assert_equal(x.grad, x64.grad)
        self.assert_equal(module.weight.grad, plain.weight.grad)

    def test_gradients_of_uneven_padding_equal_pytorch(self):
        module = layer(4, 6, 3, {})
        plain = wide(module)
        for padding in ((3, 1), (0, 2), (2, 2)):
            x = integers(1, 4, 9, requires_grad=True)
            x64 = x.detach().double().requires_grad_()
            y = Convolution.apply(x, module.weight, module.bias, 1, padding, 1, 1, module.math,
                                  module.policy, module._packed.number)
            y64 = plain(torch.nn.functional.pad(x64, padding))
            self.assert_equal(y, y64)
            weights = integers(*y.shape)
            (y * weights).sum().backward()
            (y64 * weights).sum().backward()
            self.assert_equal(x.grad, x64.grad)
        self.assert_equal(module.weight.grad, plain.weight.grad)

    def test_takes_tensors_that_are_not_packed(self):
        module = layer(4, 6, 3, {})
        x = integers(2, 29, 4).transpose(1, 2)
        self.assert_equal(module(x), wide(module)(x.double()))

    def test_computes_as_autocast_says(self):
        for mode in ("zeros", "reflect"):
            module = layer(4, 6, 3, {"padding": 1, "padding_mode": mode})
            x = integers(2, 4, 29)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                y = module(x)
            self.assertEqual(y.dtype, torch.bfloat16)
            self.assert_equal(y, wide(module)(x.double()))

    def test_is_copied_and_pickled_like_any_module(self):
        module = layer(4, 6, 3, {"padding": "same"})
        x = integers(1, 4, 9)
        expected = module(x)
        copied = copy.deepcopy(module)
        fill_with_integers(module)
        self.assert_equal(copied(x), expected)
        self.assert_equal(pickle.loads(pickle.dumps(copied))(x), expected)
        self.assert_equal(module(x), wide(module)(x.double()))

    def test_is_a_torch_nn_conv1d(self):
        module = layer(4, 6, 3, {})
        self.assertIsInstance(module, torch.nn.Conv1d)
        self.assertEqual(list(module.state_dict()), ["weight", "bias"])

    def test_runs_on_several_threads_at_once(self):
        module = layer(4, 6, 3, {"padding": 1})
        inputs = [integers(1, 4, length) for length in range(9, 25)]
        cases = [(x, wide(module)(x.double())) for x in inputs]

        def run():
            for _ in range(5):
                for x, expected in cases:
                    with torch.no_grad():
                        self.assert_equal(module(x), expected)

        self.assertEqual(errors_on_threads([run] * 4), [])

    def test_infers_shapes_without_computing(self):
        module = convtune.torch.Conv1d(4, 6, 3, stride=2, padding=1, device="meta")
        with torch.inference_mode():  # PyTorch 1.13 has no gradients without data
            y = module(torch.empty(2, 4, 29, device="meta"))
        self.assertEqual((y.device.type, y.shape), ("meta", (2, 6, 15)))

    def test_refuses_in_one_sentence(self):
        module = layer(4, 6, 3, {})
        for reason, x in (
                ("x is torch.float64; convtune computes in float32, float16 and bfloat16",
                 torch.zeros(1, 4, 9, dtype=torch.float64)),
                ("x is torch.float16 on cpu and weight torch.float32 on cpu; convert one of them",
                 torch.zeros(1, 4, 9, dtype=torch.float16)),
                ("x has the shape (1, 5, 9); it must be (N, 4, L), or (4, L)", torch.zeros(1, 5, 9)),
                ("x has the shape (1, 1, 4, 9); it must be (N, 4, L)", torch.zeros(1, 1, 4, 9)),
                ("length", torch.zeros(1, 4, 2))):
            with self.subTest(reason), self.assertRaises(convtune.Error) as caught:
                module(x)
            self.assertIn(reason, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))
        number = PackedWeights().number  # which is gone at once
        with self.assertRaisesRegex(convtune.Error, "compiled or exported from is gone; keep it"):
            torch.ops.convtune.conv1d(torch.zeros(1, 4, 9), module.weight.detach(), None, 1, (0, 0),
                                      1, 1, "ieee", "nearest_or_heuristic", number)
        with self.assertRaisesRegex(
                convtune.Error, "math is fast; it must be ieee, tf32x3, tf32 or winograd"):
            convtune.torch.Conv1d(4, 6, 3, math="fast")(torch.zeros(1, 4, 9))


if __name__ == "__main__":
    unittest.main()
