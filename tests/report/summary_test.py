import json
import unittest

import example
import load
import summary
from summary import Standing


def layer(times, winner, tied=(), default="a{}", origins=None):
    """A layer whose finals gave these times: {config: seconds}; "vendor{}" is the vendor's."""
    problem = example.problem()
    generated = min((c for c in times if c != "vendor{}"), key=times.get)
    rows = [load.Measurement(c, (origins or {}).get(c, "vendor" if c == "vendor{}" else "generated"),
                             "ok", "", (t,) * 5, 1, 1, 0, "") for c, t in times.items()]
    verdict = load.Verdict(
        winner=winner, origin="vendor" if winner == "vendor{}" else "generated", tied=tuple(tied),
        seconds=times[winner], noise=0.01, confidence=0.99, default_config=default,
        default_seconds=times.get(default), best_generated=generated,
        best_generated_seconds=times[generated],
        best_vendor="vendor{}" if "vendor{}" in times else "",
        best_vendor_seconds=times.get("vendor{}"), decided_at="")
    return load.Layer(problem, [], rows, verdict)


def summarised(*layers):
    return summary.summarise(load.Device("cpu:x", {}, [], list(layers)))


class ComparisonTest(unittest.TestCase):
    def test_ratio_is_the_other_time_over_the_generated_one(self):
        row = summary.row(layer({"a{}": 3.0, "b{}": 2.0, "vendor{}": 1.0}, "vendor{}"))
        self.assertEqual((row.over_default.ratio, row.over_default.standing), (1.5, Standing.faster))
        self.assertEqual((row.over_vendor.ratio, row.over_vendor.standing), (0.5, Standing.slower))

    def test_a_vendor_kernel_that_wins_does_not_count_as_generated(self):
        row = summary.row(layer({"a{}": 4.0, "vendor{}": 1.0}, "vendor{}"))
        self.assertEqual(row.over_default.ratio, 1.0)

    def test_a_vendor_kernel_as_default_is_not_compared_as_one_of_ours(self):
        row = summary.row(layer({"b{}": 2.0, "vendor{}": 4.0}, "b{}", default="vendor{}"))
        self.assertIsNone(row.over_default)
        self.assertEqual(row.over_vendor.ratio, 2.0)

    def test_no_proven_difference_is_a_tie(self):
        row = summary.row(layer({"a{}": 2.1, "b{}": 2.0, "vendor{}": 1.99}, "vendor{}", tied=["b{}"]))
        self.assertEqual(row.over_vendor.standing, Standing.tie)
        self.assertEqual(row.over_default.standing, Standing.faster)

    def test_the_default_itself_is_a_tie_with_itself(self):
        row = summary.row(layer({"a{}": 2.0}, "a{}"))
        self.assertEqual((row.over_default.ratio, row.over_default.standing), (1.0, Standing.tie))

    def test_without_a_vendor_there_is_nothing_to_compare(self):
        self.assertIsNone(summary.row(layer({"a{}": 2.0}, "a{}")).over_vendor)

    def test_without_a_verdict_there_is_nothing_to_compare(self):
        row = summary.row(load.Layer(example.problem()))
        self.assertEqual((row.verdict, row.over_default, row.over_vendor), (None, None, None))


class SummaryTest(unittest.TestCase):
    def test_means_are_geometric_and_losses_counted(self):
        found = summarised(layer({"a{}": 8.0, "b{}": 1.0, "vendor{}": 4.0}, "b{}"),
                           layer({"a{}": 2.0, "b{}": 1.0, "vendor{}": 0.25}, "vendor{}"))
        self.assertAlmostEqual(found.over_default.mean, 4.0)
        self.assertAlmostEqual(found.over_vendor.mean, 1.0)
        self.assertEqual((found.over_vendor.worst, found.over_vendor.best), (0.25, 4.0))
        self.assertEqual((found.over_vendor.faster, found.over_vendor.ties,
                          found.over_vendor.slower), (1, 0, 1))
        self.assertEqual([len(found.chosen(o)) for o in ("generated", "vendor")], [1, 1])

    def test_slowest_first_and_undecided_last(self):
        found = summarised(load.Layer(example.problem()), layer({"a{}": 1.0}, "a{}"),
                           layer({"a{}": 2.0}, "a{}"))
        self.assertEqual([r.verdict and r.verdict.seconds for r in found.rows], [2.0, 1.0, None])
        self.assertEqual(len(found.undecided), 1)

    def test_nothing_gives_no_mean(self):
        self.assertIsNone(summarised().over_default.mean)

    def test_finds_every_layer_of_the_example(self):
        export = load.load(json.dumps(example.export(30)).encode())
        found = summary.summarise(export.devices[0])
        self.assertEqual((len(found.rows), found.over_vendor.layers), (30, 30))
        self.assertEqual(sum(len(rows) for _, rows in found.classes()), 30)


class FailuresTest(unittest.TestCase):
    def test_reasons_that_differ_in_numbers_count_as_one(self):
        one = layer({"a{}": 1.0}, "a{}")
        for config, outcome, reason in (("b{x=1}", "failed", "needs 96 registers"),
                                        ("b{x=2}", "failed", "needs 128 registers"),
                                        ("b{x=3}", "timed_out", "needs 128 registers")):
            one.measurements.append(
                load.Measurement(config, "generated", outcome, reason, (), None, None, None, ""))
        self.assertEqual(summary.failures([summary.row(one)]),
                         [("failed", "b", "needs 96 registers", 2, 1),
                          ("timed_out", "b", "needs 128 registers", 1, 1)])


if __name__ == "__main__":
    unittest.main()
