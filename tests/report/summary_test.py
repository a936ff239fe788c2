import json
import math
import random
import unittest

import compare
import example
import load
import summary
from compare import Standing


def layer(times, winner, default="a{}"):
    """A layer whose eight final rounds gave these times: {config: seconds}; "vendor{}" is the
    vendor's."""
    problem = example.problem()
    generated = min((c for c in times if c != "vendor{}"), key=times.get)
    rows = [load.Measurement(c, "vendor" if c == "vendor{}" else "generated", "ok", "",
                             (t,) * 8, 1, 1, 0, 0, "", "run") for c, t in times.items()]
    verdict = load.Verdict(
        winner=winner, origin="vendor" if winner == "vendor{}" else "generated", tied=(),
        seconds=times[winner], noise=0.01, confidence=0.99, default_config=default,
        default_seconds=times.get(default), default_noise=0.01, best_generated=generated,
        best_generated_seconds=times[generated], best_generated_noise=0.01,
        best_vendor="vendor{}" if "vendor{}" in times else "",
        best_vendor_seconds=times.get("vendor{}"), best_vendor_noise=0.01, candidates=len(rows),
        measured=len(rows), complete=True, decided_at="", run="run")
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

    def standing(self, one, other, run="run"):
        """Of `one` as the best generated kernel against `other` as the default."""
        found = layer({"a{}": 2.0, "b{}": 1.0}, "b{}")
        for m, samples, of in zip(found.measurements, (other, one), (run, "run")):
            object.__setattr__(m, "samples", tuple(samples))
            object.__setattr__(m, "run", of)
        return summary.row(found).over_default.standing

    def test_a_difference_in_every_round_is_proven(self):
        self.assertEqual(self.standing([1.0] * 8, [1.01] * 8), Standing.faster)
        self.assertEqual(self.standing([1.01] * 8, [1.0] * 8), Standing.slower)

    def test_seven_rounds_prove_nothing(self):
        self.assertEqual(self.standing([1.0] * 7, [9.0] * 7), Standing.open)

    def test_a_difference_that_changes_sides_is_a_tie(self):
        self.assertEqual(self.standing([1.0] * 8, [1.5] * 7 + [0.9]), Standing.tie)

    def test_drift_that_both_share_does_not_hide_a_difference(self):
        drift = [1.0, 1.5, 2.0, 3.0, 2.5, 1.2, 1.1, 1.7]
        self.assertEqual(self.standing(drift, [1.01 * d for d in drift]), Standing.faster)

    def test_samples_of_different_sweeps_are_no_rounds(self):
        self.assertEqual(self.standing([1.0] * 8, [9.0] * 8, run="other"), Standing.open)

    def test_the_default_itself_is_a_tie_with_itself_however_few_rounds_there_were(self):
        only = layer({"a{}": 2.0}, "a{}")
        object.__setattr__(only.measurements[0], "samples", (2.0,) * 3)
        row = summary.row(only)
        self.assertEqual((row.over_default.ratio, row.over_default.standing), (1.0, Standing.tie))

    def test_without_a_vendor_there_is_nothing_to_compare(self):
        self.assertIsNone(summary.row(layer({"a{}": 2.0}, "a{}")).over_vendor)

    def test_without_a_verdict_there_is_nothing_to_compare(self):
        row = summary.row(load.Layer(example.problem()))
        self.assertEqual((row.verdict, row.over_default, row.over_vendor), (None, None, None))


class MedianIntervalTest(unittest.TestCase):
    def test_ends_just_inside_the_critical_values_of_the_sign_test(self):
        critical = {8: 0, 10: 0, 11: 0, 12: 1, 15: 2, 20: 3, 25: 5, 30: 7}  # two-sided, 1 %
        for count, value in critical.items():
            low, high = compare.median_interval(range(1, count + 1), 0.99)
            self.assertEqual((low, high), (value + 1, count - value), count)

    def test_too_few_values_have_none(self):
        self.assertIsNone(compare.median_interval([1.0] * 7, 0.99))
        self.assertIsNone(compare.median_interval([], 0.99))

    def test_misses_the_median_as_often_as_it_says(self):
        rng = random.Random(7)
        missed = 0
        for _ in range(4000):
            low, high = compare.median_interval([rng.expovariate(1) for _ in range(21)], 0.9)
            missed += not low <= math.log(2) <= high
        self.assertLess(missed / 4000, 0.1)
        self.assertGreater(missed / 4000, 0.05)


