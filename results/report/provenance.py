"""Where the measurements come from."""

import words


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
    for title, key in (("Tool version", "tool_version"), ("Commit", "tool_commit"),
                       ("Host", "host_os"), ("Compiler", "compiler"),
                       ("Build flags", "build_flags"), ("Libraries", "libraries"),
                       ("Driver", "driver"), ("NVRTC", "nvrtc"), ("Command", "command"),
                       ("Seed", "seed")):
        values = dict.fromkeys(str(r[key]) for r in device.runs if r.get(key) not in (None, ""))
        found.append((title, "\n".join(values)))
    clocks = [m.clock_mhz for layer in device.layers for m in layer.measurements if m.clock_mhz]
    if clocks:
        found.append(("Clock", f"{min(clocks):,.0f} to {max(clocks):,.0f} MHz"))
    dates = [m.measured_at for layer in device.layers for m in layer.measurements if m.measured_at]
    if dates:
        found.append(("Measured", " to ".join(dict.fromkeys((min(dates), max(dates))))))
    found.append(("Sweeps", len(device.runs) or None))
    found.append(("Identity", device.identity))
    return [(title, text) for title, text in found if text not in (None, "", 0)]
