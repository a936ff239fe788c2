import contextlib
import io
import json
import unittest

import against
import example
import load


class ExitCodeTest(unittest.TestCase):
    def compare(self, change, change_now=lambda now: None):
        """(exit code, stderr) of a database of three layers against one that `change` made of it."""
        now, earlier = example.export(3), example.export(3)
        change(earlier)
        change_now(now)
        exports = [load.load(json.dumps(d).encode()) for d in (now, earlier)]
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            return against.exit_code(against.summaries(*exports)), said.getvalue()

    def test_a_regression_beyond_noise_is_1(self):
        code, said = self.compare(lambda e: e["verdicts"][1].update(best_generated_seconds=5e-4),
                                  lambda now: now["verdicts"][1].update(best_generated_seconds=1e-3))
        self.assertEqual(code, 1)
        self.assertIn("1 layer became slower by more than noise:\n  Model-0 dense: 500 µs then, "
                      "1.00 ms now\n", said)

    def test_a_regression_within_noise_is_0(self):
        # The example's spreads are 1.2 %, three times √2 of which are 5.1 %.
        code, said = self.compare(lambda e: e["verdicts"][1].update(
            best_generated_seconds=e["verdicts"][1]["best_generated_seconds"] / 1.05))
        self.assertEqual((code, said), (0, ""))

    def test_what_became_faster_or_is_as_it_was_is_0(self):
        self.assertEqual(self.compare(lambda e: e["verdicts"][1].update(best_generated_seconds=9.0)),
                         (0, ""))

    def test_a_layer_that_only_one_has_is_0(self):
        self.assertEqual(self.compare(lambda e: e["verdicts"].pop()), (0, ""))

    def test_nothing_in_common_is_1(self):
        for change in (lambda e: e.update(verdicts=[]),
                       lambda e: [v.update(device="cpu:other") for v in e["verdicts"]]):
            code, said = self.compare(change)
            self.assertEqual(code, 1)
            self.assertIn("nothing can be compared", said)

    def test_a_comparison_that_is_unreliable_throughout_is_0(self):
        code, said = self.compare(
            lambda e: [v.update(best_generated_noise=0.5) for v in e["verdicts"]])
        self.assertEqual(code, 0)
        self.assertIn("of 3 layers nothing can be said", said)

    def test_says_of_what_nothing_can_be_said(self):
        code, said = self.compare(lambda e: e["verdicts"][1].update(
            best_generated_noise=0.5, best_generated_seconds=1e-9))
        self.assertEqual(code, 0)
        self.assertIn("of 1 layer nothing can be said", said)


if __name__ == "__main__":
    unittest.main()