class ApartTest(unittest.TestCase):
    """Of kernels that did not run in turns."""

    def against_peer(self, generated, peer):
        found = layer({"a{}": 2.0, "b{}": 1.0}, "b{}")
        object.__setattr__(found.measurements[1], "samples", tuple(generated))
        found.measurements.append(load.Measurement("torch_conv1d{}", "peer", "ok", "", tuple(peer),
                                                   None, None, 0, 0, "", "later"))
        return summary.row(found).over_peer

    def test_the_fastest_peer_counts(self):
        found = layer({"a{}": 2.0}, "a{}")
        for name, seconds in (("torch_conv1d{}", 6.0), ("torch_compile{}", 3.0)):
            found.measurements.append(load.Measurement(name, "peer", "ok", "", (seconds,) * 9, None, None,
                                                       0, 0, "", "later"))
        row = summary.row(found)
        self.assertEqual((row.over_peer.ratio, row.peer), (1.5, "torch_compile{}"))
        self.assertEqual(summarised(found).peers, ["torch_compile"])

    def test_samples_that_do_not_meet_are_proven_apart(self):
        one, other = [1.0 + 0.01 * i for i in range(9)], [2.0 + 0.01 * i for i in range(9)]
        found = self.against_peer(one, other)
        # All nine samples bound each median: the sign test at half a percent.
        self.assertAlmostEqual(found.interval[0], 2.0 / 1.08)
        self.assertAlmostEqual(found.interval[1], 2.08 / 1.0)
        self.assertEqual(found.standing, Standing.faster)
        self.assertEqual(self.against_peer(other, one).standing, Standing.slower)

    def test_samples_that_meet_are_a_tie(self):
        self.assertEqual(self.against_peer([1.0] * 8 + [1.2], [1.1] * 9).standing, Standing.tie)

    def test_eight_samples_prove_nothing(self):
        self.assertEqual(self.against_peer([1.0] * 8, [2.0] * 8).standing, Standing.open)

    def test_without_a_peer_there_is_nothing_to_compare(self):
        self.assertIsNone(summary.row(layer({"a{}": 2.0, "vendor{}": 1.0}, "a{}")).over_peer)


