// The grid of a block, its list, and the details of one address.

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
