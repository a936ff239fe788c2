import re
import unittest
import xml.etree.ElementTree as ET

import example
import load
import strip
import summary


def drawn(times, default=None, vendor=None):
    """The strip of a layer whose generated candidates took these seconds, as (Strip, elements)."""
    layer = load.Layer(example.problem())
    for index, seconds in enumerate(times):
        layer.measurements.append(load.Measurement(f"a{{i={index}}}", "generated", "ok", "",
                                                   (seconds,), 1, 1, 0, 1, "", "run"))
    layer.verdict = load.Verdict(
        winner="a{i=0}", origin="generated", tied=(), seconds=min(times), noise=0, confidence=0.99,
        default_config="", default_seconds=default, default_noise=0, best_generated="a{i=0}",
        best_generated_seconds=min(times), best_generated_noise=0, best_vendor="",
        best_vendor_seconds=vendor, best_vendor_noise=0, candidates=1, measured=1, complete=True,
        decided_at="", run="run")
    found = strip.draw(summary.row(layer))
    return found, list(ET.fromstring(found.svg))


def places(element):
    return [int(x) for x in re.findall(r"M(\d+)", element.get("d"))]


class StripTest(unittest.TestCase):
    def test_times_lie_evenly_on_a_log_scale(self):
        found, (lines, best) = drawn([1.0, 10.0, 100.0])
        self.assertEqual((found.least, found.most), (1.0, 100.0))
        self.assertEqual(places(lines), [6, 200, 394])
        self.assertEqual((best.get("class"), places(best)), ("g", [6]))

    def test_default_and_vendor_are_marked_and_may_lie_at_the_ends(self):
        found, (_, best, default, vendor) = drawn([4.0, 8.0], default=16.0, vendor=1.0)
        self.assertEqual((found.least, found.most), (1.0, 16.0))
        self.assertEqual([e.get("class") for e in (best, default, vendor)], ["g", "d", "v"])
        self.assertEqual([places(e) for e in (best, default, vendor)], [[200], [394], [6]])

    def test_one_time_lies_in_the_middle(self):
        self.assertEqual(places(drawn([3.0])[1][0]), [200])

    def test_thousands_of_candidates_take_no_more_lines_than_there_are_places(self):
        lines = drawn([1 + i / 5000 for i in range(5000)])[1][0]
        self.assertLessEqual(len(places(lines)), strip.WIDTH)

    def test_without_a_time_there_is_none(self):
        layer = load.Layer(example.problem())
        layer.verdict = load.Verdict("a{}", "generated", (), *[None] * 3, "", None, None, "", None,
                                     None, "", None, None, 1, 1, True, "", "")
        self.assertIsNone(strip.draw(summary.row(layer)))


if __name__ == "__main__":
    unittest.main()
