
'use strict';
// The page that `vae explore` writes. Two elements hold what it works with: #model a JSON
// document, #numbers the arrays as base64. The first half decodes and knows nothing of a page; the
// second half follows the reader. `explorer` is what a test sees of it.

// ---- numbers ------------------------------------------------------------------------------------

// Arrays within one block of bytes, by references {type, at, count}; {scales} refers to a factor of
// each row.
class Numbers {
  constructor(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
    this.buffer = bytes.buffer;
  }

  array({type, at, count, scales}) {
    const types = {f32: Float32Array, i32: Int32Array, i16: Int16Array, u8: Uint8Array};
    const stored = new types[type](this.buffer, at, count);
    return scales ? this.scaled(stored, this.array(scales)) : stored;
  }

  scaled(whole, scales) {
    const numbers = new Float32Array(whole.length);
    const length = whole.length / scales.length;
    for (let row = 0, i = 0; row < scales.length; ++row) {
      for (const end = i + length; i < end; ++i) numbers[i] = whole[i] * scales[row];
    }
    return numbers;
  }
}

// ---- what the layers are made of ----------------------------------------------------------------

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// 1 - erf(x), relative error 1.2e-7. [Press et al. 2007, Numerical Recipes, 2nd ed., sec. 6.2]
function complementaryError(x) {
  const terms = [-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807,
    -1.13520398, 1.48851587, -0.82215223, 0.17087277];
  const z = Math.abs(x), t = 1 / (1 + 0.5 * z);
  let sum = 0;
  for (let i = terms.length - 1; i >= 0; --i) sum = sum * t + terms[i];
  const upper = t * Math.exp(-z * z + sum);
  return x >= 0 ? upper : 2 - upper;
}

const activations = {
  none: null,
  relu: (x) => (x < 0 ? 0 : x),
  leaky_relu: (x) => (x < 0 ? 0.01 * x : x),
  tanh: Math.tanh,
  sigmoid,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  elu: (x) => (x < 0 ? Math.expm1(x) : x),
  gelu: (x) => x * 0.5 * complementaryError(-x * Math.SQRT1_2),
  silu: (x) => x * sigmoid(x),
};

function activate(values, activation) {
  if (!activation) return values;
  for (let i = 0; i < values.length; ++i) values[i] = activation(values[i]);
  return values;
}

// The inner product of `count` numbers, in four sums that do not wait for one another.
function dot(a, i, b, j, count) {
  let first = 0, second = 0, third = 0, fourth = 0;
  const whole = i + (count & ~3), end = i + count;
  for (; i < whole; i += 4, j += 4) {
    first += a[i] * b[j];
    second += a[i + 1] * b[j + 1];
    third += a[i + 2] * b[j + 2];
    fourth += a[i + 3] * b[j + 3];
  }
  for (; i < end; ++i, ++j) first += a[i] * b[j];
  return first + second + (third + fourth);
}

// y[out + row] += the inner product of x, from `from` on, and a row of `weight`; the rows begin
// `stride` apart. Four rows at a time share what is read of x.
function addProducts(y, out, rows, weight, at, stride, x, from, count) {
  let row = 0;
  for (; row + 4 <= rows; row += 4, at += 4 * stride) {
    let first = 0, second = 0, third = 0, fourth = 0;
    for (let k = 0, i = at; k < count; ++k, ++i) {
      const value = x[from + k];
      first += weight[i] * value;
      second += weight[i + stride] * value;
      third += weight[i + 2 * stride] * value;
      fourth += weight[i + 3 * stride] * value;
    }
    y[out + row] += first;
    y[out + row + 1] += second;
    y[out + row + 2] += third;
    y[out + row + 3] += fourth;
  }
  for (; row < rows; ++row, at += stride) y[out + row] += dot(weight, at, x, from, count);
}

const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

// ---- the layers ---------------------------------------------------------------------------------
// Each function makes one of a decoder's layers: from a layer of the document and its tensors a
// function of the input, whose result stays the same array at every call. Images are [H, W, C].

// W x + b; W has a row for each output.
function linear(weight, bias) {
  const y = new Float32Array(bias.length), columns = weight.length / bias.length;
  return (x) => {
    y.set(bias);
    addProducts(y, 0, y.length, weight, 0, columns, x, 0, columns);
    return y;
  };
}

