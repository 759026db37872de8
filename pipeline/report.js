// The report's page: paints the plots in the page's theme, filters and enlarges the gallery.
"use strict";

const FIRST_ROWS = 12;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function themed(figure) {
  const ink = colour("ink-soft"), line = colour("line");
  const data = figure.data.map((trace) => {
    const paint = colour(trace.meta);
    if (trace.type === "heatmap") return { ...trace, colorscale: [[0, colour("wash")], [1, paint]] };
    return {
      ...trace,
      line: trace.line && { ...trace.line, color: paint },
      marker: { ...trace.marker, color: paint, line: { color: paint, width: trace.meta === "floor" ? 2 : 0 } },
      error_x: trace.error_x && { ...trace.error_x, color: paint },
    };
  });
  const axes = Object.entries(figure.layout)
    .filter(([name]) => /^[xy]axis/.test(name))
    .map(([name, axis]) => [name, { ...axis, gridcolor: line, linecolor: line, tickcolor: line }]);
  const layout = {
    ...figure.layout,
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: ink },
    ...Object.fromEntries(axes),
    shapes: (figure.layout.shapes || []).map((shape) => ({ ...shape, line: { ...shape.line, color: ink } })),
  };
  return [data, layout];
}

function paintPlots() {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  for (const [id, figure] of Object.entries(figures)) {
    if (document.getElementById(id).closest("details:not([open])")) continue; // until it is opened
    const [data, layout] = themed(figure);
    Plotly.react(id, data, layout, { displayModeBar: false, responsive: true });
  }
}

function filterGallery() {
  const boxes = [...document.querySelectorAll("#gallery .filters select")];
  const rows = [...document.querySelectorAll("#gallery figure")];
  const more = document.getElementById("more");
  let all = false;

  function show() {
    const matching = rows.filter((row) => boxes.every((box) => !box.value || row.dataset[box.id] === box.value));
    const shown = new Set(all ? matching : matching.slice(0, FIRST_ROWS));
    for (const row of rows) row.hidden = !shown.has(row);
    document.getElementById("shown").textContent =
      shown.size < matching.length ? `${shown.size} of ${matching.length} frames` : `${matching.length} frames`;
    document.getElementById("nothing").hidden = matching.length > 0 || rows.length === 0;
    more.hidden = shown.size === matching.length;
    more.textContent = `Show all ${matching.length}`;
  }

  for (const box of boxes) box.addEventListener("change", () => { all = false; show(); });
  more.addEventListener("click", () => { all = true; show(); });
  show();
}

function enlargePictures() {
  const dialog = document.getElementById("large");
  const [close, place] = dialog.children;
  for (const row of document.querySelectorAll("#gallery figure")) {
    row.querySelector(".pictures").addEventListener("click", () => {
      const caption = row.querySelector("figcaption").cloneNode(true);
      const pictures = row.querySelector(".pictures").cloneNode(true).childNodes;
      place.replaceChildren(caption, ...pictures);
      for (const picture of place.querySelectorAll("img")) picture.loading = "eager";
      dialog.showModal();
    });
  }
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

paintPlots();
if (document.getElementById("gallery")) {
  filterGallery();
  enlargePictures();
}
for (const fold of document.querySelectorAll("details:has(.plot)")) fold.addEventListener("toggle", paintPlots);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintPlots);
