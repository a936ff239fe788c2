import json
import unittest

import example
import load


def loaded(document):
    return load.load(json.dumps(document).encode())


class RefusesTest(unittest.TestCase):
    def check(self, content, *words):
        with self.assertRaises(load.BadExport) as caught:
            load.load(content)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_what_is_no_json(self):
        self.check(b"<html>", "no JSON")

    def test_bytes_that_are_no_text(self):
        self.check(b"\xff\xfe\xff", "no JSON")

    def test_another_format(self):
        self.check(b'{"format": "other", "schema": 1}', "convtune-export")
        self.check(b"[]", "convtune-export")

    def test_a_newer_schema(self):
        self.check(b'{"format": "convtune-export", "schema": 6}', "schema 6", "reads 5")

    def test_a_row_that_lacks_a_field(self):
        document = example.export(1)
        del document["measurements"][0]["outcome"]
        self.check(json.dumps(document).encode(), "outcome")

    def test_a_number_that_is_text(self):
        document = example.export(1)
        document["measurements"][0]["turn"] = "first"
        self.check(json.dumps(document).encode(), "row", "first")

    def test_a_row_that_is_none(self):
        document = example.export(1) | {"measurements": [3]}
        self.check(json.dumps(document).encode(), "row")


class LoadTest(unittest.TestCase):
    def test_keeps_every_layer_with_its_labels_and_verdict(self):
        document = example.export(9)
        (device,) = loaded(document).devices
        self.assertEqual(len(device.layers), 9)
        for layer in device.layers:
            self.assertEqual(layer.labels[0]["problem"], layer.problem)
            self.assertIsNotNone(layer.measurement(layer.verdict.winner).seconds)

    def test_the_latest_measurement_of_a_config_counts(self):
        document = example.export(1)
        old = document["measurements"][0]
        new = old | {"samples": [7.0], "measured_at": "2002-01-01T00:00:00Z", "source_digest": "1"}
        for rows in ([old, new], [new, old]):
            (layer,) = loaded(document | {"measurements": rows}).devices[0].layers
            self.assertEqual([m.seconds for m in layer.measurements], [7.0])

    def test_keeps_a_candidates_turn_in_the_search(self):
        document = example.export(1)
        for turn, row in enumerate(document["measurements"]):
            row["turn"] = turn
        (layer,) = loaded(document).devices[0].layers
        self.assertEqual(sorted(m.turn for m in layer.measurements),
                         list(range(len(document["measurements"]))))

    def test_drops_samples_that_are_no_time(self):
        document = example.export(1)
        row = document["measurements"][0] | {"samples": [float("nan"), float("inf"), -1, 0, None, 2.0]}
        (layer,) = loaded(document | {"measurements": [row]}).devices[0].layers
        self.assertEqual(layer.measurements[0].samples, (2.0,))
        self.assertIsNone(layer.measurements[0].noise)

    def test_a_candidate_that_is_wrong_has_no_time(self):
        document = example.export(1)
        row = document["measurements"][0] | {"outcome": "wrong"}
        (layer,) = loaded(document | {"measurements": [row]}).devices[0].layers
        self.assertIsNone(layer.measurements[0].seconds)

    def test_a_zero_in_a_verdict_means_there_is_none(self):
        document = example.export(1)
        document["verdicts"][0] |= {"default_seconds": 0, "best_vendor_seconds": None}
        (layer,) = loaded(document).devices[0].layers
        self.assertIsNone(layer.verdict.default_seconds)
        self.assertIsNone(layer.verdict.best_vendor_seconds)

    def test_layers_are_kept_apart_by_device(self):
        document = example.export(2)
        document["measurements"][-1]["device"] = "cuda:other"
        devices = loaded(document).devices
        self.assertEqual([d.identity for d in devices], [example.DEVICE, "cuda:other"])
        self.assertEqual([len(d.layers) for d in devices], [2, 1])

    def test_counts_labelled_problems_without_a_row(self):
        document = example.export(2)
        document["labels"].append({"problem": example.problem(length=31)})
        self.assertEqual(loaded(document).unreached, 1)

    def test_replaces_what_no_page_can_hold(self):
        document = example.export(1)
        document["labels"][0]["model"] = "a\x00b\ud800c\nd"
        (layer,) = loaded(document).devices[0].layers
        self.assertEqual(layer.labels[0]["model"], "a\ufffdb\ufffdc\nd")

    def test_an_empty_database_is_an_export(self):
        document = {"format": "convtune-export", "schema": 5}
        self.assertEqual(loaded(document).devices, [])


class MeasurementTest(unittest.TestCase):
    def measurement(self, samples):
        return load.Measurement("a{}", "generated", "ok", "", tuple(samples), 1, 1, 0, 1, "", "")

    def test_noise_is_the_scaled_median_deviation_over_the_median(self):
        self.assertAlmostEqual(self.measurement([1, 2, 3, 4, 100]).noise, 1.4826 / 3)

    def test_config_text_is_taken_apart(self):
        self.assertEqual(load.family("cpu_direct{tile_l=6,tile_c=2}"), "cpu_direct")
        self.assertEqual(load.settings("cpu_direct{tile_l=6,tile_c=2}"),
                         [("tile_l", "6"), ("tile_c", "2")])
        self.assertEqual(load.settings("onednn{}"), [])


if __name__ == "__main__":
    unittest.main()
