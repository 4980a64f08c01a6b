"use strict";
// Draws the data of the page. What comes from files is only ever set as text.
(() => {
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

// ---- colours ----

const style = getComputedStyle(document.documentElement);
const isDark = matchMedia("(prefers-color-scheme: dark)");
const hues = [212, 162, 276, 44, 190, 318, 96, 240, 70, 140, 296, 30]; // red is for conflicts

function directorColour(name, pale) {
  const segment = data.segments[state.segment];
  const i = segment.d.findIndex((d) => directorName(d) === name);
  if (i < 0) return pale ? style.getPropertyValue("--soft") : style.getPropertyValue("--external");
  const hue = i < hues.length ? hues[i] : (i * 137) % 340 + 15;
  if (isDark.matches) return pale ? `hsl(${hue} 38% 27%)` : `hsl(${hue} 72% 64%)`;
  return pale ? `hsl(${hue} 62% 86%)` : `hsl(${hue} 62% 40%)`;
}

// directorName is empty for manifests of no director.
const directorName = (i) => data.directors[i];

// look says how a span is drawn: class, fill colour and sign.
function look(segment, span) {
  const clash = clashOf(segment, span);
  if (clash === 2) return { name: "bad", fill: style.getPropertyValue("--bad"), sign: "!" };
  if (span[2].length === 0) return { name: "is-nobody", fill: style.getPropertyValue("--nobody"), sign: "" };
  const h = segment.h[span[2][0]], kind = kindOf(h);
  const l = holdingLook(h);
  if (clash === 1 && kind.is === "pool") {
    const director = ownerOf(h).director;
    const rival = span[2].map((i) => segment.h[i]).find((o) => kindOf(o).is === "pool" && ownerOf(o).director !== director);
    return { name: "overlap", fill: l.fill, other: rival ? holdingLook(rival).fill : l.fill, sign: "" };
  }
  return l;
}

function holdingLook(h) {
  const kind = kindOf(h), pale = kind.is === "pool";
  let fill = style.getPropertyValue("--" + kind.id);
  if (state.colour === "director" && (kind.is === "use" || pale)) fill = directorColour(ownerOf(h).director, pale);
  if (kind.is === "reserved") fill = style.getPropertyValue("--reserved-flat");
  return { name: "is-" + kind.is, fill, sign: kind.is === "use" || kind.is === "reference" ? kind.sign : "" };
}

function colour(element, l) {
  element.style.setProperty("--fill", l.fill);
  if (l.other) element.style.setProperty("--other", l.other);
}

// flat is the colour of a span where only one fits.
function flat(segment, span) {
  const l = look(segment, span);
  return l.name === "overlap" ? style.getPropertyValue("--overlap-flat") : l.fill;
}

function swatch(l) {
  const s = make("span", { class: "swatch " + l.name, "aria-hidden": "true" }, l.sign);
  colour(s, l);
  return s;
}

// ---- the list of segments ----

function drawSummary() {
  const conflicts = data.segments.reduce((n, s) => n + s.c.length, 0);
  byId("summary").textContent = [counted(data.directors.length, "director"), counted(data.segments.length, "segment"),
    conflicts ? counted(conflicts, "conflict") : "no conflicts"].join(" · ") + (data.version ? " · ipguard " + data.version : "");
  const notice = byId("notice");
  if (data.failures || data.hidden) {
    notice.hidden = false;
    if (data.failures) notice.append("This map is not whole. Not read: ", make("ul", {}, ...data.failures.map((f) => make("li", {}, f))));
    if (data.hidden) notice.append(counted(data.hidden, "value hides", "values hide") + " behind variables and " + (data.hidden === 1 ? "is" : "are") + " not in this map: ipguard lint tells which.");
  }
}

const buttons = []; // of the list, by segment; none for those that are left out

function drawList() {
  const only = byId("only").checked;
  buttons.length = 0;
  const items = [];
  data.segments.forEach((s, i) => {
    if (only && s.c.length === 0) return;
    const canvas = make("canvas", { width: 256, height: 1, "aria-hidden": "true" });
    buttons[i] = make("button", { type: "button", title: s.n, onclick: () => choose(i, true) },
      make("span", { class: "name" }, s.n),
      s.c.length ? make("span", { class: "count" }, String(s.c.length), make("span", { class: "hidden" }, s.c.length === 1 ? " conflict" : " conflicts")) : make("span"),
      s.r === s.n ? "" : make("span", { class: "mono" }, s.r), canvas);
    later(canvas, () => drawStrip(canvas, s));
    items.push(make("li", {}, buttons[i]));
  });
  byId("list").replaceChildren(...items);
  markChosen();
}

function markChosen() {
  buttons.forEach((button, i) => {
    if (i === state.segment) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
  const nav = byId("list").closest(".segments"), button = buttons[state.segment];
  if (button && button.offsetHeight && nav.scrollHeight > nav.clientHeight) { // in sight, without scrolling the page
    const at = button.getBoundingClientRect(), box = nav.getBoundingClientRect();
    if (at.top < box.top || at.bottom > box.bottom) nav.scrollTop += at.top - box.top - box.height / 3;
  }
  byId("chosen").textContent = data.segments[state.segment] ? data.segments[state.segment].n : "";
}

// later calls a function when an element comes into sight.
const waiting = new WeakMap();
const observer = new IntersectionObserver((entries) => {
  for (const e of entries) {
    if (!e.isIntersecting) continue;
    observer.unobserve(e.target);
    const draw = waiting.get(e.target);
    if (draw) draw();
  }
}, { rootMargin: "400px" });
function later(element, draw) { waiting.set(element, draw); observer.observe(element); }

// drawStrip draws a whole segment in 256 columns, the worst of each.
function drawStrip(canvas, segment) {
  const context = canvas.getContext("2d");
  const all = segment.b.length * size;
  const drawn = new Array(256).fill(-1);
  segment.b.forEach((block, k) => {
    for (const span of block[4]) {
      const first = block[3] ? 0 : span[0], length = block[3] ? size : span[1];
      const from = Math.floor((k * size + first) * 256 / all), to = Math.floor((k * size + first + length - 1) * 256 / all);
      const weight = clashOf(segment, span) * 10 + (span[2].length === 0 ? 0 : { use: 4, reference: 3, pool: 2, reserved: 1 }[kindOf(segment.h[span[2][0]]).is]);
      context.fillStyle = flat(segment, span);
      for (let x = from; x <= to; x++) if (weight > drawn[x]) { drawn[x] = weight; context.fillRect(x, 0, 1, 1); }
    }
  });
}

// ---- one segment ----

function choose(i, fromUser) {
  state.segment = i;
  hideDetails();
  markChosen();
  drawSegment();
  if (fromUser) {
    history.replaceState(null, "", "#" + encodeURIComponent(data.segments[i].n));
    if (matchMedia("(max-width: 760px)").matches) byId("chooser").open = false;
    byId("segment").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function drawSegment() {
  const segment = data.segments[state.segment], main = byId("segment");
  if (!segment) { main.replaceChildren(make("p", { class: "quiet" }, "The fleet has no addresses.")); return; }
  const directors = segment.d.map(directorName);
  const parts = [
    make("div", { class: "title" }, make("h2", {}, segment.n), segment.r !== segment.n ? make("span", { class: "mono" }, segment.r) : ""),
    make("p", { class: "meta" }, [directors.length ? (directors.length === 1 ? "Director " : "Directors ") + directors.join(", ") : "",
      segment.a ? "taken for one segment: nothing proves the contrary" : ""].filter((t) => t).join(" · ")),
    drawSubnets(segment), drawConflicts(segment), drawLegend(segment), drawFilter(), drawOverview(segment),
  ];
  segment.b.forEach((block, k) => parts.push(drawBlock(segment, block, k)));
  main.replaceChildren(...parts.filter((p) => p));
}

function drawSubnets(segment) {
  if (segment.t.length === 0) return null;
  return make("details", { class: "subnets" }, make("summary", {}, counted(segment.t.length, "subnet")),
    make("table", {}, make("thead", {}, make("tr", {}, ...["Range", "Director", "Network", "Deployment"].map((t) => make("th", { scope: "col" }, t)))),
      make("tbody", {}, ...segment.t.map((row) => make("tr", {}, ...row.map((t, i) => make("td", { class: i === 0 ? "mono" : "" }, t)))))));
}

function drawConflicts(segment) {
  if (segment.c.length === 0) return null;
  return make("section", { class: "conflicts", "aria-label": "Conflicts" }, make("h3", {}, counted(segment.c.length, "conflict")),
    make("ol", { tabindex: segment.c.length > 4 ? "0" : false }, ...segment.c.map((c) => make("li", {}, make("button", { type: "button", onclick: () => goTo(parseAddress(c[2][0].split("-")[0])) },
      c[1] + " ", make("code", {}, c[0]))))));
}

// drawLegend explains what the segment shows.
function drawLegend(segment) {
  const seen = new Set(), items = [];
  let nobody = false, bad = false, overlap = null;
  for (const block of segment.b) for (const span of block[4]) {
    const clash = clashOf(segment, span);
    if (clash === 2) bad = true;
    if (span[2].length === 0) nobody = true;
    else if (clash === 1 && !overlap && look(segment, span).name === "overlap") overlap = look(segment, span);
    for (const i of span[2].slice(0, 1)) seen.add(state.colour === "kind" || !["use", "pool"].includes(kindOf(segment.h[i]).is) ? kindOf(segment.h[i]).id : "");
  }
  if (bad) items.push([{ name: "bad", fill: "", sign: "!" }, "Conflict"]);
  if (overlap) items.push([overlap, "Pools overlap"]);
  if (state.colour === "director") {
    for (const d of segment.d.map(directorName)) {
      items.push([{ name: "is-use", fill: directorColour(d, false), sign: "" }, d + ", in use"]);
      items.push([{ name: "is-pool", fill: directorColour(d, true), sign: "" }, "may be handed out"]);
    }
  }
  for (const kind of data.kinds) {
    if (seen.has(kind.id)) items.push([{ name: "is-" + kind.is, fill: style.getPropertyValue("--" + kind.id), sign: kind.is === "use" || kind.is === "reference" ? kind.sign : "" }, capital(kind.name)]);
  }
  if (nobody) items.push([{ name: "is-nobody", fill: "", sign: "" }, "Unclaimed"]);
  return make("ul", { class: "legend", "aria-label": "Legend" }, ...items.map(([l, name]) => make("li", {}, swatch(l), name)));
}

function drawFilter() {
  if (!state.lit) return null;
  return make("p", { class: "filter" }, "Only " + state.litName,
    make("button", { type: "button", "aria-label": "Show everything again", onclick: () => { state.lit = null; drawSegment(); } }, "×"));
}

// drawOverview is the coarser picture: one thumbnail for each block.
function drawOverview(segment) {
  if (segment.b.length < 2) return null;
  return make("section", { class: "overview", "aria-label": "Overview" }, make("ol", {}, ...segment.b.map((block, k) => {
    const canvas = make("canvas", { width: block[3] ? 1 : 16, height: block[3] ? 1 : 16, "aria-hidden": "true" });
    later(canvas, () => drawThumbnail(canvas, segment, block));
    const bad = block[4].some((s) => clashOf(segment, s) > 0);
    return make("li", { class: (block[3] ? "band" : "") + (bad ? " bad" : "") }, make("button", { type: "button", onclick: () => show(k), "aria-label": block[0] + (bad ? ", with conflicts" : "") },
      canvas, make("span", { "aria-hidden": "true" }, shortLabel(segment, block))));
  })));
}

// shortLabel leaves out what all blocks of a segment have in common.
function shortLabel(segment, block) {
  const first = block[0].split(/[\/-]/)[0];
  const text = block[2] < 0 ? first.split(".").slice(-2).join(".") : "…" + first.slice(-8);
  return block[3] ? text + " +" : text;
}

function drawThumbnail(canvas, segment, block) {
  const context = canvas.getContext("2d");
  for (const span of block[4]) {
    context.fillStyle = flat(segment, span);
    context.globalAlpha = isLit(segment, span) ? 1 : .16;
    if (block[3]) context.fillRect(0, 0, 1, 1);
    else for (let n = span[0]; n < span[0] + span[1]; n++) context.fillRect(n % 16, n >> 4, 1, 1);
  }
}

function drawBlock(segment, block, k) {
  const section = make("section", { class: "block" + (block[3] ? " band" : ""), id: "block-" + k, "aria-label": block[0] },
    make("header", {}, make("h3", {}, block[0]), make("p", {}, blockNote(segment, block))));
  const picture = make("div", { class: "picture" });
  section.append(picture);
  if (block[3]) picture.append(drawEntries(segment, block));
  else later(section, () => fill(section, segment, block, k));
  return section;
}

function fill(section, segment, block, k) {
  const picture = section.querySelector(".picture");
  if (!picture.firstChild) picture.append(drawGrid(segment, block, k), drawEntries(segment, block));
}

// blockNote counts the addresses of a block by what they are.
function blockNote(segment, block) {
  if (block[3]) return "the same throughout";
  const counts = { use: 0, pool: 0, none: 0 };
  for (const span of block[4]) {
    const kinds = span[2].map((i) => kindOf(segment.h[i]).is);
    if (kinds.includes("use")) counts.use += span[1];
    else if (kinds.includes("pool")) counts.pool += span[1];
    else if (kinds.length === 0) counts.none += span[1];
  }
  return [counted(counts.use, "address in use", "addresses in use"), counts.pool.toLocaleString("en") + " to hand out", counts.none + " unclaimed"].join(" · ");
}

// ---- the grid ----

function drawGrid(segment, block, k) {
  const grid = make("div", { class: "grid" + (state.lit ? " dim" : ""), role: "grid", "aria-label": "Addresses of " + block[0], "aria-rowcount": 17, "aria-colcount": 17 });
  grid.dataset.block = k;
  const columns = make("div", { role: "row", "aria-rowindex": 1 }, make("span", { role: "columnheader", "aria-colindex": 1 }, make("span", { class: "hidden" }, "from")));
  for (let i = 0; i < 16; i++) columns.append(make("span", { role: "columnheader", "aria-colindex": i + 2 }, block[2] < 0 ? "+" + i : i.toString(16)));
  grid.append(columns);
  for (let row = 0; row < 16; row++) {
    const head = block[2] < 0 ? "." + row * 16 : (row * 16).toString(16).padStart(2, "0");
    const line = make("div", { role: "row", "aria-rowindex": row + 2 }, make("span", { role: "rowheader", "aria-colindex": 1 }, head));
    for (let column = 0; column < 16; column++) line.append(drawCell(segment, block, row * 16 + column));
    grid.append(line);
  }
  const first = grid.querySelector(".cell:not(.is-outside)");
  if (first) first.tabIndex = 0;
  return grid;
}

function drawCell(segment, block, n) {
  const span = spanAt(block, n);
  const cell = make("span", { role: "gridcell", "aria-colindex": n % 16 + 2 });
  cell.dataset.n = n;
  if (!span) {
    cell.className = "cell is-outside";
    return cell;
  }
  const l = look(segment, span);
  cell.className = "cell " + l.name + (isLit(segment, span) ? " lit" : "");
  colour(cell, l);
  cell.textContent = l.sign;
  cell.tabIndex = -1;
  cell.setAttribute("aria-label", spoken(segment, block, n, span));
  return cell;
}

// spoken is what a screen reader says of an address.
function spoken(segment, block, n, span) {
  const text = addressText(block, n), address = parseAddress(text), parts = [text];
  const clash = clashOf(segment, span);
  if (clash) parts.push(clash === 2 ? "conflict" : "pools overlap");
  if (span[2].length === 0) parts.push("claimed by nobody");
  for (const i of span[2]) {
    const h = segment.h[i], o = ownerOf(h);
    parts.push([kindOf(h).name, holderName(h, address), o.director && "director " + o.director].filter((t) => t).join(" "));
  }
  return parts.join(", ");
}

// drawEntries is the block as a list: the same, for reading.
function drawEntries(segment, block) {
  const items = [];
  for (const span of block[4]) {
    if (span[2].length === 0 && span[3].length === 0 && span[1] < 2) continue;
    const last = span[0] + span[1] - 1;
    const words = block[3] ? block[0] : addressText(block, span[0]) + (last > span[0] ? "–" + (block[2] < 0 ? last : addressText(block, last).split(":").pop()) : "");
    const single = !block[3] && span[1] === 1 ? parseAddress(addressText(block, span[0])) : undefined;
    const lines = grouped(segment, span).map((group) => {
      const directors = [...new Set(group.map((h) => ownerOf(h).director).filter((d) => d))];
      return make("small", {}, [capital(kindOf(group[0]).name), alone(group[0]) ? holderName(group[0], single) : "", directors.join(", ")].filter((t) => t).join(" · "));
    });
    if (lines.length === 0) lines.push(make("small", {}, "Unclaimed"));
    const clash = clashOf(segment, span);
    items.push(make("li", {}, swatch(look(segment, span)), make("span", { class: "address" + (clash ? " clash" : "") }, words, clash === 2 ? " · conflict" : clash === 1 ? " · pools overlap" : ""), ...lines));
  }
  return make("ol", { class: "entries", tabindex: "0", "aria-label": "List of " + block[0] }, ...items);
}

// ---- details of one address ----

function showDetails(cell, pinned) {
  const grid = cell.closest(".grid"), segment = data.segments[state.segment], block = segment.b[grid.dataset.block];
  const n = Number(cell.dataset.n), span = spanAt(block, n);
  if (!span) return;
  const text = addressText(block, n), address = parseAddress(text), box = byId("details");
  const items = span[3].map((i) => make("li", { class: "clash" }, segment.c[i][1]));
  for (const group of grouped(segment, span)) {
    const h = group[0], name = alone(h) ? holderName(h, address) : "";
    items.push(make("li", {}, capital(kindOf(h).name) + (name ? ": " + name : ""), ...group.map((member) => {
      const o = ownerOf(member), network = o.network && !name.startsWith("network") ? "network " + o.network : "";
      return make("small", {}, [o.director && "director " + o.director, network].filter((t) => t).join(", "), " ", make("span", { class: "mono" }, place(member, address)));
    })));
  }
  if (span[2].length === 0) items.push(make("li", {}, "Claimed by nobody"));
  box.replaceChildren(make("h4", {}, text), make("ul", {}, ...items), make("button", { type: "button", "aria-label": "Close", onclick: hideDetails }, "×"));
  box.classList.toggle("pinned", pinned);
  box.hidden = false;
  const at = cell.getBoundingClientRect(), width = box.offsetWidth, height = box.offsetHeight;
  const left = at.right + 10 + width < innerWidth ? at.right + 10 : Math.max(12, at.left - width - 10);
  box.style.left = left + "px";
  box.style.top = Math.max(70, Math.min(at.top - 8, innerHeight - height - 12)) + "px";
  if (pinned) history.replaceState(null, "", "#" + text);
}

function hideDetails() {
  const box = byId("details");
  box.hidden = true;
  box.classList.remove("pinned");
}

const pinned = () => byId("details").classList.contains("pinned");
const cellOf = (event) => event.target.closest && event.target.closest(".cell:not(.is-outside)");

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch" || pinned()) return;
  const cell = cellOf(event);
  if (cell) showDetails(cell, false);
  else hideDetails();
});
document.addEventListener("click", (event) => { if (!event.target.closest("#details")) hideDetails(); }, true); // before a button shows others
document.addEventListener("click", (event) => {
  const cell = cellOf(event);
  if (cell) { focusCell(cell); showDetails(cell, true); }
});
document.addEventListener("focusin", (event) => {
  const cell = cellOf(event);
  if (cell && cell.matches(":focus-visible") && !pinned()) showDetails(cell, false);
});
addEventListener("scroll", () => { if (!pinned()) hideDetails(); }, { passive: true });

function focusCell(cell) {
  const grid = cell.closest(".grid");
  for (const other of grid.querySelectorAll('.cell[tabindex="0"]')) other.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus({ preventScroll: true });
  cell.scrollIntoView({ block: "nearest" });
}

const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -16, ArrowDown: 16 };
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { hideDetails(); return; }
  if (event.key === "/" && !/^(input|textarea)$/i.test(event.target.tagName)) { event.preventDefault(); byId("query").focus(); return; }
  const cell = cellOf(event);
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  const k = Number(cell.closest(".grid").dataset.block), n = Number(cell.dataset.n);
  let to = null;
  if (event.key in moves) to = moveFrom(k, n, moves[event.key]);
  else if (event.key === "Home") to = nearest(k, n - n % 16, 1);
  else if (event.key === "End") to = nearest(k, n - n % 16 + 15, -1);
  else if (event.key === "PageDown") to = moveFrom(k, n, size);
  else if (event.key === "PageUp") to = moveFrom(k, n, -size);
  else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); showDetails(cell, true); return; }
  else return;
  event.preventDefault();
  hideDetails();
  if (to) focusCell(to);
});

