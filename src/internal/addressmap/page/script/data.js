// The data of the page by name, and addresses as numbers.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const size = 256; // of a block

// make returns an element; children are elements or text.
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined && c !== ""));
  return element;
}

const counted = (n, noun, many) => n === 1 ? "1 " + noun : n.toLocaleString("en") + " " + (many || noun + "s");

// ---- the data, by name ----

const state = { segment: 0, colour: "kind", lit: null, litName: "" };

const kindOf = (h) => data.kinds[h[0]];
const ownerOf = (h) => {
  const [director, deployment, group, network, property] = data.owners[h[1]];
  return { director, deployment, group, network, property };
};

// holderName says who has it: "pgpool/1 of pgpool".
function holderName(h, address) {
  const o = ownerOf(h), kind = kindOf(h).id;
  if (kind === "static" && o.group) {
    const [first, last] = ends(h[2]);
    let instance = o.group + "/" + h[6];
    if (address !== undefined) instance = o.group + "/" + (h[6] + Number(address - first));
    else if (last > first) instance += "–" + (h[6] + Number(last - first));
    return instance + (o.deployment ? " of " + o.deployment : "");
  }
  if (kind === "create-env") return o.deployment;
  if (o.property) return o.property + (o.deployment ? " of " + o.deployment : "");
  if (o.network) return "network " + o.network + (o.deployment ? " of " + o.deployment : "");
  return "";
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// alone tells what is told one by one from what several say alike: that an
// address is a gateway, or reserved.
const alone = (h) => ["use", "pool"].includes(kindOf(h).is);

// grouped returns the holdings of a span; those that say the same in one group.
function grouped(segment, span) {
  const groups = [];
  for (const i of span[2]) {
    const h = segment.h[i], like = alone(h) ? undefined : groups.find((g) => g[0][0] === h[0]);
    if (like) like.push(h);
    else groups.push([h]);
  }
  return groups;
}

// place is the file and line of a holding; where each of its addresses has a line
// of its own, that of the address.
function place(h, address) {
  const file = data.files[h[3]], [, , range, , line, last] = h;
  if (!line) return file;
  const [from, to] = ends(range);
  if (BigInt(last - line) === to - from) return file + ":" + (line + Number(address - from));
  return file + ":" + line + (last > line ? "–" + last : "");
}

// addresses are BigInts; IPv6 ones lie above all IPv4 ones.
const above4 = 1n << 32n;
function parseAddress(text) {
  const parts = text.split(".");
  if (parts.length === 4 && parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) < 256)) {
    return parts.reduce((n, p) => n * 256n + BigInt(p), 0n);
  }
  if (!/^[0-9a-f:]+$/i.test(text) || !text.includes(":")) return null;
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const groups = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - groups.flat().length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = halves.length === 2 ? [...groups[0], ...Array(missing).fill("0"), ...groups[1]] : groups[0];
  if (!all.every((g) => /^[0-9a-f]{1,4}$/i.test(g))) return null;
  return above4 + all.reduce((n, g) => n * 65536n + BigInt("0x" + g), 0n);
}

// ends returns the first and last address of "a", "a-b" or a CIDR.
function ends(text) {
  const slash = text.split("/");
  if (slash.length === 2) {
    const first = parseAddress(slash[0]);
    if (first === null || !/^\d{1,3}$/.test(slash[1])) return null;
    const width = first >= above4 ? 128 : 32;
    if (Number(slash[1]) > width) return null;
    const count = 1n << BigInt(width - Number(slash[1]));
    const base = first >= above4 ? above4 : 0n;
    const from = (first - base) / count * count + base;
    return [from, from + count - 1n];
  }
  const [a, b] = text.split("-").map((t) => parseAddress(t.trim()));
  return a === null || b === null ? null : [a, b === undefined ? a : b];
}

const blockEnds = (block) => block.ends || (block.ends = ends(block[0]));
const addressText = (block, n) => block[2] < 0 ? block[1] + n : block[1] + (block[2] * size + n).toString(16);
const spanAt = (block, n) => block[4].find((s) => n >= s[0] && n < s[0] + s[1]);

// clashOf is 2 for a conflict about an address in use, 1 for pools that overlap.
function clashOf(segment, span) {
  let worst = 0;
  for (const i of span[3]) worst = Math.max(worst, segment.c[i][3] ? 1 : 2);
  return worst;
}

const isLit = (segment, span) => !state.lit || span[2].some((i) => state.lit(segment.h[i]));
