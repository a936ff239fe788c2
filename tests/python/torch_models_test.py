"""Whole models with convtune in them against themselves with plain PyTorch, and the lists of the
shapes that they run.

Usage: torch_models_test.py CONVTUNE [unittest's arguments]"""

import collections
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from nets import ConformerConvolution, Generator
from pytorch import fill_with_integers, integers, torch

import convtune
import convtune.torch

program = sys.argv.pop(1) if __name__ == "__main__" else os.environ.get("CONVTUNE_PROGRAM")
MODELS = {"hifi-gan": (Generator, (2, 20, 37)), "conformer": (ConformerConvolution, (2, 75, 24))}


class Causal(torch.nn.Conv1d):
    """A layer of one's own: it pads, then convolves as its base does."""

    def forward(self, x):
        before = self.dilation[0] * (self.kernel_size[0] - 1)
        return super().forward(torch.nn.functional.pad(x, (before, 0)))


class InTypeOfInput(torch.nn.Conv1d):
    """Another, as Whisper has it."""

    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight.to(x.dtype), bias.to(x.dtype))


def same(make, model):
    """Another of the same kind with the same state."""
    made = make()
    made.load_state_dict(model.state_dict())
    return made


def members(model):
    return [list(vars(module)) for module in model.modules()]


def error(found, expected):
    return (found.double() - expected).abs().max().item()


class ReplaceTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)

    def test_computes_and_learns_as_accurately_as_pytorch(self):
        for name, (make, shape) in MODELS.items():
            with self.subTest(name):
                plain, x = make(), torch.randn(*shape)
                ours, exact = convtune.torch.replace(same(make, plain)), same(make, plain).double()
                y, expected = ours(x), exact(x.double())
                # Rounding differs; 4 times PyTorch's own is rounding too, a wrong tap is 1000 times.
                self.assertLess(error(y, expected), 4 * error(plain(x), expected) + 1e-7)
                for model, given in ((plain, x), (ours, x), (exact, x.double())):
                    model(given).square().mean().backward()
                for (layer, own), its, true in zip(ours.named_parameters(), plain.parameters(),
                                                   exact.parameters()):
                    limit = 4 * error(its.grad, true.grad) + 1e-6
                    self.assertLess(error(own.grad, true.grad), limit, layer)

    def test_computes_as_accurately_in_bfloat16(self):
        # The Conformer's alone: PyTorch 1.13 has no transposed convolution in bfloat16 on the CPU.
        make, shape = MODELS["conformer"]
        plain, x = make().eval().bfloat16(), torch.randn(*shape).bfloat16()
        ours = convtune.torch.replace(same(make, plain).eval().bfloat16())
        exact = same(make, plain).eval().double()
        with torch.no_grad():
            y, expected = ours(x), exact(x.double())
            self.assertEqual(y.dtype, torch.bfloat16)
            self.assertLess(error(y, expected), 4 * error(plain(x), expected))

    def test_replaces_every_conv1d_and_nothing_else(self):
        model = convtune.torch.replace(Generator())
        kinds = collections.Counter(type(module) for module in model.modules())
        self.assertEqual(kinds[torch.nn.Conv1d], 0)
        self.assertEqual(kinds[convtune.torch.Conv1d], 2 + 2 * 2 * 6)
        self.assertEqual(kinds[torch.nn.ConvTranspose1d], 2)

    def test_keeps_parameters_names_and_weight_norm(self):
        plain = Generator()
        before = dict(plain.named_parameters())
        convtune.torch.replace(plain)
        after = dict(plain.named_parameters())
        self.assertEqual(list(before), list(after))
        self.assertTrue(all(before[name] is after[name] for name in before))
        x = torch.randn(1, 20, 9)
        with torch.no_grad():
            expected = plain(x)
            for module in plain.modules():
                if hasattr(module, "weight_g"):
                    torch.nn.utils.remove_weight_norm(module)
            torch.testing.assert_close(plain(x), expected)

    def test_takes_a_model_that_is_one_layer(self):
        layer = fill_with_integers(torch.nn.Conv1d(3, 4, 3))
        x = integers(1, 3, 9)
        expected = layer(x)
        self.assertIs(convtune.torch.replace(layer), layer)
        self.assertIs(type(layer), convtune.torch.Conv1d)
        self.assertTrue(torch.equal(layer(x), expected))

    def test_serves_subclasses_as_they_are(self):
        layer = fill_with_integers(Causal(3, 4, 3, dilation=2))
        x = integers(1, 3, 9)
        expected = layer(x)
        served = convtune.torch.replace(torch.nn.Sequential(layer))[0]
        self.assertIsInstance(served, Causal)
        self.assertIsInstance(served, convtune.torch.Conv1d)
        self.assertTrue(torch.equal(served(x), expected))
        self.assertEqual(served(x).shape, (1, 4, 9))

        layer = fill_with_integers(InTypeOfInput(3, 4, 3))
        expected = layer(x)
        convtune.torch.replace(layer)
        y = layer(x.half())
        self.assertEqual(y.dtype, torch.float16)
        self.assertTrue(torch.equal(y.float(), expected))

    def test_serves_parametrized_layers(self):
        class Doubled(torch.nn.Module):
            def forward(self, weight):
                return 2 * weight

        layer = fill_with_integers(torch.nn.Conv1d(3, 4, 3))
        x = integers(1, 3, 9)
        torch.nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
        expected = layer(x)
        convtune.torch.replace(layer)
        self.assertIsInstance(layer, convtune.torch.Conv1d)
        self.assertTrue(torch.equal(layer(x), expected))
        torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
        self.assertIs(type(layer), convtune.torch.Conv1d)
        self.assertTrue(torch.equal(layer(x), expected))

    def test_leaves_other_dtypes_to_pytorch(self):
        layer = torch.nn.Conv1d(3, 4, 3).double()
        self.assertIs(type(convtune.torch.replace(layer)), torch.nn.Conv1d)


