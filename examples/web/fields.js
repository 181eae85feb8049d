// The page: a picture, and two fits of it side by side, drawn as they run.
import { open, pixels, thumbnail } from "./images.js";
import { Field, psnr } from "./field.js";
import { $, dropped, guard, tell } from "./page.js";

const WAYS = ["learned", "random"];
let field = null;
let source = null; // what was dropped, in its own size
let atWork = null; // the fit that may go on: a newer one, or Stop, ends it

start().catch(tell);

async function start() {
  $("files").addEventListener("change", ({ target }) => guard(() => load([...target.files])));
  $("picture").addEventListener("change", ({ target }) => {
    const [file] = target.files;
    target.value = ""; // so that the same file can be chosen again
    guard(() => take(file));
  });
  dropped($("given"), ([file]) => take(file));
  $("again").addEventListener("click", () => guard(fit));
  $("stop").addEventListener("click", () => finish(atWork));
  const files = await Promise.all(["adapt", "fit"].map((n) => fetch(`bundle/fields/${n}.onnx`)));
  if (!files.every((file) => file.ok)) {
    $("model").textContent = "No bundled model: choose an adapt.onnx and its fit.onnx.";
    return;
  }
  await load(await Promise.all(files.map((file) => file.blob())));
  await bundled();
}

async function load(files) {
  const bytes = await Promise.all(files.map(async (f) => new Uint8Array(await f.arrayBuffer())));
  field = await Field.open(...bytes);
  const { facts, image } = field;
  $("model").textContent =
    `${facts.run}: ${field.learned.length.toLocaleString("en")} parameters, learned on ` +
    `${image.height}×${image.width} ${image.channels === 1 ? "grey" : "colour"} pictures ` +
    `of ${facts.dataset}`;
  $("rate").value = field.rate;
  $("side").value = image.height;
  $("again").disabled = !source;
}

async function bundled() {
  const file = await fetch("bundle/fields/pictures.json");
  if (!file.ok) return;
  for (const name of await file.json()) {
    const picture = await square(await (await fetch(`bundle/fields/${name}`)).blob());
    const button = Object.assign(document.createElement("button"), { type: "button", title: "Fit" });
    button.append(thumbnail(pixels(picture, field.image), field.image));
    button.addEventListener("click", () => {
      source = picture;
      guard(fit);
    });
    const item = document.createElement("li");
    item.append(button);
    $("bundled").append(item);
  }
}

async function take(file) {
  if (!file) return;
  source = await square(file);
  await fit();
}

/** The middle of a picture: networks are learned on squares. */
async function square(file) {
  const whole = await open(file);
  const side = Math.min(whole.width, whole.height);
  const at = [whole.width, whole.height].map((n) => Math.floor((n - side) / 2));
  return createImageBitmap(whole, ...at, side, side);
}

/** Both fits, a step at a time in turn, so that they are seen to grow. */
async function fit() {
  if (!field) throw new Error("Choose an adapt.onnx and its fit.onnx first.");
  if (!source) throw new Error("Drop a picture first.");
  const { steps, rate, side, seed } = asked();
  const own = (atWork = {});
  $("again").disabled = false;
  $("stop").hidden = false;
  try {
    const size = { channels: field.image.channels, height: side, width: side };
    const phi = { learned: field.learned, random: field.random(seed) };
    await both(phi, pixels(source, size), size, { steps, rate }, () => own === atWork);
  } finally {
    finish(own);
  }
}

function finish(one) {
  if (one !== atWork) return;
  atWork = null;
  $("stop").hidden = true;
}

/** What the form says; an Error that names what is no answer. */
function asked() {
  const names = ["steps", "rate", "side", "seed"];
  const found = Object.fromEntries(names.map((name) => [name, $(name).valueAsNumber]));
  const whole = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;
  if (!whole(found.side, 4, 256)) {
    throw new Error("Pixels a side must be a whole number from 4 to 256.");
  }
  if (!whole(found.steps, 1, 10000)) {
    throw new Error("Steps must be a whole number from 1 to 10000.");
  }
  if (!whole(found.seed, 0, 2 ** 32 - 1)) {
    throw new Error("The number of a random start must be a whole number, 0 or more.");
  }
  return found;
}

async function both(phi, picture, size, { steps, rate }, going) {
  const curves = { learned: [], random: [] };
  const began = performance.now();
  paint("target", picture, size);
  for (let step = 0; step <= steps && going(); step++) {
    for (const way of WAYS) {
      const found = await field.fit(picture, size, phi[way], { steps: step && 1, rate });
      if (!going()) return;
      phi[way] = found.adapted;
      curves[way].push(psnr(found.picture, picture));
      paint(way, found.picture, size);
      $(`${way}-psnr`).textContent = `${curves[way].at(-1).toFixed(1)} dB`;
    }
    draw(curves, steps);
    const took = ((performance.now() - began) / 1000).toFixed(1);
    $("took").textContent = `${step} of ${steps} steps, ${took} s.`;
    await new Promise((next) => setTimeout(next)); // so that the browser draws, and hears Stop
  }
}

function paint(id, values, size) {
  const canvas = $(id);
  Object.assign(canvas, { width: size.width, height: size.height });
  canvas.getContext("2d").drawImage(thumbnail(values, size), 0, 0);
}

function draw(curves, steps) {
  const canvas = $("curve");
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.body);
  const all = WAYS.flatMap((way) => curves[way]);
  const low = 10 * Math.floor(Math.min(0, ...all) / 10);
  const high = 10 * Math.ceil(Math.max(30, ...all) / 10);
  const x = (step) => 40 + ((canvas.width - 55) * step) / steps;
  const y = (value) => 15 + ((canvas.height - 45) * (high - value)) / (high - low);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.font = "12px system-ui, sans-serif";
  pen.lineWidth = 1;
  pen.fillStyle = pen.strokeStyle = style.getPropertyValue("color");
  for (let value = low; value <= high; value += 10) {
    pen.globalAlpha = 0.2;
    stroke(pen, [[x(0), y(value)], [x(steps), y(value)]]);
    pen.globalAlpha = 1;
    pen.fillText(`${value} dB`, 2, y(value) + 4);
  }
  for (let i = 0; i <= 4; i++) {
    pen.fillText(`${Math.round((i * steps) / 4)}`, x((i * steps) / 4) - 8, canvas.height - 8);
  }
  pen.lineWidth = 2;
  for (const way of WAYS) {
    pen.strokeStyle = getComputedStyle($(`${way}-psnr`)).color;
    stroke(pen, curves[way].map((value, step) => [x(step), y(value)]));
  }
}

function stroke(pen, points) {
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
}

// For the console and for tests: the same learner without the page around it.
globalThis.lazyleap = { field: () => field };
