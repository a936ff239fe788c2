import json
import unittest

import example
import load
import summary
from figures import convergence


def row(times):
    """A row whose search measured candidates of these times in turn: None failed, a negative one is
    the vendor's."""
    document = example.export(1)
    problem = document["labels"][0]["problem"]
    measurements = []
    for turn, seconds in enumerate(times, 1):
        each = example.measurement(problem, f"x{{i={turn}}}", "generated", [], "failed", "no")
        if seconds is not None:
            each.update(outcome="ok", reason="", samples=[abs(seconds)] * 3)
        if seconds and seconds < 0:
            each["origin"] = "vendor"
        measurements.append(each | {"turn": turn})
    document["measurements"] = measurements[::-1]
    return summary.summarise(load.load(json.dumps(document).encode()).devices[0]).rows[0]


class BestSoFarTest(unittest.TestCase):
    def test_steps_where_a_candidate_is_better_than_all_before(self):
        self.assertEqual(convergence.best_so_far(row([8.0, 4.0, 6.0, 2.0, 3.0])),
                         [(1, 4.0), (2, 2.0), (4, 1.0), (5, 1.0)])

    def test_what_fails_and_what_is_the_vendors_takes_a_turn_and_counts_as_none(self):
        self.assertEqual(convergence.best_so_far(row([None, -1.0, 4.0, None, 2.0, -0.5])),
                         [(3, 2.0), (5, 1.0), (6, 1.0)])

    def test_without_turns_nothing_is_said(self):
        found = row([2.0, 1.0])
        for m in found.layer.measurements:
            object.__setattr__(m, "turn", 0)
        self.assertEqual(convergence.best_so_far(found), [])
        self.assertEqual(convergence.best_so_far(row([None, -1.0])), [])

    def test_near_is_within_five_percent(self):
        self.assertEqual(convergence.near_after([(1, 4.0), (3, 1.06), (7, 1.04), (9, 1.0)]), 7)
        self.assertEqual(convergence.near_after([(1, 1.0), (5, 1.0)]), 1)


if __name__ == "__main__":
    unittest.main()
