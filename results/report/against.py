"""Comparing an export with an earlier one, device by device and layer by layer."""

import sys

import summary
import words
from compare import Standing

MOST_NAMED = 20  # regressions on stderr; the page has more


def summaries(export, earlier):
    """[(device, summary)], each with what the earlier export holds of the same device."""
    then = {device.identity: device for device in earlier.devices} if earlier else {}
    return [(d, summary.summarise(d, then.get(d.identity))) for d in export.devices]


def exit_code(compared):
    """Of a comparison; stderr says what is behind it."""
    totals = [found.over_earlier for _, found in compared]
    slower = [r for _, found in compared for r in found.changed()
              if r.over_earlier.standing is Standing.slower]
    if slower:
        print(f"convtune: {words.count(len(slower), 'layer')} became slower by more than noise:",
              file=sys.stderr)
    for row in slower[:MOST_NAMED]:
        print(f"  {row.name}: {words.seconds(row.then.best_generated_seconds)} then, "
              f"{words.seconds(row.verdict.best_generated_seconds)} now", file=sys.stderr)
    unreliable = sum(t.unreliable for t in totals)
    if unreliable:
        print(f"convtune: of {words.count(unreliable, 'layer')} nothing can be said: the times "
              "scatter too widely in one of the databases", file=sys.stderr)
    nothing = not any(t.layers or t.unreliable for t in totals)
    if nothing:
        print("convtune: nothing can be compared: the databases have no device with a layer that "
              "has a generated kernel in both", file=sys.stderr)
    return 1 if slower or nothing else 0