// Of the window of a kernel that begins at `first`: the taps from..to that lie on `size` pixels.
const tapsOn = (first, kernel, size) => [Math.max(0, -first), Math.min(kernel, size - first)];

// The weight is [F, KH, KW, C]: within a row of a window pixels and weights lie side by side.
function convolution(layer, weight, bias) {
  const [height, width, channels] = layer.in, [rows, columns, filters] = layer.out;
  const [kernelHeight, kernelWidth] = layer.kernel, [strideY, strideX] = layer.stride;
  const [top, left] = layer.padding;
  const y = new Float32Array(rows * columns * filters);
  const window = kernelHeight * kernelWidth * channels;
  return (x) => {
    for (let row = 0, out = 0; row < rows; ++row) {
      const firstY = row * strideY - top;
      const [fromY, toY] = tapsOn(firstY, kernelHeight, height);
      for (let column = 0; column < columns; ++column, out += filters) {
        const firstX = column * strideX - left;
        const [fromX, toX] = tapsOn(firstX, kernelWidth, width);
        const run = Math.max(0, toX - fromX) * channels;
        y.set(bias, out);
        for (let tap = fromY; tap < toY; ++tap) {
          const at = (tap * kernelWidth + fromX) * channels;
          const pixel = ((firstY + tap) * width + firstX + fromX) * channels;
          addProducts(y, out, filters, weight, at, window, x, pixel, run);
        }
      }
    }
    return y;
  };
}

// [F, KH, KW, C] as [KH, KW, C, F], so that what a pixel of the large image takes from one of the
// small image is an inner product.
function filtersLast(weight, [filters, kernelHeight, kernelWidth, channels]) {
  const turned = new Float32Array(weight.length), taps = kernelHeight * kernelWidth * channels;
  for (let filter = 0, i = 0; filter < filters; ++filter) {
    for (let tap = 0; tap < taps; ++tap, ++i) turned[tap * filters + filter] = weight[i];
  }
  return turned;
}

// The taps of a kernel through which pixel `large` is reached, each with the pixel it comes from.
function sourcesOf(large, padding, kernel, stride, size) {
  const sources = [];
  for (let tap = 0; tap < kernel; ++tap) {
    const place = large + padding - tap;
    if (place >= 0 && place % stride === 0 && place / stride < size) {
      sources.push([tap, place / stride]);
    }
  }
  return sources;
}

// The adjoint of a convolution that makes its input of its output, and a bias.
function transposedConvolution(layer, weight, bias) {
  const [height, width, filters] = layer.in, [rows, columns, channels] = layer.out;
  const [kernelHeight, kernelWidth] = layer.kernel, [strideY, strideX] = layer.stride;
  const [top, left] = layer.padding;
  const turned = filtersLast(weight, [filters, kernelHeight, kernelWidth, channels]);
  const y = new Float32Array(rows * columns * channels);
  const down = [], across = [];
  for (let row = 0; row < rows; ++row) {
    down.push(sourcesOf(row, top, kernelHeight, strideY, height));
  }
  for (let column = 0; column < columns; ++column) {
    across.push(sourcesOf(column, left, kernelWidth, strideX, width));
  }
  return (x) => {
    for (let row = 0, out = 0; row < rows; ++row) {
      for (let column = 0; column < columns; ++column, out += channels) {
        y.set(bias, out);
        for (const [tapY, sourceY] of down[row]) {
          for (const [tapX, sourceX] of across[column]) {
            const pixel = (sourceY * width + sourceX) * filters;
            const at = (tapY * kernelWidth + tapX) * channels * filters;
            addProducts(y, out, channels, turned, at, filters, x, pixel, filters);
          }
        }
      }
    }
    return y;
  };
}

// Calls body(large, small) for the first channel of each pixel of a large image and of that one of
// a small image, `factor` times smaller, in which it lies.
function forPixels([rows, columns, channels], factor, body) {
  const width = columns / factor;
  for (let row = 0; row < rows; ++row) {
    for (let column = 0; column < columns; ++column) {
      const small = Math.floor(row / factor) * width + Math.floor(column / factor);
      body((row * columns + column) * channels, small * channels);
    }
  }
}