class EarlierTest(unittest.TestCase):
    def against(self, then, now, then_noise=0.01, now_noise=0.01):
        """A layer whose best generated kernel took `then` and takes `now`."""
        before = layer({"a{}": then}, "a{}").verdict
        object.__setattr__(before, "best_generated_noise", then_noise)
        found = layer({"a{}": now}, "a{}")
        object.__setattr__(found.verdict, "best_generated_noise", now_noise)
        return summary.row(found, before).over_earlier

    def test_the_ratio_is_then_over_now(self):
        self.assertEqual(self.against(3.0, 2.0).ratio, 1.5)

    def test_three_combined_spreads_are_noise(self):
        # 3 · √(0.03² + 0.04²) = 0.15
        self.assertEqual(self.against(1.0, 1.14, 0.03, 0.04).standing, Standing.tie)
        self.assertEqual(self.against(1.0, 1.16, 0.03, 0.04).standing, Standing.slower)
        self.assertEqual(self.against(1.14, 1.0, 0.03, 0.04).standing, Standing.tie)
        self.assertEqual(self.against(1.16, 1.0, 0.03, 0.04).standing, Standing.faster)

    def test_two_percent_are_noise_on_the_quietest_machine(self):
        self.assertEqual(self.against(1.0, 1.019, 0, 0).standing, Standing.tie)
        self.assertEqual(self.against(1.0, 1.021, 0, 0).standing, Standing.slower)

    def test_of_times_that_scatter_widely_nothing_is_said(self):
        self.assertEqual(self.against(1.0, 9.0, 0.21, 0.01).standing, Standing.unreliable)

    def devices(self, then, now):
        problems = [example.problem(length=length) for length in range(10, 10 + len(now))]
        found = []
        for times in (then, now):
            layers = []
            for problem, seconds in zip(problems, times):
                if seconds is not None:
                    each = layer({"a{}": seconds}, "a{}")
                    each.problem = problem
                    layers.append(each)
            found.append(load.Device("cpu:x", {}, [], layers))
        return found

    def test_layers_are_matched_by_problem_and_regressions_come_first(self):
        then, now = self.devices([1.0, 1.0, 1.0, 1.0, None, 1.0], [0.5, 4.0, 1.0, 2.0, 1.0, None])
        found = summary.summarise(now, then)
        self.assertEqual([r.over_earlier.ratio for r in found.changed()], [0.25, 0.5, 2.0])
        total = found.over_earlier
        self.assertEqual((total.layers, total.slower, total.ties, total.faster), (4, 2, 1, 1))
        self.assertEqual(len(found.lost), 1)
        self.assertIn("1×64×14 ", found.rows[[r.over_earlier for r in found.rows].index(None)].name)

    def test_without_an_earlier_database_there_is_nothing_to_compare(self):
        found = summarised(layer({"a{}": 2.0}, "a{}"))
        self.assertEqual((found.over_earlier.layers, found.changed(), found.lost), (0, [], []))


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

    def test_ratios_of_times_that_scatter_widely_enter_no_mean(self):
        for which in ("default_noise", "best_generated_noise", "best_vendor_noise"):
            noisy = layer({"a{}": 1000.0, "b{}": 1.0, "vendor{}": 9000.0}, "b{}")
            object.__setattr__(noisy.verdict, which, 0.21)
            found = summarised(noisy, layer({"a{}": 2.0, "b{}": 1.0, "vendor{}": 4.0}, "b{}"))
            default, vendor = found.over_default, found.over_vendor
            left_out = (int(which != "best_vendor_noise"), int(which != "default_noise"))
            self.assertEqual((default.unreliable, vendor.unreliable), left_out)
            self.assertEqual((default.layers, vendor.layers), (2 - left_out[0], 2 - left_out[1]))
            self.assertEqual(default.mean == 2.0, bool(left_out[0]))
            self.assertEqual((vendor.best, vendor.faster), (4.0, 1) if left_out[1] else (9000.0, 2))

    def test_a_spread_at_the_bound_is_reliable(self):
        quiet = layer({"a{}": 2.0, "b{}": 1.0}, "b{}")
        object.__setattr__(quiet.verdict, "default_noise", 0.2)
        self.assertEqual(summary.row(quiet).over_default.standing, Standing.faster)

    def test_slowest_first_and_undecided_last(self):
        found = summarised(load.Layer(example.problem()), layer({"a{}": 1.0}, "a{}"),
                           layer({"a{}": 2.0}, "a{}"))
        self.assertEqual([r.verdict and r.verdict.seconds for r in found.rows], [2.0, 1.0, None])
        self.assertEqual(len(found.undecided), 1)

    def test_layers_of_one_name_are_told_apart(self):
        def named(name, **fields):
            return load.Layer(example.problem(**fields), [{"model": "net", "layer": name}])

        found = summarised(named("a", dtype="float16"), named("a"), named("b", length=256),
                           named("b", length=512, dtype="bfloat16"), named("b", length=512), named("c"))
        self.assertEqual([r.name for r in found.rows], [
            "net a float16", "net a float32", "net b bfloat16 length 512", "net b float32 length 256",
            "net b float32 length 512", "net c"])

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
                load.Measurement(config, "generated", outcome, reason, (), None, None, None, 0, "",
                                 ""))
        self.assertEqual(summary.failures([summary.row(one)]),
                         [("failed", "b", "needs 96 registers", 2, 1),
                          ("timed_out", "b", "needs 128 registers", 1, 1)])


if __name__ == "__main__":
    unittest.main()
