// Makes the screenshots of a user interface smaller: 256 colours, and the closest of them for the others.
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = 8;
/** The bytes of a chunk beside its data: length, type, checksum. */
const FRAME = 12;
const COLOURS = 256;
/** Colours that are the same in these bits are of a kind. */
const KIND = 0xe0e0e0;

/** The chunks of a PNG: type and data. */
function* chunks(png) {
  for (let at = SIGNATURE; at < png.length; ) {
    const length = png.readUInt32BE(at);
    yield [png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + length)];
    at += FRAME + length;
  }
}

/** What PNG predicts from the neighbours to the left, above, and above to the left. */
function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [a, b, c] = [left, above, corner].map((one) => Math.abs(guess - one));
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

/** The colour of each pixel, as one number. */
function pixels(png) {
  let header;
  const parts = [];
  for (const [type, data] of chunks(png)) {
    if (type === 'IHDR') header = data;
    if (type === 'IDAT') parts.push(data);
  }
  const [width, height, depth, kind] = [header.readUInt32BE(0), header.readUInt32BE(4), header[8], header[9]];
  const size = { 2: 3, 6: 4 }[kind];
  if (depth !== 8 || size === undefined || header[12] !== 0) throw new Error('not a screenshot');
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * size;
  const found = new Uint32Array(width * height);
  let before = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const row = new Uint8Array(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let at = 0; at < stride; at++) {
      const [left, corner] = at >= size ? [row[at - size], before[at - size]] : [0, 0];
      const above = before[at];
      const guess = [0, left, above, (left + above) >> 1, filter === 4 ? paeth(left, above, corner) : 0][filter];
      row[at] += guess;
    }
    for (let x = 0; x < width; x++) {
      const at = x * size;
      found[y * width + x] = (row[at] << 16) | (row[at + 1] << 8) | row[at + 2];
    }
    before = row;
  }
  return { width, height, found };
}

const bytesOf = (colour) => [colour >> 16, (colour >> 8) & 255, colour & 255];

/** A palette, and the place of each colour in it. */
function paletteOf(found) {
  const counts = new Map();
  for (const colour of found) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const byCount = [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one));
  // One of each kind first, so that a rare hue keeps its own; then whatever else is common.
  const kinds = new Map();
  for (const colour of byCount) if (!kinds.has(colour & KIND)) kinds.set(colour & KIND, colour);
  const palette = [...new Set([...kinds.values(), ...byCount])].slice(0, COLOURS);
  const far = (one, other) => bytesOf(one).reduce((sum, part, at) => sum + (part - bytesOf(other)[at]) ** 2, 0);
  const places = new Map(palette.map((colour, place) => [colour, place]));
  for (const colour of byCount) {
    if (places.has(colour)) continue;
    let closest = 0;
    for (let place = 1; place < palette.length; place++) {
      if (far(colour, palette[place]) < far(colour, palette[closest])) closest = place;
    }
    places.set(colour, closest);
  }
  return { palette, places };
}

function chunk(type, data) {
  const whole = Buffer.alloc(FRAME + data.length);
  whole.writeUInt32BE(data.length, 0);
  whole.write(type, 4, 'latin1');
  data.copy(whole, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, 8 + data.length)), 8 + data.length);
  return whole;
}

/** The same picture in fewer bytes. */
export function smaller(png) {
  const { width, height, found } = pixels(png);
  const { palette, places } = paletteOf(found);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = places.get(found[y * width + x]);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    png.subarray(0, SIGNATURE),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap(bytesOf))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