const layerKinds = {
  dense: (layer, [weight], [bias]) => linear(weight, bias),

  'gated dense': (layer, [weight, gateWeight], [bias, gateBias]) => {
    const value = linear(weight, bias), gate = linear(gateWeight, gateBias);
    return (x) => {
      const y = value(x), g = gate(x);
      for (let i = 0; i < y.length; ++i) y[i] *= sigmoid(g[i]);
      return y;
    };
  },

  conv: (layer, [weight], [bias]) => convolution(layer, weight, bias),

  deconv: (layer, [weight], [bias]) => transposedConvolution(layer, weight, bias),

  upsample: (layer) => {
    const y = new Float32Array(sizeOf(layer.out)), channels = layer.out[2];
    return (x) => {
      forPixels(layer.out, layer.factor, (large, small) => {
        for (let c = 0; c < channels; ++c) y[large + c] = x[small + c];
      });
      return y;
    };
  },

  pool: (layer) => {
    const y = new Float32Array(sizeOf(layer.out)), channels = layer.out[2];
    const share = 1 / (layer.factor * layer.factor);
    return (x) => {
      y.fill(0);
      forPixels(layer.in, layer.factor, (large, small) => {
        for (let c = 0; c < channels; ++c) y[small + c] += share * x[large + c];
      });
      return y;
    };
  },

  residual: (layer, weights, biases, numbers) => {
    const inner = makeLayers(layer.inner, numbers), y = new Float32Array(sizeOf(layer.out));
    return (x) => {
      const f = inner(x);
      for (let i = 0; i < y.length; ++i) y[i] = x[i] + f[i];
      return y;
    };
  },
};

function makeLayers(layers, numbers) {
  const steps = layers.map((layer) => {
    const tensors = (references) => references.map((reference) => numbers.array(reference));
    const step = layerKinds[layer.kind](layer, tensors(layer.weights), tensors(layer.biases),
        numbers);
    return {step, activation: activations[layer.follow]};
  });
  return (input) => steps.reduce((x, {step, activation}) => activate(step(x), activation), input);
}

// ---- E[x|z]: of a value from its outputs, which begin at place i --------------------------------

const clamped = (x, low, high) => Math.min(Math.max(x, low), high);

// sum over k = 1 .. 255 of P(level >= k), over 255. Far from the location that is 0 or 1.
function meanLevel(location, logScale) {
  const inverse = Math.exp(-clamped(logScale, -8, 8)), far = 20 / inverse;
  const from = clamped(Math.floor(255 * (location - far) + 0.5), 0, 255);
  const to = clamped(Math.ceil(255 * (location + far) + 0.5), 0, 255);
  let sum = from;
  for (let k = from + 1; k <= to; ++k) sum += sigmoid((location - (k - 0.5) / 255) * inverse);
  return sum / 255;
}

const means = {
  bernoulli: (outputs, i) => sigmoid(outputs[i]),
  gaussian: (outputs, i) => outputs[i],
  logistic: (outputs, i) => meanLevel(outputs[i], outputs[i + 1]),
  'beta-binomial': (outputs, i) => {
    const alpha = clamped(outputs[i], -12, 12), beta = clamped(outputs[i + 1], -12, 12);
    return sigmoid(alpha - beta);
  },
};

// From a code z, and what the decoder is told, to the values of an image.
class Decoder {
  constructor(model, numbers) {
    this.layers = makeLayers(model.layers, numbers);
    this.mean = means[model.likelihood];
    this.outputsPerValue = model.outputs_per_value;
    const positions = model.latent.length === 3 ? model.latent[0] * model.latent[1] : 1;
    this.channels = sizeOf(model.latent) / positions;
    this.input = new Float32Array(sizeOf(model.latent) + positions * model.condition.size);
    const {height, width, channels} = model.image;
    this.values = new Float32Array(height * width * channels);
  }

  // What is told stands behind z, at every position where z is an image.
  decode(z, told) {
    for (let from = 0, to = 0; from < z.length; from += this.channels) {
      for (let k = 0; k < this.channels; ++k) this.input[to++] = z[from + k];
      for (let k = 0; k < told.length; ++k) this.input[to++] = told[k];
    }
    const outputs = this.layers(this.input);
    for (let i = 0; i < this.values.length; ++i) {
      this.values[i] = this.mean(outputs, i * this.outputsPerValue);
    }
    return this.values;
  }
}

// ---- the page -----------------------------------------------------------------------------------

const mostSliders = 100;  // more are no list any more
const mostClassButtons = 24;

