// The list of segments, and one segment with all that is not a grid.

// ---- the list of segments ----

function drawSummary() {
  byId("summary").textContent = [counted(data.directors.length, "director"), counted(data.count, "segment"),
    data.clashes ? counted(data.clashes, "conflict") : "no conflicts"].join(" · ") + (data.version ? " · ipguard " + data.version : "");
  byId("made").textContent = [data.made ? "Made " + data.made : "", data.commit ? "of commit " + data.commit : ""].filter((t) => t).join(", ");
  const notice = byId("notice");
  if (data.failures || data.hidden || data.lacks) {
    notice.hidden = false;
    if (data.lacks) notice.append(make("p", {}, data.lacks));
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
      c[1] + " ", make("code", {}, c[0])),
      c[4] ? make("details", { class: "cure" }, make("summary", {}, "What to do"), make("pre", {}, c[4])) : null))));
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
