// The page: classes to teach, images to ask about, answers.
import { Pad, open, pixels, thumbnail } from "./images.js";
import { Learner } from "./learner.js";
import { $, dropped, guard, tell } from "./page.js";

let learner = null;
let classes = []; // {name, examples} in the order of their labels
const asked = [];

start().catch(tell);

async function start() {
  panel($("asked"), asked);
  $("add").addEventListener("click", () => addClass());
  $("learn").addEventListener("click", () => guard(answer));
  $("file").addEventListener("change", (event) => guard(() => load(event.target.files[0])));
  $("bundled").addEventListener("click", () => guard(bundled));
  const file = await fetch("bundle/adapt.onnx");
  if (!file.ok) {
    $("model").textContent = "No bundled model: choose an adapt.onnx.";
    return;
  }
  await load(await file.blob());
  $("bundled").hidden = false;
}

async function load(file) {
  learner = await Learner.open(new Uint8Array(await file.arrayBuffer()));
  const { facts, image } = learner;
  $("model").textContent =
    `${facts.run}: up to ${learner.classes} classes of ${image.height}×${image.width} ` +
    `${image.channels === 1 ? "grey" : "colour"} images`;
  $("steps").value = learner.steps;
  $("rate").value = learner.rate;
  asked.length = 0;
  $("asked").querySelector(".thumbs").replaceChildren();
  $("results").replaceChildren();
  classes = [];
  $("classes").replaceChildren();
  for (let i = 0; i < Math.min(3, learner.classes); i++) addClass();
  $("learn").disabled = false;
}

function addClass(name = `Class ${classes.length + 1}`) {
  const one = { name, examples: [] };
  const card = $("card").content.firstElementChild.cloneNode(true);
  const label = card.querySelector(".name");
  label.value = name;
  label.addEventListener("input", () => (one.name = label.value || name));
  card.querySelector(".pad").setAttribute("aria-label", `Drawing of ${name}`);
  panel(card, one.examples);
  classes.push(one);
  $("classes").append(card);
  $("add").disabled = !learner || classes.length >= learner.classes;
  return card;
}

/** Make a card collect images into `list`: drawn, chosen or dropped. */
function panel(card, list) {
  const pad = new Pad(card.querySelector(".pad"));
  const files = card.querySelector("input[type=file]");
  const add = (values) => {
    list.push(values);
    card.querySelector(".thumbs").append(removable(values, list));
  };
  const read = async (chosen) => {
    const refused = []; // one that cannot be read does not stop the others
    for (const file of chosen) {
      try {
        add(pixels(await open(file), form(), $("invert").checked));
      } catch (error) {
        refused.push(error.message);
      }
    }
    if (refused.length) throw new Error(refused.join(" "));
  };
  const take = () => {
    if (pad.empty) return;
    add(pixels(pad.canvas, form()));
    pad.clear();
  };
  card.addEventListener("click", ({ target }) => {
    if (target.dataset.do === "add") {
      guard(() => {
        if (pad.empty) throw new Error("Draw something first.");
        take();
      });
    }
    if (target.dataset.do === "clear") pad.clear();
  });
  files.addEventListener("change", () => {
    const chosen = [...files.files];
    files.value = ""; // so that the same file can be chosen again
    guard(() => read(chosen));
  });
  dropped(card, read);
  card.collect = add; // for the bundled examples
  card.take = take; // for a drawing that was not added
}

function form() {
  if (!learner) throw new Error("Choose an adapt.onnx first.");
  return learner.image;
}

function removable(values, list) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", title: "Remove" });
  button.append(thumbnail(values, form()));
  button.addEventListener("click", () => {
    list.splice(list.indexOf(values), 1);
    item.remove();
  });
  item.append(button);
  return item;
}

async function bundled() {
  const { classes: given, queries } = await (await fetch("bundle/examples.json")).json();
  const fetched = async (name) => {
    const file = await (await fetch(`bundle/${name}`)).blob();
    return pixels(await open(file), form());
  };
  classes = [];
  $("classes").replaceChildren();
  for (const { name, examples } of given) {
    const card = addClass(name);
    for (const example of examples) card.collect(await fetched(example));
  }
  asked.length = 0;
  $("asked").querySelector(".thumbs").replaceChildren();
  for (const name of queries) $("asked").collect(await fetched(name));
}

async function answer() {
  document.querySelectorAll(".card").forEach((card) => card.take());
  const support = classes.flatMap((one) => one.examples);
  const labels = classes.flatMap((one, label) => one.examples.map(() => label));
  const [steps, rate] = [$("steps").valueAsNumber, $("rate").valueAsNumber];
  const { probabilities, losses, milliseconds } = await learner.learn(support, labels, asked, {
    steps,
    rate,
  });
  const fall = losses.length ? `; loss ${losses[0].toFixed(2)} → ${losses.at(-1).toFixed(2)}` : "";
  $("took").textContent =
    `Learned ${support.length} examples in ${steps} steps, ${milliseconds.toFixed(0)} ms${fall}.`;
  $("results").replaceChildren(...probabilities.map((row, i) => result(asked[i], row)));
}

function result(image, row) {
  const box = document.createElement("div");
  box.className = "answer";
  const list = document.createElement("ol");
  const shown = classes.map((one, label) => ({ ...one, share: row[label] }));
  const taught = shown.filter((one) => one.examples.length);
  for (const { name, examples, share } of taught.sort((a, b) => b.share - a.share)) {
    const item = document.createElement("li");
    const words = [name, `${(100 * share).toFixed(1)} %`].map((text) =>
      Object.assign(document.createElement("span"), { textContent: text }),
    );
    words[0].title = name;
    const bar = Object.assign(document.createElement("progress"), { value: share });
    item.append(thumbnail(examples[0], form()), words[0], bar, words[1]);
    list.append(item);
  }
  box.append(thumbnail(image, form()), list);
  return box;
}

// For the console and for tests: the same learner without the page around it.
globalThis.lazyleap = { learner: () => learner };
