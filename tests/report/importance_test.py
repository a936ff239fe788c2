import json
import random
import unittest

import example
import load
import summary
from figures import importance


def rows(*layers):
    """One row a layer: {config: seconds}."""
    document = example.export(len(layers))
    problems = [label["problem"] for label in document["labels"]]
    document["measurements"] = [
        example.measurement(problem, config, "vendor" if config.startswith("v") else "generated",
                            [seconds] * 3)
        for problem, times in zip(problems, layers) for config, seconds in times.items()]
    return summary.summarise(load.load(json.dumps(document).encode()).devices[0]).rows


def grid(time):
    return {f"f{{a={a},b={b}}}": time(a, b) for a in range(3) for b in range(3)}


class ExplainedTest(unittest.TestCase):
    def test_by_hand(self):
        # Groups (0, 2) and (3, 5): S = 6.25 + 0.25 + 0.25 + 6.25 = 13, W = 1 + 1 + 1 + 1 = 4,
        # n = 4, k = 2: 1 - (4 / 2) / (13 / 3).
        self.assertAlmostEqual(importance.explained([[0, 2], [3, 5]]), 1 - 2 / (13 / 3))

    def test_all_if_nothing_varies_within(self):
        self.assertEqual(importance.explained([[1, 1], [2, 2, 2]]), 1)

    def test_is_not_defined_with_one_value_or_one_candidate_a_value_or_equal_times(self):
        for groups in ([[1, 2, 3]], [[1], [2], [3]], [[1, 1], [1, 1]]):
            self.assertIsNone(importance.explained(groups))

    def test_chance_alone_explains_nothing_on_average(self):
        rng = random.Random(3)
        draws = [importance.explained([[rng.gauss(0, 1) for _ in range(3)] for _ in range(5)])
                 for _ in range(2000)]
        self.assertLess(abs(sum(draws) / len(draws)), 0.02)


class EffectsTest(unittest.TestCase):
    def test_a_setting_alone_explains_all_and_the_other_none(self):
        (found,) = importance.effects(rows(grid(lambda a, b: 1e-3 * 2.0**a)))
        self.assertEqual(list(found.shares), ["a", "b"])
        self.assertAlmostEqual(found.shares["a"], 1)
        self.assertLess(found.shares["b"], 0)
        self.assertAlmostEqual(found.spread, 4)

    def test_settings_that_multiply_share_the_variance(self):
        # log2 of the time is a + 2 b: variances 1 and 4 of 5; less what chance would explain:
        # S = 6 + 24 = 30 of n = 9, W = 24 and 6, so 1 - (24 / 6) / (30 / 8) and 1 - (6 / 6) / ...
        (found,) = importance.effects(rows(grid(lambda a, b: 2.0 ** (a + 2 * b))))
        self.assertAlmostEqual(found.shares["a"], 1 - 4 / 3.75)
        self.assertAlmostEqual(found.shares["b"], 1 - 1 / 3.75)

    def test_layers_are_averaged_each_for_itself(self):
        """A layer that is slower as a whole says nothing of the settings."""
        (found,) = importance.effects(rows(grid(lambda a, b: 2.0**a),
                                           grid(lambda a, b: 1e-6 * 2.0**b)))
        self.assertEqual(found.layers, 2)
        alone = 1 - (6 / 6) / (6 / 8)  # of a setting without influence beside one with all
        self.assertAlmostEqual(found.shares["a"], (1 + alone) / 2)
        self.assertAlmostEqual(found.shares["b"], (1 + alone) / 2)

    def test_vendors_and_families_with_few_candidates_are_left_out(self):
        few = dict(list(grid(lambda a, b: 2.0**a).items())[: importance.LEAST - 1])
        vendor = {f"v{{a={a}}}": 1.0 + a % 3 for a in range(20)}
        self.assertEqual(importance.effects(rows(few | vendor)), [])


if __name__ == "__main__":
    unittest.main()
