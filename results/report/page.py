"""The HTML page."""

import base64
import hashlib
import html
from pathlib import Path

import details
import jinja2
import style
from compare import MOST_NOISE
from lead import key_figures, verdict_sentence
from markupsafe import Markup
from provenance import provenance
from sections import sections
from summary import failures, total

HERE = Path(__file__).parent
MOST_FAILURES = 25
MOST_CHANGES = 100
RELOAD_SECONDS = 5


def class_table(summary):
    """[(class of shape, its layers, total over default, total over vendor)]"""
    return [(name, len(rows), total(r.over_default for r in rows), total(r.over_vendor for r in rows))
            for name, rows in summary.classes()]


def _environment(units):
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE / "templates"),
                                     autoescape=True, undefined=jinja2.StrictUndefined,
                                     trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(details.globals_of_templates(), most_noise=MOST_NOISE,
                               most_changes=MOST_CHANGES, unit_of=lambda row: details.unit(row, units))
    environment.filters["text"] = lambda value: Markup(html.escape(value, quote=False))
    return environment


def _digest(script):
    """By which a page's policy allows that script and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def render(export, summaries, earlier=None, reload=False, units=None):
    """The whole page as text, from [(device, summary)]; `earlier` is the export that they were
    compared with. With `reload` the page shows its file anew every few seconds. `units`: the
    generated source of kernels by its digest."""
    chapters = []
    for index, (device, summary) in enumerate(summaries):
        causes = failures(summary.rows)
        prefix = f"d{index}-"
        chapters.append({
            "prefix": prefix,
            "device": device,
            "title": device.properties.get("name") or device.identity,
            "sentence": verdict_sentence(device, summary),
            "figures": key_figures(summary),
            "summary": summary,
            "sections": sections(summary, prefix, bool(causes), earlier is not None),
            "classes": class_table(summary),
            "causes": causes[:MOST_FAILURES],
            "more_causes": causes[MOST_FAILURES:],
            "provenance": provenance(device),
        })
    colours = "".join(f"--{name}:{value};" for name, value in style.PALETTE.items())
    css = f":root{{{colours}}}\n" + (HERE / "style.css").read_text(encoding="utf-8")
    script = (HERE / "find.js").read_text(encoding="utf-8")
    template = _environment(units or {}).get_template("page.html.j2")
    return template.render(export=export, earlier=earlier, chapters=chapters, css=Markup(css),
                           script=Markup(script), script_digest=_digest(script), reload=RELOAD_SECONDS if reload else 0)
