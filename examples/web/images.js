// From drawings and files to pixels, and back to something to look at.

/** A surface to draw on with bright ink; `onchange` is called after each stroke. */
export class Pad {
  constructor(canvas, onchange = () => {}) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.clear();
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = this.place(event);
      this.line(last, last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const next = this.place(event);
      this.line(last, next);
      last = next;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        if (last) onchange();
        last = null;
      });
    }
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  line(from, to) {
    this.empty = false;
    this.pen.beginPath();
    this.pen.moveTo(...from);
    this.pen.lineTo(...to);
    this.pen.stroke();
  }

  clear() {
    this.empty = true;
    const { pen, canvas } = this;
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: canvas.width / 14 });
    Object.assign(pen, { lineCap: "round", lineJoin: "round" });
  }
}

/** An image file as something to draw from; transparency is laid on white, as in training. */
export async function open(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name || "The file"} cannot be read as an image.`);
  }
}

/** Pixels in 0..1, channels first, of any canvas or image; `invert` for dark ink on paper. */
export function pixels(source, { channels, height, width }, invert = false) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, width, height);
  const { data } = pen.getImageData(0, 0, width, height);
  const found = new Float32Array(channels * height * width);
  for (let i = 0; i < height * width; i++) {
    const [r, g, b] = data.subarray(4 * i, 4 * i + 3);
    const values = channels === 1 ? [0.299 * r + 0.587 * g + 0.114 * b] : [r, g, b];
    values.forEach((value, c) => {
      found[c * height * width + i] = invert ? 1 - value / 255 : value / 255;
    });
  }
  return found;
}

/** A small canvas that shows pixels as the model sees them. */
export function thumbnail(values, { channels, height, width }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = 255 * values[(channels === 1 ? 0 : c) * height * width + i];
    }
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
