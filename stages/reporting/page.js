"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

// Tables: a click on a heading sorts, words in the field filter.
const key = (row, index) => {
  const cell = row.cells[index];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
};

function compare(a, b) {
  if (typeof a === typeof b) return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  return typeof a === "number" ? -1 : 1;
}

function sort(table, heading) {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  const body = table.tBodies[0], index = heading.cellIndex;
  const keyed = [...body.rows].map((row) => [key(row, index), row]);
  keyed.sort(([a], [b]) => (ascending ? compare(a, b) : compare(b, a)));
  body.append(...keyed.map(([, row]) => row));
  for (const other of heading.parentNode.cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
}

function filter(table, words, count) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
    left += !row.hidden;
  }
  count.textContent = `${left} of ${table.tBodies[0].rows.length} rows`;
}

function enliven(table, name) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = make("button", { type: "button" }, heading.textContent);
    heading.replaceChildren(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(table, heading));
  }
  if (table.tBodies[0].rows.length < 4) return;
  const field = make("input", { type: "search", "aria-label": `Filter: ${name}` });
  const count = make("span", { class: "soft", role: "status" });
  field.addEventListener("input", () => filter(table, field.value, count));
  const place = table.closest(".scroll");
  place.before(make("div", { class: "filter" }, "Filter by words", field, count));
}

for (const table of document.querySelectorAll("table.sortable")) {
  enliven(table, document.getElementById(table.getAttribute("aria-labelledby")).textContent);
}

// Charts: drawn for the page's colours, again when these change.
function facets(chart) {
  if (!chart.facet) return [[null, chart.spec]];
  const field = chart.facet.key, rows = chart.spec.data.values, encoding = { ...chart.spec.encoding };
  for (const [name, channel] of Object.entries(encoding)) {
    if (!"xy".includes(name) || channel.type !== "quantitative") continue;
    const values = rows.map((row) => row[channel.field]);  // all facets on one scale
    const domain = [Math.min(...values), Math.max(...values)];
    encoding[name] = { ...channel, scale: { ...channel.scale, domain } };
  }
  return [...new Set(rows.map((row) => row[field]))].map((value) => [
    `${chart.facet.title} ${value}`,
    { ...chart.spec, encoding, data: { values: rows.filter((row) => row[field] === value) } },
  ]);
}

function zoomable(spec) {
  const mouse = "[pointerdown[event.pointerType === 'mouse'], window:pointerup] > window:pointermove!";
  const select = {
    type: "interval",
    translate: mouse,
    zoom: "wheel![event.ctrlKey || event.metaKey]",
    encodings: ["x", "y"].filter((channel) => spec.encoding[channel].type === "quantitative"),
  };
  const [first, ...rest] = spec.layer;
  const layer = [{ ...first, params: [{ name: "zoom", select, bind: "scales" }] }, ...rest];
  return { ...spec, layer };
}

async function draw(figure) {
  const chart = data.charts[figure.dataset.chart];
  const place = figure.querySelector(".plots");
  figure.views?.forEach((result) => result.finalize());
  place.replaceChildren();
  const colours = dark.matches ? data.dark : data.light;
  const config = { ...colours, legend: { disable: true } };
  figure.views = await Promise.all(facets(chart).map(async ([title, spec]) => {
    const box = place.appendChild(make("div"));
    const sized = { ...spec, width: "container", height: chart.height, config };
    if (title) sized.title = { text: title, anchor: "start" };
    const options = { renderer: "svg", actions: false, logLevel: 1, tooltip: { disableDefaultStyle: true } };
    return vegaEmbed(box, chart.zoom ? zoomable(sized) : sized, options);
  }));
  hide(figure);
}

// The legend of a task: what is not pressed is not drawn in any of its charts.
function hide(figure) {
  const { spec } = data.charts[figure.dataset.chart];
  const off = [...figure.closest(".charts").querySelectorAll(".legend [aria-pressed=false]")];
  for (const { name } of spec.params) {
    const field = name.replace("hidden_", "");
    const values = data.legends[figure.closest(".charts").dataset.task][field];
    const hidden = off.filter((b) => b.dataset.field === field).map((b) => values[b.dataset.index]);
    for (const { view } of figure.views ?? []) view.signal(name, hidden).runAsync();
  }
}

for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    button.closest(".charts").querySelectorAll("figure").forEach(hide);
  });
}

function tabulate(figure, details) {
  const chart = data.charts[figure.dataset.chart];
  const head = make("tr", {}, ...chart.columns.map((c) => make("th", { scope: "col" }, c.title || c.key)));
  const body = make("tbody", {}, ...chart.spec.data.values.map((row) => make("tr", {}, ...chart.columns.map((c) => {
    const value = row[c.key];
    if (typeof value !== "number") return make("td", {}, value ?? "");
    return make("td", { class: "n", "data-value": value }, String(+value.toPrecision(6)));
  }))));
  const name = figure.querySelector("h4").textContent;
  const table = make("table", {}, make("thead", {}, head), body);
  details.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${figure.id}, data: ${name}` }, table));
  enliven(table, name);
}

const figures = [...document.querySelectorAll("figure[data-chart]")];
for (const figure of figures) {
  const details = figure.querySelector("details.data");
  details.addEventListener("toggle", () => details.querySelector("table") || tabulate(figure, details));
}
const drawAll = () => Promise.all(figures.map(draw));
drawAll().then(() => { document.body.dataset.drawn = "yes"; });
dark.addEventListener("change", drawAll);

// A link to a setting opens it.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
