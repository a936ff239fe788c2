// Leaves those layers in view whose row, or other names, have every word that is in the box.
for (const box of document.querySelectorAll(".find")) {
  const input = box.querySelector("input");
  const layers = [...box.closest("section").querySelectorAll("details")];
  const texts = layers.map(layer =>
    [...layer.querySelectorAll("summary, .also")].map(part => part.textContent).join(" ").toLowerCase());
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    layers.forEach((layer, i) => { layer.hidden = !words.every(word => texts[i].includes(word)); });
    const shown = layers.filter(layer => !layer.hidden).length;
    box.querySelector("output").value = `${shown} of ${layers.length}`;
  };
  input.addEventListener("input", show);
  addEventListener("pageshow", show); // a reload may put back what was in the box
  box.hidden = false; // without this script it would do nothing
}