const byId = (id) => document.getElementById(id);
const percent = (share) => Math.round(100 * share) + ' %';
const tickText = (tick) => String(+tick.toPrecision(6));  // 0.3, not 0.30000000000000004

// Puts values of an image into a canvas of its size: grey, RGB, or a grey tile for each channel.
// The bytes of ImageData clip and round what they are given.
function paint(canvas, values, image) {
  const {height, width, channels, tile_columns: tileColumns, tile_rows: tileRows} = image;
  const tiles = channels === 1 || channels === 3 ? 1 : channels, depth = channels / tiles;
  if (canvas.width !== width * tileColumns || canvas.height !== height * tileRows) {
    canvas.width = width * tileColumns;
    canvas.height = height * tileRows;
  }
  const pixels = new ImageData(canvas.width, canvas.height), bytes = pixels.data;
  for (let i = 3; i < bytes.length; i += 4) bytes[i] = 255;
  for (let tile = 0; tile < tiles; ++tile) {
    const left = tile % tileColumns * width, top = Math.floor(tile / tileColumns) * height;
    for (let y = 0; y < height; ++y) {
      for (let x = 0; x < width; ++x) {
        const from = (y * width + x) * channels + tile * depth;
        const to = ((top + y) * canvas.width + left + x) * 4;
        for (let c = 0; c < 3; ++c) bytes[to + c] = 255 * values[from + (depth === 3 ? c : 0)];
      }
    }
  }
  canvas.getContext('2d').putImageData(pixels, 0, 0);
}

// The images of the map, and where they lie.
class Dots {
  constructor(model, numbers) {
    const {count, images, codes, points, labels, told} = model.dots;
    const read = (reference) => (reference ? numbers.array(reference) : null);
    this.count = count;
    this.width = sizeOf(model.latent);
    this.images = read(images);
    this.codes = read(codes);
    this.points = read(points);
    this.labels = read(labels);
    this.told = read(told);
    this.classes = new Map(model.map.classes.map((each) => [each.label, each]));
    this.sheet = model.thumbnails;
    this.picture = new Image();
    this.picture.src = this.sheet.source;
  }

  code(dot) { return this.codes.subarray(dot * this.width, (dot + 1) * this.width); }

  words(dot) {
    const number = 'image ' + this.images[dot];
    return this.labels ? number + ': ' + this.classes.get(this.labels[dot]).name : number;
  }

  colour(dot, otherwise) {
    return this.labels ? this.classes.get(this.labels[dot]).colour : otherwise;
  }

  // The nearest one to a point of the map, and its distance there.
  nearest(x, y) {
    let best = 0, least = Infinity;
    for (let dot = 0; dot < this.count; ++dot) {
      const dx = this.points[2 * dot] - x, dy = this.points[2 * dot + 1] - y;
      const square = dx * dx + dy * dy;
      if (square < least) [best, least] = [dot, square];
    }
    return {dot: best, distance: Math.sqrt(least)};
  }

  async show(canvas, dot) {
    const {columns, height, width} = this.sheet;
    canvas.width = width;
    canvas.height = height;
    canvas.dataset.dot = dot;
    await this.picture.decode();
    if (+canvas.dataset.dot !== dot) return;  // another one meanwhile
    const left = dot % columns * width, top = Math.floor(dot / columns) * height;
    canvas.getContext('2d').drawImage(this.picture, left, top, width, height, 0, 0, width, height);
  }
}

// The plane of the map within the space of codes: origin + x first + y second. With one dimension a
// height means nothing, and stays.
class Plane {
  constructor(map, numbers, width) {
    const values = numbers.array(map.plane);
    this.origin = values.subarray(0, width);
    this.axes = [];
    for (let axis = 1; axis <= map.axes; ++axis) {
      this.axes.push(values.subarray(axis * width, (axis + 1) * width));
    }
  }

  code(point) {
    return this.origin.map((start, k) => this.axes.reduce(
        (sum, axis, i) => sum + point[i] * axis[k], start));
  }

  point(code, height) {
    const place = this.axes.map((axis) => axis.reduce(
        (sum, value, k) => sum + value * (code[k] - this.origin[k]), 0));
    return place.length === 2 ? place : [place[0], height];
  }
}

// Draws the map: dots once, what moves above them.
class MapView {
  constructor(canvas, map, dots) {
    this.canvas = canvas;
    this.map = map;
    this.dots = dots;
    this.still = document.createElement('canvas');
  }

