"""convtune's report: reads the JSON of `convtune db export`, writes one HTML page.

Names the files written on standard output, unless one of them is that.
Exit codes are the command line's: 0 done, 1 slower than the earlier database or nothing to compare
with it, 2 usage, 3 a Python package is missing, 4 a file."""

import argparse
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

try:
    import jinja2  # noqa: F401
    import matplotlib  # noqa: F401
except ImportError as missing:
    print(f"convtune: the report needs Python's {missing.name}, which {sys.executable} lacks: "
          "install matplotlib and jinja2 (Debian: apt install python3-matplotlib python3-jinja2; "
          "elsewhere: pip install matplotlib jinja2), or name another interpreter in "
          "CONVTUNE_PYTHON", file=sys.stderr)
    sys.exit(3)

import against
import load
import page
import tables


class Unwritten(Exception):
    """An output that could not be written, and why."""


def arguments():
    parser = argparse.ArgumentParser(prog="report", description=__doc__.partition("\n")[0])
    parser.add_argument("export", nargs="?", default="-", help="export file; - is standard input")
    parser.add_argument("--against", type=Path, help="an earlier export to compare with")
    parser.add_argument("--output", type=Path, default=Path("report.html"),
                        help="the page; - is standard output, as for the others")
    parser.add_argument("--csv", type=Path, help="the table of layers as CSV")
    parser.add_argument("--json", type=Path, help="all figures as JSON")
    parser.add_argument("--units", type=Path,
                        help="the kernels' generated source by its digest, as a JSON object")
    parser.add_argument("--reload", action="store_true",
                        help="for a sweep that is still running: the page reloads itself, and "
                        "neither files nor slower layers are named")
    return parser.parse_args()


def tell(text):
    """Writes to standard output at once: at Python's end nobody could be told that it failed."""
    try:
        sys.stdout.reconfigure(encoding="utf-8")
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left in it
        raise Unwritten(f"standard output cannot be written ({error.strerror}); check where it "
                        "goes")


def write(path, text):
    """To a file, or to standard output if it is called -."""
    if path == Path("-"):
        tell(text)
        return
    try:
        write_file(path, text)
    except OSError as error:
        raise Unwritten(f"{path} cannot be written ({error.strerror}); check its folder and the "
                        "free space, or name another file")


def write_file(path, text):
    """Whoever reads the file meanwhile sees it as it was or as it will be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and (not path.is_file() or path.is_relative_to("/dev")):
        path.write_text(text, encoding="utf-8")  # a device or pipe cannot be replaced
        return
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def main():
    options = arguments()
    try:
        export = load.load(sys.stdin.buffer.read() if options.export == "-"
                           else Path(options.export).read_bytes())
        earlier = load.load(options.against.read_bytes()) if options.against else None
        units = json.loads(options.units.read_bytes()) if options.units else {}
        summaries = against.summaries(export, earlier)
        write(options.output, page.render(export, summaries, earlier, options.reload, units))
        if options.csv:
            write(options.csv, tables.to_csv(summaries))
        if options.json:
            write(options.json, tables.to_json(export, summaries))
        if options.reload:
            return 0
        files = [path for path in (options.output, options.csv, options.json) if path]
        if Path("-") not in files:
            tell("".join(f"{path.absolute()}\n" for path in files))
    except Unwritten as error:
        print(f"convtune: {error}", file=sys.stderr)
        return 4
    except (load.BadExport, OSError) as error:
        print(f"convtune: no report was made: {error}", file=sys.stderr)
        return 4
    except Exception:  # 1, with which Python would end, says that a layer became slower
        traceback.print_exc()
        return 4
    return against.exit_code(summaries) if earlier else 0


if __name__ == "__main__":
    sys.exit(main())
