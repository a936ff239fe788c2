#!/usr/bin/env bash
# The report of the tests' example in a real browser: every figure is drawn, and neither a wide nor a
# narrow window makes the page itself scroll sideways.
set -euo pipefail

command -v chromium >/dev/null ||
  { echo "chromium is missing: run scripts/setup.sh --long" && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd tests/report && PYTHONPATH=../../results/report /usr/bin/python3 -B example.py 12) |
  /usr/bin/python3 -B results/report --output "$work/report.html"

# The page forbids scripts, so the probe goes into a copy that does not.
sed 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' "$work/report.html" >"$work/probed.html"
cat >>"$work/probed.html" <<'PROBE'
<script>
addEventListener('load', () => {
  const figures = [...document.querySelectorAll('svg')];
  const empty = figures.filter(svg => {
    const box = svg.getBoundingClientRect();
    return box.width < 50 || box.height < 20 || svg.querySelectorAll('path, use, rect').length < 5;
  });
  const page = document.documentElement;
  const says = `figures=${figures.length} empty=${empty.length} ` +
      `overflow=${Math.max(0, page.scrollWidth - page.clientWidth)}`;
  document.body.replaceChildren(says);
});
</script>
PROBE

for width in 400 1400; do
  says=$(chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
    --window-size="$width,900" --virtual-time-budget=10000 --dump-dom "file://$work/probed.html" \
    2>"$work/chromium.log" | grep -o 'figures=[0-9]* empty=[0-9]* overflow=[0-9]*') ||
    { cat "$work/chromium.log" && echo "the browser did not show the page" && exit 1; }
  echo "$width pixels wide: $says"
  [[ $says =~ ^figures=[1-9][0-9]*\ empty=0\ overflow=0$ ]] || exit 1
done