// moveFrom returns the cell that lies so many addresses further, in whichever
// block that is; null where no address is.
function moveFrom(k, n, by) {
  let block = k, to = n + by;
  const blocks = data.segments[state.segment].b;
  while (to < 0 || to >= size) {
    block += to < 0 ? -1 : 1;
    if (block < 0 || block >= blocks.length) return null;
    if (!blocks[block][3]) to += to < 0 ? size : -size;
  }
  return cellAt(block, to);
}

function nearest(k, n, step) {
  for (let i = n; i >> 4 === n >> 4; i += step) { const c = cellAt(k, i); if (c) return c; }
  return null;
}

// cellAt returns the cell of an address, drawing its block if need be.
function cellAt(k, n) {
  const segment = data.segments[state.segment], block = segment.b[k], section = byId("block-" + k);
  if (!block || !section || block[3]) return null;
  fill(section, segment, block, k);
  const cell = section.querySelector('.cell[data-n="' + n + '"]');
  return cell && !cell.classList.contains("is-outside") ? cell : null;
}

// ---- going somewhere ----

function show(k) {
  const section = byId("block-" + k);
  if (!section) return;
  section.scrollIntoView({ block: "start" });
  const segment = data.segments[state.segment];
  if (!segment.b[k][3]) {
    fill(section, segment, segment.b[k], k);
    const cell = section.querySelector('.cell[tabindex="0"]');
    if (cell) cell.focus({ preventScroll: true });
  }
}

