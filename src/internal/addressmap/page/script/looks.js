// How what holds of an address is drawn: colours, classes, signs.

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
