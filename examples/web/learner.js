// The learner in the browser: one ONNX file, its facts, and what it is not asked.
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

ort.env.wasm.numThreads = 1; // more would need headers that a plain file server does not send
ort.env.wasm.wasmPaths = new URL("./node_modules/onnxruntime-web/dist/", import.meta.url).href;

/** An input without a meaningful answer; the message says which and why. */
export class RefusedError extends Error {}

/** A file that `python -m stages.export` wrote. */
export class Learner {
  constructor(session, facts) {
    this.session = session;
    this.facts = facts;
    this.classes = Number(facts.classes);
    this.image = JSON.parse(facts.image);
    this.steps = Number(facts.adaptation_steps);
    this.rate = Number(facts.inner_lr);
  }

  static async open(bytes) {
    const facts = readFacts(bytes);
    if (!("adaptation_steps" in facts && "image" in facts && "classes" in facts)) {
      throw new RefusedError("This is not an adapt.onnx that the export stage wrote.");
    }
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    if (!session.inputNames.includes("support_images")) {
      throw new RefusedError("This is model.onnx, which predicts; adapt.onnx is the one that learns.");
    }
    return new Learner(session, facts);
  }

  /**
   * Learn `support` (a Float32Array of C*H*W pixels in 0..1 each) with `labels` 0..N-1, and answer
   * `queries`. Resolves to `{probabilities, losses, milliseconds}`: a row of N a query (0 for a class
   * without examples), the loss before each step, and how long it took.
   */
  async learn(support, labels, queries, { steps = this.steps, rate = this.rate } = {}) {
    this.check(support, labels, queries, steps, rate);
    const start = performance.now();
    const { query_logits, support_losses } = await this.session.run({
      support_images: this.batch(support),
      support_labels: new ort.Tensor("int64", BigInt64Array.from(labels, BigInt), [labels.length]),
      query_images: this.batch(queries),
      adaptation_steps: new ort.Tensor("int64", BigInt64Array.of(BigInt(steps)), []),
      inner_lr: new ort.Tensor("float32", Float32Array.of(rate), []),
    });
    const logits = query_logits.data;
    if (!logits.every(Number.isFinite)) {
      throw new RefusedError(`Learning diverged at rate ${rate} in ${steps} steps: take a lower rate.`);
    }
    const rows = queries.map((_, i) => logits.slice(i * this.classes, (i + 1) * this.classes));
    const seen = new Set(labels);
    return {
      probabilities: rows.map((row) => softmax(row, seen)),
      losses: Array.from(support_losses.data),
      milliseconds: performance.now() - start,
    };
  }

  check(support, labels, queries, steps, rate) {
    const pixels = this.image.channels * this.image.height * this.image.width;
    if (!support.length) throw new RefusedError("Give at least one example of a class.");
    if (!queries.length) throw new RefusedError("Give at least one image to classify.");
    if (support.length !== labels.length) {
      throw new RefusedError(`${support.length} examples, but ${labels.length} labels.`);
    }
    for (const label of labels) {
      if (!Number.isInteger(label) || label < 0 || label >= this.classes) {
        throw new RefusedError(`Label ${label} is not in 0..${this.classes - 1}.`);
      }
    }
    for (const image of [...support, ...queries]) {
      if (image.length !== pixels) {
        throw new RefusedError(`An image has ${image.length} values instead of ${pixels}.`);
      }
      if (!image.every(Number.isFinite)) {
        throw new RefusedError("An image holds a value that is not a number.");
      }
    }
    if (!Number.isInteger(steps) || steps < 0) {
      throw new RefusedError("Steps must be a whole number, 0 or more.");
    }
    if (!Number.isFinite(rate) || rate < 0) {
      throw new RefusedError("The rate must be a number that is not negative.");
    }
  }

  batch(images) {
    const { channels, height, width } = this.image;
    const size = channels * height * width;
    const data = new Float32Array(images.length * size);
    images.forEach((image, i) => data.set(image, i * size));
    return new ort.Tensor("float32", data, [images.length, channels, height, width]);
  }
}

function softmax(logits, seen) {
  const kept = Array.from(logits, (x, i) => (seen.has(i) ? x : -Infinity)); // unseen: no answer
  const largest = Math.max(...kept);
  const powers = kept.map((x) => Math.exp(x - largest));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((x) => x / total);
}

/**
 * The `metadata_props` of an ONNX file, which onnxruntime-web does not show: field 14 of the
 * ModelProto, each an entry of key (1) and value (2). Protocol buffers are read as far as needed.
 */
export function readFacts(bytes) {
  const facts = {};
  const words = new TextDecoder();
  try {
    for (const [field, content] of fields(bytes)) {
      if (field !== 14) continue;
      const entry = Object.fromEntries(fields(content));
      facts[words.decode(entry[1])] = words.decode(entry[2]);
    }
  } catch {
    throw new RefusedError("This is not an ONNX file.");
  }
  return facts;
}

function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length) throw new RangeError("cut off");
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new RangeError("cut off");
      yield [field, bytes.subarray(at, at + length)];
      at += length;
    } else throw new RangeError("no such wire type");
  }
}