// goTo shows an address in the segment that is drawn.
function goTo(address) {
  const segment = data.segments[state.segment];
  const k = segment.b.findIndex((b) => { const e = blockEnds(b); return e && e[0] <= address && address <= e[1]; });
  if (k < 0) return;
  const cell = cellAt(k, Number(address - blockEnds(segment.b[k])[0]));
  if (!cell) { show(k); return; }
  byId("block-" + k).scrollIntoView({ block: "center", behavior: "instant" });
  focusCell(cell);
  showDetails(cell, true);
}

const holds = (segment, range) => segment.b.some((b) => { const e = blockEnds(b); return e && e[0] <= range[1] && range[0] <= e[1]; });

// ---- search ----

const most = 40;

// search returns what a text stands for: [name, what, where, action].
function search(text) {
  const results = [], wanted = text.trim().toLowerCase();
  if (wanted === "") return results;
  const range = ends(wanted);
  if (range) {
    data.segments.forEach((s, i) => {
      if (holds(s, range)) results.push([text.trim(), "address", s.n, () => { state.lit = null; choose(i, true); goTo(range[0]); }]);
    });
    return results;
  }
  data.segments.forEach((s, i) => {
    if (s.n.toLowerCase().includes(wanted)) results.push([s.n, "segment", s.r, () => { state.lit = null; choose(i, true); }]);
  });
  for (const [what, key, within] of owned) {
    data.segments.forEach((s, i) => {
      const found = new Map();
      for (const h of s.h) {
        const o = ownerOf(h);
        if (o[key] && o[key].toLowerCase().includes(wanted)) found.set(identity(o, [key, ...within]), o);
      }
      for (const [id, o] of [...found].sort(([x], [y]) => x < y ? -1 : 1)) {
        const where = [...within.map((w) => o[w]), s.n].filter((t) => t).join(" · ");
        results.push([o[key], what, where, () => {
          state.lit = (h) => identity(ownerOf(h), [key, ...within]) === id;
          state.litName = what + " " + o[key];
          choose(i, true);
          showFirstLit();
        }]);
      }
    });
  }
  return results;
}

