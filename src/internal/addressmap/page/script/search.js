// Going to an address or a name.

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

// beginning is the range of all IPv4 addresses that begin with one to three numbers, such
// as 10.40.20; null for all else.
function beginning(text) {
  if (!/^\d{1,3}(\.\d{1,3}){0,2}\.?$/.test(text) || !text.includes(".")) return null;
  const numbers = text.split(".").filter((t) => t !== "");
  const fill = (n) => parseAddress(numbers.concat(Array(4 - numbers.length).fill(n)).join("."));
  const first = fill("0"), last = fill("255");
  return first === null || last === null ? null : [first, last];
}

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
  const part = beginning(wanted);
  if (part) data.segments.forEach((s, i) => s.b.forEach((b, k) => {
    const e = blockEnds(b);
    if (e && e[0] <= part[1] && part[0] <= e[1]) results.push([b[0], "addresses", s.n, () => { state.lit = null; choose(i, true); show(k); }]);
  }));
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
