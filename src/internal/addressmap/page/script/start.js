// What happens when the page opens.

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