// owned are the kinds of names that an owner has, and what tells two alike apart.
const owned = [["director", "director", []], ["deployment", "deployment", ["director"]], ["network", "network", ["deployment", "director"]],
  ["instance group", "group", ["deployment", "director"]], ["property", "property", ["deployment", "director"]]];
const identity = (o, keys) => JSON.stringify(keys.map((k) => o[k]));

function showFirstLit() {
  const segment = data.segments[state.segment];
  const k = segment.b.findIndex((b) => b[4].some((s) => s[2].length && isLit(segment, s)));
  if (k > 0) show(k);
}

let results = [], active = -1;

function drawResults() {
  const box = byId("results"), query = byId("query");
  results = search(query.value);
  active = results.length ? 0 : -1;
  const shown = results.slice(0, most).map(([name, what, where], i) => make("div", { role: "option", id: "result-" + i, "aria-selected": i === active ? "true" : "false", onclick: () => take(i) },
    make("span", {}, name), make("i", {}, what), make("small", {}, where)));
  const asked = query.value.trim() !== "";
  if (results.length > most) shown.push(make("div", { class: "none", role: "none" }, (results.length - most).toLocaleString("en") + " more: go on typing"));
  if (asked && results.length === 0) shown.push(make("div", { class: "none", role: "none" }, "Nothing has that address or name."));
  box.replaceChildren(...shown);
  box.hidden = !asked;
  query.setAttribute("aria-expanded", String(asked));
  mark();
  byId("found").textContent = asked ? (results.length ? counted(results.length, "result") : "nothing found") : "";
}

