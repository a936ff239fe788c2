"""The HTML page: sections in reading order, each with its figures and its words."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import jinja2
from figures import heatmap, noise, roofline, speedup, times
from markupsafe import Markup

import style
import words
from load import family, settings
from summary import MOST_NOISE, failures, total

HERE = Path(__file__).parent
MOST_FAILURES = 25


@dataclass(frozen=True)
class Section:
    name: str  # unique on the page
    title: str
    figures: list
    nothing: str  # said where there is no figure
    note: str = ""


def verdict_sentence(device, summary):
    """The report in one sentence."""
    if not summary.decided:
        return "No layer has a winner yet: run `convtune tune` on this database."
    default, vendor = summary.over_default, summary.over_vendor
    where = device.properties.get("name") or device.identity
    text = f"On {where}, {words.count(len(summary.decided), 'layer')} "
    text += "is tuned" if len(summary.decided) == 1 else "are tuned"
    if default.layers:
        text += f": the generated kernels run at {words.ratio(default.mean)} the speed of the untuned default"
    if vendor.layers:
        text += (" and at" if default.layers else ": the generated kernels run at")
        text += (f" {words.ratio(vendor.mean)} that of the vendor’s ({', '.join(summary.vendors)}), "
                 f"to which they lose on {vendor.slower} of {words.count(vendor.layers, 'layer')}")
    elif default.layers and not vendor.unreliable:
        text += "; no vendor library was measured"
    text += " (geometric means)." if default.layers or vendor.layers else "."
    unreliable = default.unreliable + vendor.unreliable
    if unreliable:
        text += (f" {words.count(unreliable, 'comparison')} of times that scatter by more than "
                 f"{MOST_NOISE:.0%} {'is' if unreliable == 1 else 'are'} left out: tune on a quiet "
                 "machine.")
    return text


def reach(total):
    """From which layer to which a mean is taken."""
    text = (f"from {words.ratio(total.worst)} to {words.ratio(total.best)} by layer"
            if total.layers > 1 else "on one layer")
    return text + (f", {total.unreliable:,} unreliable left out" if total.unreliable else "")


def key_figures(summary):
    """[(figure, what it is, detail)]"""
    default, vendor = summary.over_default, summary.over_vendor
    cut = sum(not r.verdict.complete for r in summary.decided)
    found = [(f"{len(summary.decided):,}", "layers tuned",
              f"{len(summary.undecided):,} without a winner"
              + (f", {cut:,} cut short by the budget" if cut else ""))]
    if default.layers:
        found.append((words.ratio(default.mean), "generated over untuned default",
                      reach(default)))
    if vendor.layers:
        found.append((words.ratio(vendor.mean), "generated over vendor",
                      reach(vendor)))
        found.append((f"{vendor.slower:,}", "layers lost to the vendor",
                      f"{vendor.faster:,} won, {vendor.ties:,} tied, of {vendor.layers:,}"))
    return found


def nothing(total, reason):
    """Why there is no figure of these ratios."""
    return "No ratio is reliable: the times scatter too widely." if total.unreliable else reason


def sections(summary, prefix):
    vendors = ", ".join(summary.vendors)
    found = heatmap.bases(summary.rows)
    shown = min(len(found), heatmap.MOST_BASES)
    return [
        Section("default", "Speed-up over the untuned default",
                speedup.draw(summary, f"{prefix}default", lambda r: r.over_default,
                             "the untuned default"),
                nothing(summary.over_default, "No layer has both a generated kernel and an untuned "
                        "default in its finals."),
                "Generated kernels only."),
        Section("vendor", "Generated against vendor",
                speedup.draw(summary, f"{prefix}vendor", lambda r: r.over_vendor,
                             f"the vendor’s best ({vendors})"),
                nothing(summary.over_vendor, "No vendor library was measured on this device."),
                "The best generated kernel of a layer against the best vendor kernel of the same "
                "layer, from the same finals."),
        Section("roofline", "Roofline", roofline.draw(summary, f"{prefix}roofline", "generated"),
                "No generated candidate was timed.", "Generated kernels only."),
        Section("roofline-vendor", "Roofline of the vendor’s kernels",
                roofline.draw(summary, f"{prefix}roofline-vendor", "vendor"),
                "No vendor library was measured on this device.", "Vendor kernels only."),
        Section("heatmap", "Stride × dilation", heatmap.draw(summary, f"{prefix}heatmap"),
                "No base layer was tuned at two or more strides and two or more dilations, so "
                "there is no map to draw.",
                f"The {shown} base layers with most cells, of {len(found)}."
                if len(found) > shown else ""),
        Section("times", "Candidate times", times.draw(summary, f"{prefix}times"),
                "No generated candidate was timed.",
                "Generated candidates; the vendor’s best is marked for comparison."),
        Section("noise", "Noise", noise.draw(summary, f"{prefix}noise"),
                "No candidate has three samples or more.", noise_note(summary)),
    ]


def noise_note(summary):
    tied = sum(bool(r.verdict.tied) for r in summary.decided)
    noises = [r.verdict.noise for r in summary.decided if r.verdict.noise is not None]
    if not noises:
        return ""
    return (f"The winners scatter by {words.percent(statistics.median(noises))} in the median and "
            f"{words.percent(max(noises))} at most. On {tied:,} of "
            f"{words.count(len(summary.decided), 'layer')} the winner is tied: other candidates "
            "were not proven slower.")


def class_table(summary):
    return [(name, len(rows), total(r.over_default for r in rows), total(r.over_vendor for r in rows))
            for name, rows in summary.classes()]


def provenance(device):
    """[(what, text)]: the device once, then what its runs had, each different value once."""
    p = device.properties
    unit = "threads" if p.get("kind") == "cpu" else "SMs"
    found = [("Device", p.get("name")), ("Model", p.get("model")),
             ("Kind", p.get("kind")), ("Architecture", p.get("arch")),
             (unit.capitalize() if unit == "threads" else unit, p.get("units")),
             ("L1 data cache", p.get("l1_bytes") and words.size(p["l1_bytes"])),
             ("L2 cache", p.get("l2_bytes") and words.size(p["l2_bytes"])),
             ("L3 cache", p.get("l3_bytes") and words.size(p["l3_bytes"])),
             ("Memory", p.get("memory_bytes") and words.size(p["memory_bytes"]))]
    for title, key in (("Tool version", "tool_version"), ("Host", "host_os"),
                       ("Compiler", "compiler"), ("Driver", "driver"), ("NVRTC", "nvrtc"),
                       ("Command", "command"), ("Seed", "seed")):
        values = dict.fromkeys(str(r[key]) for r in device.runs if r.get(key) not in (None, ""))
        found.append((title, "\n".join(values)))
    dates = [m.measured_at for layer in device.layers for m in layer.measurements if m.measured_at]
    if dates:
        found.append(("Measured", " to ".join(dict.fromkeys((min(dates), max(dates))))))
    found.append(("Sweeps", len(device.runs) or None))
    found.append(("Identity", device.identity))
    return [(title, text) for title, text in found if text not in (None, "", 0)]


def samples_table(row):
    """[(roles, measurement)] of the kernels that matter."""
    verdict = row.verdict
    roles = {}
    for role, config in (("winner", verdict.winner), ("best generated", verdict.best_generated),
                         ("best vendor", verdict.best_vendor),
                         ("untuned default", verdict.default_config)):
        if config:
            roles.setdefault(config, []).append(role)
    found = ((", ".join(names), row.layer.measurement(config)) for config, names in roles.items())
    return [(names, m) for names, m in found if m and m.samples]


def outcomes(row):
    counts = {}
    for m in row.layer.measurements:
        counts[m.outcome] = counts.get(m.outcome, 0) + 1
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items())


def _environment():
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)
    environment.globals.update(words=words, samples_table=samples_table, outcomes=outcomes,
                               settings=settings, family=family, most_noise=MOST_NOISE)
    environment.filters["compact_json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment


def render(export, summaries):
    """The whole page as text."""
    chapters = []
    for index, (device, summary) in enumerate(summaries):
        causes = failures(summary.rows)
        prefix = f"d{index}-"
        chapters.append({
            "prefix": prefix,
            "title": device.properties.get("name") or device.identity,
            "sentence": verdict_sentence(device, summary),
            "figures": key_figures(summary),
            "summary": summary,
            "sections": sections(summary, prefix),
            "classes": class_table(summary),
            "causes": causes[:MOST_FAILURES],
            "more_causes": causes[MOST_FAILURES:],
            "provenance": provenance(device),
        })
    colours = "".join(f"--{name}:{value};" for name, value in style.PALETTE.items())
    css = f":root{{{colours}}}\n" + (HERE / "style.css").read_text(encoding="utf-8")
    template = _environment().get_template("template.html.j2")
    return template.render(export=export, chapters=chapters, css=Markup(css))
