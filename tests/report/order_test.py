import json
import re
import unittest

import example
import load
import order
import page
import style
import summary


def loaded(document):
    export = load.load(json.dumps(document).encode())
    return export, summary.summarise(export.devices[0])


def layers(verdicts):
    """Rows of layers of these names, slowest first, whose verdicts are changed as given."""
    document = example.export(len(verdicts))
    for index, (name, change) in enumerate(verdicts.items()):
        document["labels"][index].update(model=name, layer="")
        document["verdicts"][index].update(seconds=1.0 / (index + 1), **change)
    return loaded(document)[1].rows


def sorted_by(name, rows):
    """The rows' names as the page shows them in an order."""
    places = [int(re.search(rf"--by-{name}:(\d+)", each)[1]) for each in order.places(rows)]
    return [row.name for _, row in sorted(zip(places, rows), key=lambda each: each[0])]


class PlacesTest(unittest.TestCase):
    def test_names_count_numbers_as_numbers(self):
        rows = layers(dict.fromkeys(("b", "A s10", "a s2", "7" * 5000, "²"), {}))
        self.assertEqual(sorted_by("name", rows), ["7" * 5000, "a s2", "A s10", "b", "²"])

    def test_losses_come_first_and_what_is_not_known_last(self):
        def against(seconds, **more):
            return {"best_generated_seconds": 1e-3, "best_vendor_seconds": seconds} | more

        rows = layers({"unreliable": against(1e-5, best_vendor_noise=0.5), "gain": against(2e-3),
                       "none": against(0, best_vendor=""), "loss": against(5e-4)})
        self.assertEqual(sorted_by("vendor", rows), ["loss", "gain", "unreliable", "none"])

    def test_every_layer_has_a_place_of_its_own_in_each_order(self):
        rows = loaded(example.export(50))[1].rows
        for each in order.OTHERS:
            names = sorted_by(each.name, rows)
            self.assertEqual(len(names), 50)
            places = [re.search(rf"--by-{each.name}:(\d+)", own)[1] for own in order.places(rows)]
            self.assertEqual(len(set(places)), 50)

    def test_places_hide_no_colour(self):
        (own,) = order.places(loaded(example.export(1))[1].rows)
        self.assertFalse(set(re.findall(r"--([\w-]+):", own)) & set(style.PALETTE))


class OrdersTest(unittest.TestCase):
    def test_are_those_that_tell_layers_apart(self):
        def names(document):
            return [each.name for each in order.orders(loaded(document)[1].rows)]

        self.assertEqual(names(example.export(3)), ["time", "default", "vendor", "name"])
        self.assertEqual(names(example.export(3, vendor=False)), ["time", "default", "name"])
        self.assertEqual(names(example.export(1)), [])

    def test_the_style_sheet_knows_each(self):
        export, found = loaded(example.export(3))
        html = page.render(export, [(export.devices[0], found)])
        for each in order.OTHERS:
            self.assertIn(f'class="order by-{each.name}"', html)
            self.assertIn(f".by-{each.name}:checked ~ .scroll details {{ order: var(--by-{each.name}); }}",
                          html)


if __name__ == "__main__":
    unittest.main()
