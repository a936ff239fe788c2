import base64
import hashlib
import json
import re
import shlex
import unittest
from html.parser import HTMLParser

import against
import example
import load
import page
import summary
import words


def rendered(document):
    export = load.load(json.dumps(document).encode())
    return page.render(export, [(d, summary.summarise(d)) for d in export.devices])


class Reader(HTMLParser):
    """Elements, ids, references and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.references, self.events, self.words = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src", "xlink:href"):
                self.references.append(value)
            elif name.startswith("on"):
                self.events.append(name)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = example.export(12)
        cls.html = rendered(cls.document)
        cls.page = Reader(cls.html)

    def test_needs_nothing_from_elsewhere(self):
        for reference in self.page.references:
            self.assertTrue(reference.startswith(("#", "data:image/png;base64,")), reference)
        self.assertNotIn("@import", self.html)

    def test_only_its_own_script_may_run(self):
        (script,) = re.findall(r"<script>(.*?)</script>", self.html, re.S)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', self.html)
        self.assertEqual(dict(each.split(maxsplit=1) for each in policy.split("; ")),
                         {"default-src": "'none'", "style-src": "'unsafe-inline'",
                          "img-src": "data:", "script-src": f"'sha256-{digest}'"})

    def test_many_layers_have_a_box_to_find_some_which_a_script_must_uncover(self):
        box = '<p class="find" hidden>'
        self.assertEqual(self.html.count(box), 1)
        self.assertNotIn(box, rendered(example.export(1)))
        export = load.load(json.dumps(self.document).encode())
        self.assertNotIn(box, page.render(export, [(d, summary.summarise(d)) for d in export.devices],
                                          reload=True))

    def test_ids_are_unique_and_references_resolve(self):
        self.assertEqual(len(self.page.ids), len(set(self.page.ids)))
        for reference in self.page.references:
            if reference.startswith("#"):
                self.assertIn(reference[1:], self.page.ids)

    def test_every_layer_folds_out_and_shows_what_it_holds(self):
        self.assertEqual(self.page.tags.count("details"), 12)
        for shown in ("Decided 2001-01-01T00:01:00Z by convtune tune --layers example Samples",
                      "right generated ones take", "CPU kernels are part of the program",
                      "}' --device cpu --seed 1 --db again.db"):
            self.assertEqual(self.page.text.count(shown), 12, shown)

    def test_shows_the_generated_unit_of_a_kernel(self):
        export = load.load(json.dumps(self.document).encode())
        shown = page.render(export, [(d, summary.summarise(d)) for d in export.devices],
                            units={"0" * 32: '#include "kernel.cuh"\nf<{.tile = 4}>(a && b);\n'})
        self.assertEqual(shown.count('<pre>#include "kernel.cuh"\nf&lt;{.tile = 4}&gt;(a &amp;&amp; b);</pre>'), 12)

    def test_the_digest_is_the_exports(self):
        export = load.load(json.dumps(self.document).encode())
        self.assertIn(export.digest, self.page.text)

    def test_sections_come_in_reading_order(self):
        headings = ["Generated against vendor", "Speed-up over the untuned default", "Roofline",
                    "Stride × dilation", "Candidate times", "Which setting matters", "Search",
                    "Failed candidates", "Noise", "Clock", "All layers", "Provenance"]
        places = [self.html.index(f"<h2>{heading}</h2>") for heading in headings]
        self.assertEqual(places, sorted(places))

    def test_the_same_data_gives_the_same_bytes(self):
        self.assertEqual(rendered(self.document), self.html)


class VerdictTest(unittest.TestCase):
    def test_gives_the_figures_in_one_sentence(self):
        document = example.export(2)
        for verdict, default, vendor in zip(document["verdicts"], (8e-3, 2e-3), (4e-3, 0.25e-3)):
            verdict.update(best_generated_seconds=1e-3, default_seconds=default,
                           best_vendor_seconds=vendor)
            for row in document["measurements"]:
                if row["problem"] == verdict["problem"] and row["outcome"] == "ok":
                    row["samples"] = [vendor if row["origin"] == "vendor" else 1e-3] * 15
        text = Reader(rendered(document)).text
        self.assertIn("On Example CPU (synthetic data), 2 layers are tuned: the generated kernels "
                      "run at 4.00× the speed of the untuned default and at 1.00× that of the "
                      "vendor’s (onednn), to which they lose on 1 of 2 layers", text)

    def test_says_how_many_layers_were_measured_too_briefly(self):
        document = example.export(2)
        for row in document["measurements"]:
            if row["problem"] == document["verdicts"][0]["problem"]:
                row["samples"] = row["samples"][:5]
        text = Reader(rendered(document)).text
        self.assertIn("of 2 layers, with 1 more measured too briefly to tell (geometric means)", text)
        self.assertIn("1 open, of 2", text)

    def test_says_that_no_vendor_was_measured(self):
        text = Reader(rendered(example.export(3, vendor=False))).text
        self.assertIn("no vendor library was measured", text)
        self.assertIn("No vendor library was measured on this device.", text)

    def test_says_that_no_layer_has_a_winner(self):
        text = Reader(rendered(example.export(3) | {"verdicts": []})).text
        self.assertIn("No layer has a winner yet", text)

    def test_says_what_the_budget_cut_short(self):
        document = example.export(3)
        self.assertNotIn("cut short", Reader(rendered(document)).text)
        document["verdicts"][1].update(complete=False, candidates=1000, measured=7)
        text = Reader(rendered(document)).text
        self.assertIn("1 cut short by the budget", text)
        self.assertIn("7 of 1,000 candidates measured; the budget cut it short", text)

    def test_marks_ratios_of_times_that_scatter_widely_and_leaves_them_out(self):
        document = example.export(3)
        document["verdicts"][1].update(best_vendor_noise=0.36, best_vendor_seconds=9.0,
                                       best_generated_seconds=1e-3)
        html = rendered(document)
        text = Reader(html).text
        self.assertIn('<span class="unreliable">9,000×</span>', html)
        self.assertEqual(text.count("9,000×"), 1)
        self.assertIn("1 comparison of times that scatter by more than 20 % is left out", text)
        self.assertIn("by layer, 1 unreliable left out", text)
        self.assertIn("1 unreliable ratio left out.", text)

    def test_says_that_no_ratio_is_reliable(self):
        document = example.export(2)
        for verdict in document["verdicts"]:
            verdict.update(best_generated_noise=0.5)
        text = Reader(rendered(document)).text
        self.assertIn("No ratio is reliable", text)

    def test_one_layer_has_no_range(self):
        text = Reader(rendered(example.export(1))).text
        self.assertIn("on one layer", text)
        self.assertNotIn("by layer", text)

    def test_says_that_there_is_no_map(self):
        self.assertIn("so there is no map to draw", Reader(rendered(example.export(3))).text)


class PeersTest(unittest.TestCase):
    def test_have_a_section_only_if_they_were_measured(self):
        title = "Generated against peers"
        self.assertNotIn(title, Reader(rendered(example.export(1))).text)
        text = Reader(rendered(example.export(1, vendor=False, peers=True))).text
        self.assertIn(title, text)
        self.assertIn("what other programs took on this device: torch_conv1d.", text)
        self.assertIn("no vendor library was measured", text)


class EarlierTest(unittest.TestCase):
    def compared(self, change):
        document, earlier = example.export(3), example.export(3)
        change(earlier)
        now, then = (load.load(json.dumps(d).encode()) for d in (document, earlier))
        return Reader(page.render(now, against.summaries(now, then), then)).text

    def test_regressions_come_first_with_their_noise_and_lost_winners_are_named(self):
        def change(earlier):
            for verdict, factor in zip(earlier["verdicts"], (2, 0.25, 1)):
                verdict["best_generated_seconds"] *= factor
            earlier["verdicts"].append(earlier["verdicts"][0] | {"problem": example.problem(77)})
        text = self.compared(change)
        self.assertIn("1 layer of 3 became slower than in the earlier database. On", text)
        self.assertIn("of 1 are slower beyond noise, of 1 faster, of 1 unchanged", text)
        # 3 · √2 · 1.2 % is 5.1 %
        places = [text.index("0.25× 0.24× – 0.26× 1.00×"), text.index("2.00× 1.90× – 2.10× 1.00×")]
        self.assertEqual(places, sorted(places))
        self.assertIn("With a winner then and none here: NCL 1×64×77", text)

    def test_says_that_nothing_can_be_compared(self):
        text = self.compared(lambda earlier: earlier.update(verdicts=[]))
        self.assertIn("No layer of this device has a generated kernel in both", text)


class EmptyTest(unittest.TestCase):
    def test_says_so(self):
        text = Reader(rendered({"format": "convtune-export", "schema": 5})).text
        self.assertIn("The database is empty", text)

    def test_a_device_without_measurements_says_so(self):
        document = example.export(1) | {"measurements": [], "verdicts": [], "labels": []}
        self.assertIn("Nothing was measured on this device", Reader(rendered(document)).text)


class HostileTest(unittest.TestCase):
    TEXTS = ('</script><img src=x onerror=alert(1)>', '"><svg onload=alert(2)>', "{{ 7 * 7 }}",
             "$\\frac{1}{0$", "</svg><style>*{display:none}</style>", "a\x00\x1b[31mb", "漢字 ∂",
             "\ud800", "' OR 1=1 --", "&amp;")

    def document(self):
        """One layer a text, which stands wherever a page shows text that others wrote."""
        document = example.export(len(self.TEXTS))
        for label, text in zip(document["labels"], self.TEXTS):
            label.update(model=text, shape_class=text)
        for row, text in zip(document["measurements"], self.TEXTS):
            row.update(outcome="failed", reason=text)
        document["devices"][0]["name"] = document["runs"][0]["command"] = " ".join(self.TEXTS)
        return document

    def test_texts_are_shown_and_never_run(self):
        plain = Reader(rendered(example.export(len(self.TEXTS))))
        html = rendered(self.document())
        found = Reader(html)
        for tag in ("svg", "script"):
            self.assertEqual(found.tags.count(tag), plain.tags.count(tag))
        self.assertEqual(found.tags.count("style"), 1)
        self.assertNotIn("img", found.tags)
        self.assertEqual(found.events, [])
        self.assertIn(self.TEXTS[0], found.text)
        html.encode()

    def test_shell_lines_survive_quotes(self):
        problem = example.problem() | {"dtype": "it's; rm -rf $HOME"}
        command = shlex.split(words.shell("plan", problem))
        self.assertEqual(command[:3], ["convtune", "plan", "--problem"])
        self.assertEqual(json.loads(command[3]), {
            "length": 256, "in_channels": 64, "out_channels": 64, "kernel_size": 3, "padding": [1, 1],
            "has_bias": True, "layout": "NCL", "dtype": "it's; rm -rf $HOME"})

    def test_shell_lines_hold_what_differs_from_the_command_lines_defaults(self):
        problem = example.problem(99, 8, 4, 1, 2, 3, 2) | {"activation": "gelu", "layout": "NLC",
                                                           "has_bias": False}
        self.assertEqual(words.shell("tune", problem, db="a b.db"),
                         "convtune tune --problem '{\"length\":99,\"in_channels\":8,"
                         "\"out_channels\":4,\"kernel_size\":1,\"stride\":2,\"dilation\":3,"
                         "\"num_groups\":2,\"activation\":\"gelu\"}' --db 'a b.db'")


class ManyTest(unittest.TestCase):
    def test_a_thousand_layers_make_a_page_of_some_megabytes(self):
        html = rendered(example.export(1000))
        self.assertEqual(Reader(html).tags.count("details"), 1000)
        self.assertLess(len(html), 6_000_000)

    def test_two_devices_are_two_chapters(self):
        document = example.export(4)
        for verdict in document["verdicts"][2:]:
            verdict["device"] = "cuda:other"
        reader = Reader(rendered(document))
        self.assertEqual(reader.tags.count("article"), 2)
        self.assertEqual(len(reader.ids), len(set(reader.ids)))


class WordsTest(unittest.TestCase):
    def test_times_keep_three_digits(self):
        for value, text in ((1.5, "1.50 s"), (0.0325, "32.5 ms"), (1.234e-5, "12.3 µs"),
                            (9.9e-8, "99.0 ns"), (1e-12, "0.00100 ns"), (1234.5, "1234 s"),
                            (None, "–")):
            self.assertEqual(words.seconds(value), text)

    def test_a_problem_in_one_line(self):
        problem = example.problem(3000, 80, 384) | {"activation": "gelu"}
        self.assertEqual(words.describe(problem),
                         "NCL 1×80×3000 → 384, K3 s1 p1,1 d1 g1 float32 gelu")
        self.assertEqual(words.describe(problem | {"layout": "NLC"})[:15], "NLC 1×3000×80 →")


if __name__ == "__main__":
    unittest.main()
