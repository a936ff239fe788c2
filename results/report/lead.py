"""The verdict: the report in one sentence, and its key figures."""

import words
from compare import MOST_NOISE


def verdict_sentence(device, summary):
    """The report in one sentence."""
    if not summary.decided:
        return "No layer has a winner yet: run `convtune tune` on this database."
    default, vendor = summary.over_default, summary.over_vendor
    where = device.properties.get("name") or device.identity
    text = f"On {where}, {words.count(len(summary.decided), 'layer')} "
    text += "is tuned" if len(summary.decided) == 1 else "are tuned"
    if default.layers:
        text += (f": the generated kernels run at {words.ratio(default.mean)} the speed of the "
                 "untuned default")
    if vendor.layers:
        text += (" and at" if default.layers else ": the generated kernels run at")
        text += (f" {words.ratio(vendor.mean)} that of the vendor’s ({', '.join(summary.vendors)}), "
                 f"to which they lose on {vendor.slower} of {words.count(vendor.layers, 'layer')}")
        if vendor.open:
            text += f", with {vendor.open:,} more measured too briefly to tell"
    elif default.layers and not vendor.unreliable:
        text += "; no vendor library was measured"
    text += " (geometric means)." if default.layers or vendor.layers else "."
    if summary.over_earlier.slower:
        text = (f"{words.count(summary.over_earlier.slower, 'layer')} of "
                f"{summary.over_earlier.layers:,} became slower than in the earlier database. {text}")
    unreliable = default.unreliable + vendor.unreliable
    if unreliable:
        text += (f" {words.count(unreliable, 'comparison')} of times that scatter by more than "
                 f"{words.percent(MOST_NOISE, 0)} {'is' if unreliable == 1 else 'are'} left out: "
                 "tune on a quiet machine.")
    return text


def reach(total):
    """From which layer to which a mean is taken."""
    text = (f"from {words.ratio(total.worst)} to {words.ratio(total.best)} by layer"
            if total.layers > 1 else "on one layer")
    return text + (f", {total.unreliable:,} unreliable left out" if total.unreliable else "")


def key_figures(summary):
    """[(figure, what it is, detail)]"""
    default, vendor, peer = summary.over_default, summary.over_vendor, summary.over_peer
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
                      f"{vendor.faster:,} won, {vendor.ties:,} tied, "
                      + (f"{vendor.open:,} open, " if vendor.open else "")
                      + f"of {vendor.layers:,}"))
    if peer.layers:
        found.append((words.ratio(peer.mean), "generated over peers", reach(peer)))
    return found
