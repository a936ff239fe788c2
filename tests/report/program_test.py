import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import example
import load

PROGRAM = Path(load.__file__).parent


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_program(self, *arguments, text="", **environment):
        return subprocess.run([sys.executable, "-B", PROGRAM, *arguments], input=text, text=True,
                              capture_output=True, cwd=self.folder,
                              env=os.environ | environment)

    def test_reads_standard_input_and_writes_three_files(self):
        document = example.export(3)
        done = self.run_program("--output", "new/folder/page.html", "--csv", "layers.csv", "--json",
                                "figures.json", text=json.dumps(document))
        names = ("new/folder/page.html", "layers.csv", "figures.json")
        self.assertEqual((done.returncode, done.stdout.splitlines(), done.stderr),
                         (0, [str(self.folder / name) for name in names], ""))
        self.assertIn("<!DOCTYPE html>", (self.folder / "new/folder/page.html").read_text())
        with open(self.folder / "layers.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        figures = json.loads((self.folder / "figures.json").read_text())
        self.assertEqual(len(rows), 3)
        for row, layer in zip(rows, figures["layers"]):
            verdict = next(v for v in document["verdicts"] if v["problem"] == layer["problem"])
            self.assertEqual(json.loads(row["problem"]), verdict["problem"])
            self.assertEqual(float(row["generated_over_default"]),
                             verdict["default_seconds"] / verdict["best_generated_seconds"])
            self.assertEqual(layer["winner"], verdict["winner"])

    def test_reads_a_file(self):
        (self.folder / "export.json").write_text(json.dumps(example.export(1)))
        self.assertEqual(self.run_program("export.json").returncode, 0)
        self.assertTrue((self.folder / "report.html").exists())

    def test_writes_the_page_to_standard_output(self):
        done = self.run_program("--output", "-", text=json.dumps(example.export(1)))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith("<!DOCTYPE html>"))
        self.assertTrue(done.stdout.rstrip().endswith("</html>"))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_layers_without_a_winner_have_empty_fields(self):
        document = example.export(1) | {"verdicts": []}
        self.run_program("--csv", "layers.csv", "--json", "figures.json", text=json.dumps(document))
        layer = json.loads((self.folder / "figures.json").read_text())["layers"][0]
        self.assertIsNone(layer["seconds"])
        self.assertIsNone(layer["generated_over_default"])
        self.assertGreater(layer["candidates"], 0)

    def test_an_empty_database_has_a_table_with_a_header_only(self):
        self.run_program("--csv", "layers.csv", text='{"format":"convtune-export","schema":5}')
        self.assertEqual(len((self.folder / "layers.csv").read_text().splitlines()), 1)

    def test_what_is_no_export_ends_with_4_and_writes_nothing(self):
        done = self.run_program(text="{}")
        self.assertEqual(done.returncode, 4)
        self.assertIn("convtune db export", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_regression_ends_with_1_and_the_page_is_written(self):
        document, earlier = example.export(2), example.export(2)
        earlier["verdicts"][1]["best_generated_seconds"] /= 2
        (self.folder / "earlier.json").write_text(json.dumps(earlier))
        done = self.run_program("--against", "earlier.json", "--json", "figures.json",
                                text=json.dumps(document))
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 layer became slower", done.stderr)
        self.assertIn("1 layer of 2 became slower than in the earlier database",
                      (self.folder / "report.html").read_text())
        layers = json.loads((self.folder / "figures.json").read_text())["layers"]
        ratios = sorted(layer["generated_over_earlier"] for layer in layers)
        self.assertEqual([round(r, 9) for r in ratios], [0.5, 1])

    def test_an_earlier_file_that_is_no_export_ends_with_4(self):
        (self.folder / "earlier.json").write_text("{}")
        done = self.run_program("--against", "earlier.json", text=json.dumps(example.export(1)))
        self.assertEqual(done.returncode, 4)

    def test_a_page_that_cannot_be_written_ends_with_4(self):
        (self.folder / "file").write_text("")
        done = self.run_program("--output", "file/page.html", text=json.dumps(example.export(1)))
        self.assertEqual(done.returncode, 4)
        self.assertIn("file/page.html cannot be written (File exists); check its folder",
                      done.stderr)

    def test_a_full_standard_output_ends_with_4(self):
        for arguments in ([], ["--output", "-"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([sys.executable, "-B", PROGRAM, *arguments], cwd=self.folder,
                                      input=json.dumps(example.export(1)), text=True, stdout=full,
                                      stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("standard output cannot be written (No space left", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_a_page_is_replaced_whole_and_nothing_is_left_beside_it(self):
        page = self.folder / "report.html"
        page.write_text("earlier")
        page.chmod(0o640)
        with open(page) as reader:
            self.run_program(text=json.dumps(example.export(1)))
            self.assertEqual(reader.read(), "earlier", "written into the file that is being read")
        self.assertTrue(page.read_text().rstrip().endswith("</html>"))
        self.assertEqual(page.stat().st_mode & 0o777, 0o640)
        self.assertEqual(list(self.folder.iterdir()), [page])

    def test_a_symbolic_link_stays_one(self):
        (self.folder / "report.html").symlink_to("page.html")
        self.run_program(text=json.dumps(example.export(1)))
        self.assertTrue((self.folder / "report.html").is_symlink())
        self.assertIn("<!DOCTYPE html>", (self.folder / "page.html").read_text())

    def test_what_is_no_file_is_written_into(self):
        done = self.run_program("--output", "/dev/null", text=json.dumps(example.export(1)))
        self.assertEqual(done.returncode, 0)
        self.assertTrue(Path("/dev/null").is_char_device())

    def test_only_a_page_of_a_running_sweep_reloads_itself(self):
        for arguments in ([], ["--reload"]):
            done = self.run_program(*arguments, text=json.dumps(example.export(1)))
            page = (self.folder / "report.html").read_text()
            self.assertEqual('http-equiv="refresh"' in page, bool(arguments))
            self.assertEqual(done.stdout == "", bool(arguments))

    def test_a_missing_package_ends_with_3_and_says_what_to_install(self):
        for package in ("matplotlib", "jinja2"):
            (self.folder / f"{package}.py").write_text(f"raise ImportError(name='{package}')")
            done = self.run_program(PYTHONPATH=str(self.folder))
            self.assertEqual(done.returncode, 3)
            self.assertIn(f"needs Python's {package}", done.stderr)
            self.assertIn("apt install python3-matplotlib python3-jinja2", done.stderr)
            (self.folder / f"{package}.py").unlink()


if __name__ == "__main__":
    unittest.main()
