import json
import math
import re
import unittest
import xml.etree.ElementTree as ET

import example
import load
import style
import summary
from compare import Standing
from figures import clock, convergence, heatmap, importance, noise, roofline, speedup, times

SVG = "{http://www.w3.org/2000/svg}"


def summarised(document):
    return summary.summarise(load.load(json.dumps(document).encode()).devices[0])


def texts(figure):
    return [element.text for element in ET.fromstring(figure.svg).iter(f"{SVG}text")]


def over_vendor(figures_of):
    return speedup.draw(figures_of, "v", lambda r: r.over_vendor, "the vendor’s best")


def every_figure(found):
    return (over_vendor(found) + roofline.draw(found, "r", "generated")
            + roofline.draw(found, "rv", "vendor") + heatmap.draw(found, "h")
            + times.draw(found, "t") + importance.draw(found, "i") + convergence.draw(found, "c")
            + noise.draw(found, "n") + clock.draw(found, "k"))


class ProfileTest(unittest.TestCase):
    def test_every_proven_interval_of_many_layers_is_a_line(self):
        found = summarised(example.export(50))
        steps, _ = over_vendor(found)
        reliable = [r.over_vendor for r in found.rows
                    if r.over_vendor.standing is not Standing.unreliable]
        lines = [path.get("d").count("M") for path in ET.fromstring(steps.svg).iter(f"{SVG}path")
                 if style.CLOUD in path.get("style", "")]
        self.assertEqual(lines, [sum(c.interval is not None for c in reliable)])
        self.assertIn("with a thin line that is the 99 % interval", steps.caption)


class EveryFigureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.figures = every_figure(summarised(example.export(50)))

    def test_all_are_drawn(self):
        self.assertEqual([f.name for f in self.figures],
                         ["v", "v-ends", "r", "rv", "h-0", "t-all", "t", "i", "c", "n", "n-trace",
                          "n-rounds", "k"])

    def test_ids_are_unique_and_references_resolve(self):
        joined = "".join(str(f.svg) for f in self.figures)
        ids = re.findall(r'\bid="([^"]*)"', joined)
        self.assertEqual(len(ids), len(set(ids)))
        references = re.findall(r'href="#([^"]*)"', joined) + re.findall(r"url\(#([^)]*)\)", joined)
        self.assertLessEqual(set(references), set(ids))
        self.assertTrue(references)

    def test_nothing_is_loaded_from_elsewhere(self):
        for figure in self.figures:
            for reference in re.findall(r'href="([^"]*)"', figure.svg):
                self.assertTrue(reference.startswith(("#", "data:image/png;base64,")), reference)

    def test_text_stays_text_and_axes_have_labels_with_units(self):
        words = {"v": "ratio", "v-ends": "ratio", "r": "GFLOP/s", "rv": "FLOP per byte",
                 "h-0": "dilation (taps apart)", "t-all": "%", "t": "ratio", "n": "%",
                 "i": "%", "c": "count", "n-trace": "%", "n-rounds": "round of the finals (count)",
                 "k": "MHz"}
        for figure in self.figures:
            self.assertIn(words[figure.name], " ".join(texts(figure)))
            self.assertNotIn("mathdefault", figure.svg)


class UnreliableTest(unittest.TestCase):
    def test_a_ratio_of_times_that_scatter_widely_is_not_drawn(self):
        document = example.export(36)
        document["verdicts"][0].update(best_vendor_noise=0.3, best_vendor_seconds=1e6,
                                       default_noise=0.3, default_seconds=1e6)
        found = summarised(document)
        for figure in over_vendor(found) + heatmap.draw(found, "h"):
            for text in texts(figure):
                self.assertIsNone(re.search(r"\d{5}|\d,\d{3}", text or ""), text)


