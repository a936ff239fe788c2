import json
import unittest

import details
import example
import load
import summary
import words


def only_layer(change=lambda document: None):
    """(device, row) of an example of one layer, as `change` left it."""
    document = example.export(1)
    change(document)
    (device,) = load.load(json.dumps(document).encode()).devices
    return device, summary.summarise(device).rows[0]


def on_gpu(document):
    document["devices"][0].update(kind="cuda", arch="sm_90a")


class CommandsTest(unittest.TestCase):
    def test_a_cpu_layer_can_be_planned_timed_and_tuned_again_with_its_seed(self):
        threads, *lines = details.commands(*only_layer())
        self.assertEqual(threads, "export CONVTUNE_NUM_THREADS=8")
        self.assertEqual([line.split()[1] for line in lines], ["plan", "bench", "tune"])
        for line, options in zip(lines, ("", "", " --seed 1 --db again.db")):
            self.assertIn(" --problem '{\"length\":16000,", line)
            self.assertTrue(line.endswith("}' --device cpu" + options), line)

    def test_the_search_is_repeated_with_the_options_that_it_had(self):
        for was, options in (("--exhaustive --budget 9", " --exhaustive"),
                             ("--candidate-limit=2.5", " --candidate-limit 2.5"),
                             ("--candidate-limit 7 --exhaustive",
                              " --exhaustive --candidate-limit 7")):
            def change(document, was=was):
                document["runs"][0]["command"] = f"convtune tune {was} --layers core"
            line = details.commands(*only_layer(change))[3]
            self.assertTrue(line.endswith(f" --device cpu --seed 1{options} --db again.db"), line)

    def test_a_cuda_kernels_source_is_a_command_away(self):
        device, row = only_layer(on_gpu)
        line = details.commands(device, row)[3]
        self.assertTrue(line.startswith("convtune source --problem "))
        best = example.export(1)["verdicts"][0]["best_generated"]
        self.assertTrue(line.endswith(f"--config '{best}' --arch sm_90a"))
        self.assertIn("does not generate what was measured", details.source(device, row, ""))

    def test_a_cuda_kernels_source_is_shown_if_it_is_what_was_measured(self):
        device, row = only_layer(on_gpu)
        shown = details.unit(row, {"0" * 32: "a unit", "1" * 32: "another"})
        self.assertEqual(shown, "a unit")
        self.assertIn("What was generated", details.source(device, row, shown))
        self.assertEqual(details.unit(row, {"1" * 32: "another"}), "")

    def test_a_cpu_kernel_has_no_source_to_print(self):
        self.assertIn("this one is cpu_direct.", details.source(*only_layer(), ""))

    def test_a_layer_without_a_winner_is_only_planned_and_timed(self):
        lines = details.commands(*only_layer(lambda document: document.update(verdicts=[])))
        self.assertEqual([line.split()[1] for line in lines[1:]], ["plan", "bench"])

    def test_a_run_that_is_lost_leaves_the_date(self):
        found = details.decided(*only_layer(lambda document: document.update(runs=[])))
        self.assertEqual(found, ("2001-01-01T00:01:00Z", ""))


class PeersTest(unittest.TestCase):
    def test_are_shown_with_their_samples_but_are_no_candidates(self):
        rows = []
        for peers in (False, True):
            (device,) = load.load(json.dumps(example.export(1, peers=peers)).encode()).devices
            rows.append(summary.summarise(device).rows[0])
        alone, beside = rows
        self.assertEqual(details.outcomes(beside), details.outcomes(alone))
        shown = [(names, m.origin) for names, m in details.roles(beside)]
        self.assertEqual(shown[-1], ("fastest peer", "peer"))
        self.assertEqual(len(shown), len(details.roles(alone)) + 1)


class SamplesTest(unittest.TestCase):
    def test_one_kernel_may_have_several_roles(self):
        def change(document):
            verdict = document["verdicts"][0]
            verdict.update(winner=verdict["best_generated"], default_config=verdict["best_generated"])
        names = [names for names, _ in details.roles(only_layer(change)[1])]
        self.assertEqual(names, ["winner, best generated, untuned default", "best vendor"])

    def test_raw_samples_keep_their_order_in_the_unit_of_the_least(self):
        self.assertEqual(words.numbers([1.5e-3, 0.25e-3, 1.123456e-3]), ("µs", "1500 250.0 1123"))


class QuartersTest(unittest.TestCase):
    def row(self, seconds):
        def change(document):
            problem = document["labels"][0]["problem"]
            document["measurements"] = [
                example.measurement(problem, f"a{{i={s}}}", "generated", [s] * 3) for s in seconds]
        return only_layer(change)[1]

    def test_by_hand(self):
        self.assertEqual(details.quarters(self.row([1e-3, 2e-3, 3e-3, 4e-3, 5e-3])),
                         "1.00 ms to 5.00 ms, half of them between 2.00 ms and 4.00 ms, median 3.00 ms")

    def test_of_three_candidates_there_are_none(self):
        self.assertEqual(details.quarters(self.row([1e-3, 2e-3, 3e-3])), "")


if __name__ == "__main__":
    unittest.main()
