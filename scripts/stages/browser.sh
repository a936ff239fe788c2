#!/usr/bin/env bash
# The report of the tests' examples in a real browser: of few layers compared with an earlier
# database, and of 1,000. Each order puts the layers where it says; the box to find some leaves those in
# view that have what is typed; with every layer unfolded every figure is drawn, and neither a wide nor
# a narrow window makes the page itself scroll sideways.
set -euo pipefail

command -v chromium >/dev/null ||
  { echo "chromium is missing: run scripts/setup.sh --long" && exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

example() { PYTHONPATH=results/report /usr/bin/python3 -B tests/report/example.py "$@"; }
report() { /usr/bin/python3 -B results/report "$@"; }

example 12 1 >"$work/earlier.json"
code=0
example 12 2 | report --against "$work/earlier.json" --output "$work/few.html" || code=$?
((code == 1)) || { echo "exit code $code: of two random examples one is slower somewhere" && exit 1; }
example 1000 1 | report --output "$work/many.html"

# The page allows no script but its own, so the probe goes into a copy that allows this one, too.
probe() {
  cat <<'PROBE'
<script nonce="probe">
addEventListener("load", () => {
  const layers = [...document.querySelectorAll("details")];
  const orders = [...document.querySelectorAll(".order")];
  const wrong = orders.filter(order => {
    order.click();
    const place = layer => +layer.style.getPropertyValue(order.className.replace("order ", "--"));
    const tops = [...layers].sort((a, b) => place(a) - place(b)).map(layer => layer.offsetTop);
    return tops.some((top, i) => top <= tops[i - 1]);
  });
  const box = document.querySelector(".find"), input = box.querySelector("input");
  const boxed = box.checkVisibility();
  const left = text => {
    input.value = text;
    input.dispatchEvent(new Event("input"));
    return layers.filter(layer => layer.checkVisibility());
  };
  const says_how_many = count => box.querySelector("output").value == `${count} of ${layers.length}`;
  const name = layers.at(-1).querySelector(".name").firstChild.data;
  const having = text => layers.filter(layer =>
      text.split(" ").every(word => layer.querySelector("summary").textContent.includes(word)));
  const finds = text => {
    const found = left(text);
    return says_how_many(found.length) && found.length == having(text).length &&
        found.every((layer, i) => layer == having(text)[i]);
  };
  const found = boxed && finds(name) && having(name).length < layers.length && finds("stem float32") &&
      left(name.toUpperCase()).includes(layers.at(-1)) && left("no such layer").length == 0 &&
      says_how_many(0) && left(" ").length == layers.length;
  for (const layer of layers) layer.open = true;
  const figures = [...document.querySelectorAll("figure svg")];
  const empty = figures.filter(svg => {
    const box = svg.getBoundingClientRect();
    return box.width < 50 || box.height < 20 || svg.querySelectorAll("path, use, rect").length < 5;
  });
  const page = document.documentElement;
  const says = `orders=${orders.length} wrong=${wrong.length} found=${found} ` +
      `figures=${figures.length} empty=${empty.length} ` +
      `overflow=${Math.max(0, page.scrollWidth - page.clientWidth)}`;
  document.body.replaceChildren(says);
});
</script>
PROBE
}

for page in few many; do
  sed "s/script-src /&'nonce-probe' /" "$work/$page.html" >"$work/probed.html"
  probe >>"$work/probed.html"
  for width in 400 1400; do
    says=$(chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
      --window-size="$width,900" --virtual-time-budget=10000 --dump-dom "file://$work/probed.html" \
      2>"$work/chromium.log" | grep -o 'orders=[0-9]* wrong=[0-9]* found=[a-z]* figures=.* overflow=[0-9]*') ||
      { cat "$work/chromium.log" && echo "the browser did not show the page" && exit 1; }
    echo "$page layers, $width pixels wide: $says"
    [[ $says =~ ^orders=4\ wrong=0\ found=true\ figures=[1-9][0-9]*\ empty=0\ overflow=0$ ]] || exit 1
  done
done