class NothingTest(unittest.TestCase):
    def test_no_data_gives_no_figure(self):
        document = example.export(3, vendor=False)
        self.assertEqual(over_vendor(summarised(document)), [])
        self.assertEqual(roofline.draw(summarised(document), "rv", "vendor"), [])
        self.assertEqual(heatmap.draw(summarised(document), "h"), [])
        self.assertEqual(every_figure(summarised(document | {"verdicts": [], "measurements": []})),
                         [])

    def test_one_layer_with_one_sample_each_is_drawn(self):
        document = example.export(1)
        for row in document["measurements"]:
            row["samples"] = row["samples"][:1]
        self.assertEqual([f.name for f in every_figure(summarised(document))],
                         ["v", "r", "rv", "t", "i", "c", "k"])

    def test_equal_times_are_drawn(self):
        document = example.export(2)
        for row in document["measurements"]:
            row["samples"] = row["samples"] and [1e-3] * 5
        for verdict in document["verdicts"]:
            verdict.update(dict.fromkeys((k for k in verdict if k.endswith("seconds")), 1e-3))
        self.assertEqual(len(every_figure(summarised(document))), 8)


class SpeedupTest(unittest.TestCase):
    def one(self, ratio, rounds=15):
        """One layer on which the vendor's kernel took `ratio` times as long in every round."""
        document = example.export(1)
        verdict = document["verdicts"][0]
        verdict.update(best_generated_seconds=1e-3, best_vendor_seconds=ratio * 1e-3)
        for row in document["measurements"]:
            if row["config"] in (verdict["best_generated"], verdict["best_vendor"]):
                row["samples"] = [(ratio if row["origin"] == "vendor" else 1) * 1e-3] * rounds
        (figure,) = over_vendor(summarised(document))
        return figure

    def test_a_loss_is_hatched_and_a_gain_is_not(self):
        self.assertIn("pattern", self.one(0.5).svg)
        self.assertNotIn("pattern", self.one(2).svg)

    def test_the_ratio_stands_beside_its_bar(self):
        self.assertIn("0.50×", texts(self.one(0.5)))
        self.assertIn("2.00×", texts(self.one(2)))

    def test_a_tie_is_called_one(self):
        self.assertIn("tie: no proven difference", texts(self.one(1)))

    def test_what_few_rounds_leave_open_is_no_tie(self):
        self.assertNotIn("tie: no proven difference", texts(self.one(20, rounds=3)))
        self.assertIn("open: too few rounds", texts(self.one(20, rounds=3)))

    def test_counts_are_labelled_where_they_are_whole(self):
        for most in (2, 22, 20_000):
            with style.canvas(2) as (_, axes):
                axes.set_xlim(0, most)
                style.whole_numbers(axes.xaxis)
                self.assertEqual([place for place in axes.get_xticks() if place % 1], [])

    def test_a_thousand_layers_stay_small(self):
        figures = every_figure(summarised(example.export(1000)))
        self.assertLess(sum(len(f.svg) for f in figures), 1_000_000)
        names = [t for t in texts(figures[1]) if t.startswith("Model-")]
        self.assertLessEqual(len(names), 2 * speedup.ENDS)


class HeatmapTest(unittest.TestCase):
    def grid(self, cells):
        """Rows of a grid with default/tuned = the given ratio at each (stride, dilation, groups)."""
        document = example.export(1)
        verdict = document["verdicts"][0]
        verdicts = [
            verdict | {"problem": example.problem(2048, stride=s, dilation=d, groups=g),
                       "best_generated_seconds": 1e-3, "default_seconds": ratio * 1e-3}
            for (s, d, g), ratio in cells.items()]
        return summarised(document | {"verdicts": verdicts, "measurements": []}).rows

    def test_a_base_is_split_by_groups_with_its_speed_ups(self):
        (base,) = heatmap.bases(self.grid({(1, 1, 1): 2.0, (2, 1, 1): 3.0, (1, 4, 1): 0.5,
                                           (1, 1, 4): 1.5}))
        self.assertEqual(set(base.panels), {1, 4})
        for cell, ratio in {(1, 1): 2.0, (2, 1): 3.0, (1, 4): 0.5}.items():
            self.assertTrue(math.isclose(base.panels[1][cell], ratio))
        self.assertEqual((base.strides, base.dilations), ([1, 2], [1, 4]))

    def test_a_line_is_no_map(self):
        self.assertEqual(heatmap.bases(self.grid({(1, 1, 1): 2.0, (2, 1, 1): 3.0})), [])

    def test_a_loss_is_marked(self):
        found = summary.Summary(
            self.grid({(1, 1, 1): 2.0, (2, 1, 1): 3.0, (1, 4, 1): 0.5}), *[None] * 7)
        (figure,) = heatmap.draw(found, "h")
        self.assertIn("0.50 ▼", texts(figure))
        self.assertIn("3.00", texts(figure))