function mark() {
  byId("results").querySelectorAll("[role=option]").forEach((o, i) => {
    o.setAttribute("aria-selected", String(i === active));
    if (i === active) o.scrollIntoView({ block: "nearest", behavior: "instant" });
  });
  if (active >= 0) byId("query").setAttribute("aria-activedescendant", "result-" + active);
  else byId("query").removeAttribute("aria-activedescendant");
}

function take(i) {
  const result = results[i];
  if (!result) return;
  closeResults();
  byId("query").value = "";
  result[3]();
}

function closeResults() {
  byId("results").hidden = true;
  byId("query").setAttribute("aria-expanded", "false");
  byId("query").removeAttribute("aria-activedescendant");
}

byId("query").addEventListener("input", drawResults);
byId("query").addEventListener("focus", () => { if (byId("query").value.trim()) drawResults(); });
byId("query").addEventListener("keydown", (event) => {
  const count = Math.min(results.length, most);
  if (event.key === "ArrowDown" && count) active = (active + 1) % count;
  else if (event.key === "ArrowUp" && count) active = (active + count - 1) % count;
  else if (event.key === "Enter") { take(active); return; }
  else if (event.key === "Escape") { closeResults(); return; }
  else return;
  event.preventDefault();
  mark();
});
document.addEventListener("click", (event) => { if (!event.target.closest(".search")) closeResults(); });

// ---- start ----

for (const radio of document.querySelectorAll("input[name=colour]")) {
  radio.addEventListener("change", () => { state.colour = radio.value; drawList(); drawSegment(); });
}
byId("only").addEventListener("change", drawList);
isDark.addEventListener("change", () => { drawList(); drawSegment(); });

function start() {
  drawSummary();
  drawList();
  let wanted = "";
  try { wanted = decodeURIComponent(location.hash.slice(1)); } catch (e) { wanted = ""; }
  const range = wanted && ends(wanted);
  let i = data.segments.findIndex((s) => s.n === wanted);
  if (i < 0 && range) i = data.segments.findIndex((s) => holds(s, range));
  if (i < 0) i = data.segments.findIndex((s) => s.c.length > 0);
  if (matchMedia("(max-width: 760px)").matches) byId("chooser").open = false;
  choose(Math.max(i, 0), false);
  if (range && data.segments[state.segment]) goTo(range[0]);
}
start();
document.documentElement.dataset.ready = "true";
})();