# In a process of its own, for the database is another.
TUNED_PLAN = """
import convtune, numpy
conv = convtune.Conv1D(7, 20, 32, "float32", padding=3, permute=True, has_bias=True)
shapes = {"weight": (32, 20, 7), "bias": 32}
conv.load_state_dict({name: numpy.zeros(shape, "float32") for name, shape in shapes.items()})
print(conv.plan(1, 9))
"""


class RecordTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        self.environment = os.environ | {"CONVTUNE_DB": f"{self.folder}/convtune.db"}

    def convtune(self, *arguments):
        subprocess.run([program, *arguments, "--device", "cpu"], check=True, env=self.environment,
                       capture_output=True)

    def test_leaves_out_what_runs_nothing_and_other_dtypes(self):
        layer = torch.nn.Conv1d(3, 4, 3)
        self.assertEqual(convtune.torch.record(layer, torch.zeros(0, 3, 9)), [])
        self.assertEqual(convtune.torch.record(layer.double(), torch.zeros(1, 3, 9).double()), [])

    def test_lists_what_the_layers_convolve(self):
        layers = convtune.torch.record(ConformerConvolution(), torch.zeros(2, 75, 24))
        common = {"model": "ConformerConvolution", "batch": 2, "length": 75, "stride": 1,
                  "dilation": 1, "has_bias": True, "dtype": "float32", "layout": "NCL",
                  "calls_per_forward": 1}
        self.assertEqual(json.loads(json.dumps(layers)), [
            common | {"layer": "widen", "in_channels": 24, "out_channels": 48, "kernel_size": 1,
                      "padding": [0, 0], "num_groups": 1},
            common | {"layer": "depthwise", "in_channels": 24, "out_channels": 24, "kernel_size": 31,
                      "padding": [15, 15], "num_groups": 24},
            common | {"layer": "narrow", "in_channels": 24, "out_channels": 24, "kernel_size": 1,
                      "padding": [0, 0], "num_groups": 1}])

    def test_counts_calls_and_keeps_shapes_apart(self):
        class Twice(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = Causal(3, 3, 3)

            def forward(self, x):
                return self.conv(self.conv(x)), self.conv(x[0, :, :5])

        layers = convtune.torch.record(Twice(), torch.zeros(2, 3, 9))
        found = [(each["batch"], each["length"], each["calls_per_forward"]) for each in layers]
        self.assertEqual(found, [(2, 11, 2), (1, 7, 1)])

    def test_sees_padding_modes_and_autocast(self):
        layer = torch.nn.Conv1d(3, 4, 3, padding=2, padding_mode="circular")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, = convtune.torch.record(layer, torch.zeros(1, 3, 9))
        self.assertEqual((found["length"], found["padding"], found["dtype"]), (13, (0, 0), "bfloat16"))

    def test_leaves_the_model_as_it_was(self):
        model = convtune.torch.replace(Generator())
        before = members(model)
        first = convtune.torch.record(model, torch.zeros(1, 20, 9))
        self.assertEqual(members(model), before)
        self.assertEqual(convtune.torch.record(Generator(), torch.zeros(1, 20, 9)), first)
        with self.assertRaises(convtune.Error):
            convtune.torch.record(model, torch.zeros(1, 20, 9, 1))
        self.assertEqual(members(model), before)

    @unittest.skipUnless(program, "no convtune program was named")
    def test_is_what_the_command_line_takes(self):
        layers = convtune.torch.record(Generator().eval(), torch.zeros(1, 20, 9))
        for layer in layers:
            problem = {key: value for key, value in layer.items()
                       if key not in ("model", "layer", "calls_per_forward")}
            self.convtune("plan", "--problem", json.dumps(problem))
        file = Path(self.folder) / "layers.json"
        file.write_text(json.dumps(layers[:2]))
        self.convtune("tune", "--layers", str(file), "--quiet", "--budget", "20")
        out = subprocess.run([sys.executable, "-B", "-c", TUNED_PLAN], check=True, text=True,
                             capture_output=True, env=self.environment).stdout
        self.assertIn("(exact)", out)


if __name__ == "__main__":
    unittest.main()