class NoiseTest(unittest.TestCase):
    def measured(self, spreads, run="a", at="2001-01-01T00:00:00Z"):
        """Candidates with these spreads: MAD / median · 1.4826 of 1 − s, 1 and 1 + s."""
        rows = []
        for turn, spread in enumerate(spreads, 1):
            s = spread / 1.4826
            rows.append(load.Measurement("a{}", "generated", "ok", "", (1 - s, 1, 1 + s), 1, 1, 0,
                                         turn, at, run))
        return rows

    def test_the_trace_follows_the_order_of_measuring(self):
        later = self.measured([0.3, 0.4], "b", "2001-01-02T00:00:00Z")
        steps, begins = noise.trace([*reversed(later), *self.measured([0.1, 0.2])])
        self.assertEqual([(place, round(middle, 9)) for place, middle, _ in steps],
                         [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)])
        self.assertEqual(begins, [(1, "2001-01-01T00:00:00Z"), (3, "2001-01-02T00:00:00Z")])

    def test_neighbours_share_a_step_where_there_are_many(self):
        steps, _ = noise.trace(self.measured([i / 1200 for i in range(1200)]))
        self.assertEqual(len(steps), 120)
        first, middle, widest = steps[1]  # 10 to 19 of 1,200
        self.assertEqual(first, 11)
        self.assertAlmostEqual(middle, 14.5 / 1200)
        self.assertAlmostEqual(widest, 18 / 1200)

    def test_rounds_are_the_winners_over_their_median(self):
        document = example.export(1)
        (verdict,) = document["verdicts"]
        for row in document["measurements"]:
            if row["config"] == verdict["winner"]:
                row["samples"] = [2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 8.0]
        self.assertEqual(noise.rounds(summarised(document).decided), [[0.5, 1, 1, 1, 1, 1, 1, 2]])


class ClockTest(unittest.TestCase):
    def drawn(self, clocks):
        document = example.export(1)
        rows = [row for row in document["measurements"] if row["outcome"] == "ok"]
        for row, value in zip(rows, clocks + [0] * len(rows)):
            row["clock_mhz"] = value
        return clock.draw(summarised(document), "k")

    def test_what_could_not_be_read_is_left_out(self):
        (figure,) = self.drawn([3600, 0, 800])
        self.assertIn("of 2 candidates: from 800 to 3,600 MHz", figure.caption)

    def test_without_a_clock_nothing_is_drawn(self):
        self.assertEqual(self.drawn([]), [])


class RooflineTest(unittest.TestCase):
    def test_generated_and_vendor_points_are_apart(self):
        document = example.export(3)
        right = [m for m in document["measurements"] if m["outcome"] == "ok"]
        for origin in ("generated", "vendor"):
            (figure,) = roofline.draw(summarised(document), "r", origin)
            count = sum(m["origin"] == origin for m in right)
            self.assertIn(f"all {count} right", figure.caption)

    def test_a_peer_is_no_vendor(self):
        alone, beside = (roofline.draw(summarised(example.export(1, peers=peers)), "r", "vendor")
                         for peers in (False, True))
        self.assertEqual([f.caption for f in beside], [f.caption for f in alone])

    def test_the_ceiling_is_the_best_point(self):
        document = example.export(1)
        row = document["measurements"][0] | {"samples": [1e-3], "flops": 2e9, "bytes": 5e6}
        (figure,) = roofline.draw(summarised(document | {"measurements": [row]}), "r", "generated")
        self.assertIn("best seen: 2000 GFLOP/s", texts(figure))
        self.assertIn("best seen: 5.00 GB/s", texts(figure))


if __name__ == "__main__":
    unittest.main()