  x(value) {
    const [low, high] = [this.map.low[0], this.map.high[0]];
    return (value - low) / (high - low) * this.side;
  }

  y(value) {
    const [low, high] = [this.map.low[1], this.map.high[1]];
    return (high - value) / (high - low) * this.side;
  }

  // The point of the map at a place of the canvas, in CSS pixels.
  pointAt(x, y) {
    const {low, high} = this.map, side = this.canvas.clientWidth;
    return [low[0] + x / side * (high[0] - low[0]), high[1] - y / side * (high[1] - low[1])];
  }

  lengthOf(pixels) {
    return pixels / this.canvas.clientWidth * (this.map.high[0] - this.map.low[0]);
  }

  resize() {
    this.ratio = window.devicePixelRatio || 1;
    this.side = Math.max(1, Math.round(this.canvas.clientWidth * this.ratio));
    for (const canvas of [this.canvas, this.still]) canvas.width = canvas.height = this.side;
    this.drawStill(this.still.getContext('2d'));
  }

  drawStill(context) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    context.clearRect(0, 0, this.side, this.side);
    this.text = colour('--text');
    this.card = colour('--card');
    this.drawGrid(context, colour('--rule'), colour('--quiet'));
    const size = (this.dots.count > 600 ? 1.9 : 2.6) * this.ratio;
    context.globalAlpha = 0.8;
    for (let dot = 0; dot < this.dots.count; ++dot) {
      context.fillStyle = this.dots.colour(dot, this.map.colour);
      context.beginPath();
      context.arc(this.x(this.dots.points[2 * dot]), this.y(this.dots.points[2 * dot + 1]), size, 0,
          2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    if (!this.map.named_in_place) return;
    for (const {name, x, y} of this.map.classes) {
      this.write(context, name, this.x(x), this.y(y), 14);
    }
  }

  drawGrid(context, rule, quiet) {
    context.strokeStyle = rule;
    context.lineWidth = this.ratio;
    context.font = 11 * this.ratio + 'px system-ui, sans-serif';
    context.fillStyle = quiet;
    context.strokeRect(0, 0, this.side, this.side);
    for (const tick of this.map.x_ticks) {
      context.strokeRect(this.x(tick), 0, 0, this.side);
      context.fillText(tickText(tick), this.x(tick) + 3 * this.ratio, this.side - 4 * this.ratio);
    }
    for (const tick of this.map.y_ticks) {
      context.strokeRect(0, this.y(tick), this.side, 0);
      context.fillText(tickText(tick), 4 * this.ratio, this.y(tick) - 3 * this.ratio);
    }
  }

  // A short text around a place, readable on dots.
  write(context, text, x, y, size) {
    context.font = '600 ' + size * this.ratio + 'px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.lineJoin = 'round';
    context.lineWidth = 3.5 * this.ratio;
    context.strokeStyle = this.card;
    context.fillStyle = this.text;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
    context.textAlign = 'start';
    context.textBaseline = 'alphabetic';
  }

  // `marked` is where the reader is, ends the two chosen images.
  draw(marked, ends) {
    if (this.canvas.clientWidth === 0) return;
    if (!this.side) this.resize();
    const context = this.canvas.getContext('2d');
    context.clearRect(0, 0, this.side, this.side);
    context.drawImage(this.still, 0, 0);
    const places = ends.map(([x, y]) => [this.x(x), this.y(y)]);
    context.strokeStyle = this.text;
    context.lineWidth = 1.5 * this.ratio;
    context.setLineDash([4 * this.ratio, 4 * this.ratio]);
    context.beginPath();
    context.moveTo(...places[0]);
    context.lineTo(...places[1]);
    context.stroke();
    context.setLineDash([]);
    places.forEach(([x, y], i) => this.write(context, 'AB'[i], x, y, 16));
    // A code from outside of the map is marked at its edge.
    const [x, y] = [this.x(marked[0]), this.y(marked[1])].map((at) => clamped(at, 0, this.side));
    for (const [width, colour] of [[5, this.card], [2.5, this.text]]) {
      context.lineWidth = width * this.ratio;
      context.strokeStyle = colour;
      context.beginPath();
      context.arc(x, y, 8 * this.ratio, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

// What the decoder may be told, and the prior that belongs to it, row by row.
class Conditions {
  constructor(model, numbers, width) {
    const {kind, size, rows, names} = model.condition;
    this.kind = kind;
    this.size = size;
    this.names = names || [];
    this.rows = rows ? numbers.array(rows) : new Float32Array(0);
    this.width = width;
    this.mean = model.prior ? numbers.array(model.prior.mean) : null;
    this.deviation = model.prior ? numbers.array(model.prior.deviation) : null;
    this.draws = model.prior && model.prior.draws ? numbers.array(model.prior.draws) : null;
    this.drawsOfRow = this.draws ? model.prior.draws_of_row : 0;
  }

  told(row) { return this.rows.slice(row * this.size, (row + 1) * this.size); }

  // Mean and deviation of dimension k under the prior, where row `row` is told.
  prior(row, k) {
    if (!this.mean) return [0, 1];
    const at = this.rowOfPrior(row) * this.width + k;
    return [this.mean[at], this.deviation[at]];
  }

  // It may be one for all rows.
  rowOfPrior(row) { return this.mean.length === this.width ? 0 : row; }

  // One of the codes that the program has drawn, where the prior is no Gaussian.
  drawn(row) {
    const some = Math.floor(Math.random() * this.drawsOfRow);
    const at = (this.rowOfPrior(row) * this.drawsOfRow + some) * this.width;
    return this.draws.subarray(at, at + this.width);
  }
}

// A draw from N(0, 1). [Box & Muller 1958]
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function mixed(a, b, share) { return a.map((value, k) => (1 - share) * value + share * b[k]); }

// A list of buttons or, of many, a menu.
function makeChoice(parent, names, choose) {
  if (names.length > mostClassButtons) {
    const menu = document.createElement('select');
    names.forEach((name, i) => menu.add(new Option(name, i)));
    menu.addEventListener('change', () => choose(+menu.value));
    parent.append(menu);
    return (chosen) => { menu.value = chosen; };
  }
  const buttons = names.map((name, i) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = name;
    button.addEventListener('click', () => choose(i));
    parent.append(button);
    return button;
  });
  return (chosen) => buttons.forEach((button, i) => {
    button.setAttribute('aria-pressed', String(i === chosen));
  });
}

class Explorer {
  constructor(model, numbers) {
    const width = sizeOf(model.latent);
    this.model = model;
    this.decoder = new Decoder(model, numbers);
    this.dots = new Dots(model, numbers);
    this.plane = new Plane(model.map, numbers, width);
    this.conditions = new Conditions(model, numbers, width);
    this.view = new MapView(byId('map'), model.map, this.dots);
    this.row = 0;  // of the conditions: what is told, or most of it
    this.told = this.conditions.told(0);
    this.z = new Float32Array(width);
    this.point = [0, 0];
    this.ends = this.firstEnds();
    this.frames = 0;
    this.milliseconds = 0;
    this.makeLegend();
    this.makeClasses();
    this.makeSliders();
    this.listen();
    this.listenToMap();
    this.showEnd(0);
    this.showEnd(1);
    this.showImage(this.ends[0]);
  }

  // Two images to begin with: the first one, and one of another class.
  firstEnds() {
    const {labels, count} = this.dots;
    const other = labels ? labels.findIndex((label) => label !== labels[0]) : -1;
    return [0, other > 0 ? other : count - 1];
  }

  // ---- what is decoded ----

  // Decodes before the next frame is drawn; of several wishes within one the last.
  show(z, words) {
    this.z.set(z);
    this.words = words;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.frame();
    });
  }

  frame() {
    const start = performance.now();
    paint(byId('picture'), this.decoder.decode(this.z, this.told), this.model.image);
    this.view.draw(this.point, this.ends.map((dot) => this.pointOf(dot)));
    this.updateSliders();
    byId('words').textContent = this.words;
    this.milliseconds = performance.now() - start;
    ++this.frames;
    byId('time').textContent = this.milliseconds.toFixed(1) + ' ms';
  }

  tell(row) {
    if (this.conditions.kind === 'none') return;
    this.row = row;
    this.told = this.conditions.told(row);
    this.markClass(row);
  }

  pointOf(dot) { return [this.dots.points[2 * dot], this.dots.points[2 * dot + 1]]; }

  showPoint(point) {
    this.point = point;
    this.showNearest();
    this.show(this.plane.code(point), 'A point of the map');
  }

  showImage(dot) {
    if (this.dots.told) this.tell(this.dots.told[dot]);
    this.point = this.pointOf(dot);
    this.showNearest();
    this.show(this.dots.code(dot), 'The code of ' + this.dots.words(dot));
  }

  // A code that was not made by the map.
  showCode(z, words) {
    this.point = this.plane.point(z, this.point[1]);
    this.showNearest();
    this.show(z, words);
  }

  // The code that lies so many deviations from the prior's mean.
  showPrior(words, deviations) {
    this.showCode(this.z.map((value, k) => {
      const [mean, deviation] = this.conditions.prior(this.row, k);
      return mean + deviation * deviations();
    }), words);
  }

  showDraw() {
    const words = 'A draw from the prior';
    if (this.conditions.draws) this.showCode(this.conditions.drawn(this.row), words);
    else this.showPrior(words, normal);
  }

  showWay(share) {
    const [a, b] = this.ends;
    if (this.dots.told) {
      const [from, to] = [this.dots.told[a], this.dots.told[b]];
      this.tell(share < 0.5 ? from : to);
      this.told = mixed(this.conditions.told(from), this.conditions.told(to), share);
    }
    this.showCode(mixed(this.dots.code(a), this.dots.code(b), share),
        percent(share) + ' of the way from A to B');
  }

  // The same place within the prior of another class.
  showClass(row) {
    const before = this.row;
    this.tell(row);
    this.showCode(this.z.map((value, k) => {
      const [oldMean, oldDeviation] = this.conditions.prior(before, k);
      const [mean, deviation] = this.conditions.prior(row, k);
      return mean + (value - oldMean) / (oldDeviation || 1) * deviation;
    }), 'Class ' + this.conditions.names[row]);
  }

  // ---- the parts of the page ----

  makeLegend() {
    const {map} = this.model;
    byId('x-axis').textContent = '\u2192 ' + map.x_axis;
    byId('y-axis').textContent = map.y_axis ? '\u2191 ' + map.y_axis : '';
    byId('map-note').textContent = map.note;
    byId('map-note').hidden = !map.note;
    byId('legend').hidden = map.classes.length === 0;
    for (const {name, colour} of map.classes) {
      const item = document.createElement('li'), swatch = document.createElement('i');
      swatch.style.background = colour;
      item.append(swatch, name);
      byId('legend').append(item);
    }
  }

  makeClasses() {
    const shown = this.conditions.kind === 'label';
    byId('classes').hidden = !shown;
    document.querySelector('.explorer').classList.toggle('without-classes', !shown);
    const set = makeChoice(byId('classes').querySelector('.buttons'), this.conditions.names,
        (row) => this.showClass(row));
    this.markClass = shown ? set : () => {};
  }

  // Far enough for every image of the map, and for draws.
  rangeOf(k) {
    const [mean, deviation] = this.conditions.prior(this.row, k);
    let low = mean - 3 * deviation, high = mean + 3 * deviation;
    for (let at = k; at < this.dots.codes.length; at += this.z.length) {
      low = Math.min(low, this.dots.codes[at]);
      high = Math.max(high, this.dots.codes[at]);
    }
    return [low, high];
  }

  makeSliders() {
    const {order, kl} = this.model;
    const most = Math.max(...order.slice(0, 1).map((k) => kl[k]), 1e-9);
    this.sliders = order.slice(0, mostSliders).map((k) => this.makeSlider(k, kl[k], most));
    byId('sliders-note').hidden = order.length <= mostSliders;
    byId('sliders-note').textContent = 'These are ' + mostSliders + ' of ' + order.length +
        '; the others stay as the code has them.';
  }

  makeSlider(k, kl, most) {
    const row = document.createElement('label'), name = document.createElement('span');
    const input = document.createElement('input'), output = document.createElement('output');
    const numbers = document.createElement('span'), bar = document.createElement('i');
    row.className = 'slider';
    numbers.className = 'kl';
    numbers.textContent = ' KL ' + kl.toFixed(2);
    bar.className = 'bar';
    bar.style.width = 100 * Math.max(0, kl) / most + '%';
    bar.style.background = 'var(--bar)';
    name.append('z' + k, numbers, bar);
    [input.min, input.max] = this.rangeOf(k);
    input.type = 'range';
    input.step = 'any';
    input.setAttribute('aria-label', 'latent dimension ' + k + ', KL ' + kl.toFixed(2) + ' nats');
    input.addEventListener('input', () => {
      const z = this.z.slice();
      z[k] = +input.value;
      this.showCode(z, 'z' + k + ' = ' + z[k].toFixed(2));
    });
    row.append(name, input, output);
    byId('sliders').append(row);
    return {k, input, output};
  }

  updateSliders() {
    for (const {k, input, output} of this.sliders) {
      const value = this.z[k];
      if (value < +input.min) input.min = value;
      if (value > +input.max) input.max = value;
      if (document.activeElement !== input || Math.fround(+input.value) !== value) {
        input.value = value;
      }
      output.textContent = value.toFixed(2);
    }
  }

  showNearest() {
    const {dot} = this.dots.nearest(...this.point);
    if (this.near === dot) return;
    this.near = dot;
    byId('near-words').textContent = 'Nearest: ' + this.dots.words(dot);
    this.dots.show(byId('near'), dot);
  }

  showEnd(end) {
    const dot = this.ends[end], letter = 'ab'[end];
    const told = this.dots.told ? this.conditions.told(this.dots.told[dot]) : this.told;
    this.dots.show(byId('image-' + letter), dot);
    paint(byId('decoded-' + letter), this.decoder.decode(this.dots.code(dot), told),
        this.model.image);
    byId('words-' + letter).textContent = letter.toUpperCase() + ': ' + this.dots.words(dot);
  }

  choose(end, dot) {
    this.ends[end] = dot;
    this.showEnd(end);
    byId('way').value = end;
    this.showWay(end);
  }

  // ---- what the reader does ----

  listen() {
    const on = (id, kind, body) => byId(id).addEventListener(kind, body);
    on('draw', 'click', () => this.showDraw());
    on('reset', 'click', () => this.showPrior('The mean of the prior', () => 0));
    on('way', 'input', () => this.showWay(+byId('way').value));
    on('decode-near', 'click', () => this.showImage(this.near));
    on('take-a', 'click', () => this.choose(0, this.near));
    on('take-b', 'click', () => this.choose(1, this.near));
    const redraw = () => {
      this.view.resize();
      this.view.draw(this.point, this.ends.map((dot) => this.pointOf(dot)));
    };
    new ResizeObserver(redraw).observe(byId('map'));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  }

  listenToMap() {
    const canvas = byId('map');
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.dragging = true;
      this.hover(null);
      this.showPoint(this.view.pointAt(event.offsetX, event.offsetY));
    });
    canvas.addEventListener('pointermove', (event) => {
      if (this.dragging) {
        this.showPoint(this.view.pointAt(event.offsetX, event.offsetY));
      } else if (event.pointerType === 'mouse') {
        this.hover(event);
      }
    });
    for (const kind of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(kind, () => { this.dragging = false; });
    }
    canvas.addEventListener('pointerleave', () => this.hover(null));
    canvas.addEventListener('keydown', (event) => this.press(event));
  }

