// Nothing here is needed: it copies with one click, and moves by keyboard.
"use strict";
const copy = (text) => navigator.clipboard.writeText(text);
for (const part of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break; // only where the page came by https, or from this machine
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => copy(part.dataset.copy).then(
    () => { button.textContent = "Copied"; }, () => { button.textContent = "Select it, please"; }));
  part.prepend(button);
  if (part.classList.contains("addresses")) part.append(button);
}
const go = { t: "/", m: "/mine", p: "/pools", c: "/conflicts", n: "/network" };
let g = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  if (g && go[event.key]) { location.href = go[event.key]; return; }
  g = event.key === "g";
  const search = document.getElementById("q");
  if (event.key === "/" && search) { event.preventDefault(); search.focus(); search.select(); }
  const first = document.querySelector(".copy");
  if (event.key === "c" && first) first.click();
});
