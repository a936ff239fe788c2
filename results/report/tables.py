"""The layers of a report as CSV and JSON, for other programs. Times in seconds; a ratio is the
other kernel's time over that of the best generated one; None (empty) where there is no figure."""

import csv
import io
import json

import words
from figures import convergence, importance


def record(device, row):
    verdict = row.verdict
    label = (row.layer.labels or [{}])[0]
    steps = convergence.best_so_far(row)
    known = {} if verdict is None else {
        "winner": verdict.winner,
        "winner_origin": verdict.origin,
        "seconds": verdict.seconds,
        "noise": verdict.noise,
        "confidence": verdict.confidence,
        "tied": list(verdict.tied),
        "default_config": verdict.default_config,
        "default_seconds": verdict.default_seconds,
        "default_noise": verdict.default_noise,
        "best_generated": verdict.best_generated,
        "best_generated_seconds": verdict.best_generated_seconds,
        "best_generated_noise": verdict.best_generated_noise,
        "best_vendor": verdict.best_vendor,
        "best_vendor_seconds": verdict.best_vendor_seconds,
        "best_vendor_noise": verdict.best_vendor_noise,
        "space": verdict.candidates,
        "screened": verdict.measured,
        "search_complete": verdict.complete,
    }
    compared = {}
    for name, c in (("default", row.over_default), ("vendor", row.over_vendor),
                    ("peer", row.over_peer), ("earlier", row.over_earlier)):
        compared[f"generated_over_{name}"] = c and c.ratio
        low, high = (c and c.interval) or (None, None)
        compared[f"generated_over_{name}_low"] = low
        compared[f"generated_over_{name}_high"] = high
        compared[f"generated_against_{name}"] = c and c.standing.value
    return {
        "device": device.identity,
        "model": label.get("model") or "",
        "layer": label.get("layer") or "",
        "shape_class": words.shape_class(row.layer),
        "problem": row.layer.problem,
        **dict.fromkeys(_VERDICT_KEYS),
        **known,
        **compared,
        "candidates": len(row.candidates),
        "right": len(row.measured),
        "failed": len(row.failed),
        "near_after": convergence.near_after(steps) if steps else None,
    }


_VERDICT_KEYS = (
    "winner", "winner_origin", "seconds", "noise", "confidence", "tied", "default_config",
    "default_seconds", "default_noise", "best_generated", "best_generated_seconds",
    "best_generated_noise", "best_vendor", "best_vendor_seconds", "best_vendor_noise", "space",
    "screened", "search_complete",
)


def _records(summaries):
    return [record(device, row) for device, summary in summaries for row in summary.rows]


def to_csv(summaries):
    """One line a layer; structures are JSON texts. The header stands even without layers."""
    records = _records(summaries)
    out = io.StringIO()
    names = list(records[0]) if records else ["device", "problem", *_VERDICT_KEYS]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for entry in records:
        writer.writerow({k: json.dumps(v) if isinstance(v, (dict, list)) else v
                         for k, v in entry.items()})
    return out.getvalue()


def to_json(export, summaries):
    """{"format": "convtune-report", "export_digest", "devices": [...], "layers": [...]}."""
    devices = [
        {
            "device": device.identity,
            "name": device.properties.get("name"),
            "tuned": len(summary.decided),
            "undecided": len(summary.undecided),
            "generated_over_default": vars(summary.over_default),
            "generated_over_vendor": vars(summary.over_vendor),
            "generated_over_peer": vars(summary.over_peer),
            "generated_over_earlier": vars(summary.over_earlier),
            "settings": [vars(each) for each in importance.effects(summary.rows)],
        }
        for device, summary in summaries
    ]
    document = {"format": "convtune-report", "schema": 1, "export_digest": export.digest,
                "devices": devices, "layers": _records(summaries)}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