  // The image under the pointer, if there is one.
  hover(event) {
    const box = byId('hover');
    const found = event && this.dots.nearest(...this.view.pointAt(event.offsetX, event.offsetY));
    box.hidden = !found || found.distance > this.view.lengthOf(12);
    if (box.hidden) return;
    box.querySelector('span').textContent = this.dots.words(found.dot);
    this.dots.show(box.querySelector('canvas'), found.dot);
    const right = event.offsetX > this.view.canvas.clientWidth / 2;
    box.style.left = right ? '' : event.offsetX + 14 + 'px';
    box.style.right = right ? this.view.canvas.clientWidth - event.offsetX + 14 + 'px' : '';
    box.style.top = Math.max(0, event.offsetY - 20) + 'px';
  }

  press(event) {
    const arrows = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1]};
    const ends = {a: 0, b: 1};
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in arrows) {
      const step = this.view.lengthOf(event.shiftKey ? 32 : 6);
      const [dx, dy] = arrows[event.key];
      this.showPoint([this.point[0] + dx * step, this.point[1] + dy * step]);
    } else if (event.key.toLowerCase() in ends) {
      this.choose(ends[event.key.toLowerCase()], this.near);
    } else {
      return;
    }
    event.preventDefault();
  }
}

if (typeof document !== 'undefined') {
  const numbers = new Numbers(byId('numbers').textContent);
  byId('numbers').remove();
  window.explorer = new Explorer(JSON.parse(byId('model').textContent), numbers);
}
