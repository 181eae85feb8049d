// Fields in the browser: a picture fitted step by step from any start, by two ONNX files.
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";
import { RefusedError, readFacts } from "./learner.js";

const OPTIONS = { executionProviders: ["wasm"] };

/** What `python -m stages.export` wrote of a run of neural fields: adapt.onnx and fit.onnx. */
export class Field {
  constructor(session, facts, learned) {
    this.session = session;
    this.facts = facts;
    this.learned = learned; // the start that was meta-learned, a Float32Array
    this.image = JSON.parse(facts.image);
    this.steps = Number(facts.adaptation_steps);
    this.rate = Number(facts.inner_lr);
    this.initial = JSON.parse(facts.initial);
  }

  /** Both files in any order; the learned start is what the one adapts to in no steps. */
  static async open(...files) {
    const found = {};
    for (const bytes of files) {
      const facts = readFacts(bytes);
      if (!("initial" in facts && "adaptation_steps" in facts)) {
        throw new RefusedError("This is no adapt.onnx or fit.onnx of a neural field.");
      }
      const session = await ort.InferenceSession.create(bytes, OPTIONS);
      found[session.inputNames.includes("start") ? "fit" : "adapt"] = { session, facts };
    }
    const { fit, adapt } = found;
    if (!fit || !adapt) throw new RefusedError("Two files are needed: adapt.onnx and fit.onnx.");
    if (fit.facts.run !== adapt.facts.run || fit.facts.parameters !== adapt.facts.parameters) {
      throw new RefusedError(`The files are of two runs: ${adapt.facts.run}, ${fit.facts.run}.`);
    }
    const field = new Field(fit.session, fit.facts, null);
    const blank = new Float32Array(field.image.channels);
    const { adapted } = await adapt.session.run(inputs(blank, places(1, 1), field.image, 0, 0));
    field.learned = adapted.data;
    return field;
  }

  /** A start as an untrained network has it: uniform, between the bounds of each parameter. */
  random(seed) {
    const chance = mulberry32(seed);
    const found = this.initial.flatMap(({ shape, bound }) =>
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => bound * (2 * chance() - 1)),
    );
    return Float32Array.from(found);
  }

  /**
   * `steps` inner steps on a picture (a Float32Array of C*H*W pixels in 0..1) from `start`.
   * Resolves to `{picture, adapted}`: the fit, as the network gives it, and where to go on from.
   */
  async fit(picture, { height, width }, start, { steps = 1, rate = this.rate } = {}) {
    this.check(picture, height, width, start, steps, rate);
    const image = { channels: this.image.channels, height, width };
    const given = inputs(rows(picture, image), places(height, width), image, steps, rate);
    given.start = new ort.Tensor("float32", start, [start.length]);
    const { query_colours, adapted } = await this.session.run(given);
    const found = columns(query_colours.data, image);
    if (!found.every(Number.isFinite) || !adapted.data.every(Number.isFinite)) {
      throw new RefusedError(`The fit diverged at rate ${rate}: take a lower rate.`);
    }
    return { picture: found, adapted: adapted.data };
  }

  check(picture, height, width, start, steps, rate) {
    const wanted = this.image.channels * height * width;
    if (!wanted || picture.length !== wanted) {
      throw new RefusedError(`A picture has ${picture.length} values instead of ${wanted}.`);
    }
    if (!picture.every(Number.isFinite)) {
      throw new RefusedError("The picture holds a value that is not a number.");
    }
    if (start.length !== this.learned.length) {
      throw new RefusedError(`A start has ${start.length} values, not ${this.learned.length}.`);
    }
    if (!Number.isInteger(steps) || steps < 0) {
      throw new RefusedError("Steps must be a whole number, 0 or more.");
    }
    if (!Number.isFinite(rate) || rate < 0) {
      throw new RefusedError("The rate must be a number that is not negative.");
    }
  }
}

/** Peak signal-to-noise ratio in dB of two pictures in 0..1; 100 where they are equal. */
export function psnr(found, wanted) {
  let error = 0;
  for (let i = 0; i < wanted.length; i++) error += (found[i] - wanted[i]) ** 2;
  return -10 * Math.log10(Math.max(error / wanted.length, 1e-10));
}

/** Row and column of each pixel, from -1 to 1, as in training. */
export function places(height, width) {
  const found = new Float32Array(2 * height * width);
  const at = (i, n) => (n > 1 ? -1 + (2 * i) / (n - 1) : -1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) found.set([at(y, height), at(x, width)], 2 * (y * width + x));
  }
  return found;
}

function inputs(colours, where, { channels }, steps, rate) {
  const n = where.length / 2;
  return {
    support_places: new ort.Tensor("float32", where, [n, 2]),
    support_colours: new ort.Tensor("float32", colours, [n, channels]),
    query_places: new ort.Tensor("float32", where, [n, 2]),
    adaptation_steps: new ort.Tensor("int64", BigInt64Array.of(BigInt(steps)), []),
    inner_lr: new ort.Tensor("float32", Float32Array.of(rate), []),
  };
}

/** Pixels with channels first as a row of colours a place; and back. */
function rows(picture, { channels, height, width }) {
  const n = height * width;
  return picture.map((_, i) => picture[(i % channels) * n + Math.floor(i / channels)]);
}

function columns(colours, { channels, height, width }) {
  const n = height * width;
  return colours.map((_, i) => colours[(i % n) * channels + Math.floor(i / n)]);
}

function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
