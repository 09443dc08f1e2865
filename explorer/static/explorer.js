// What a mark of a chart says is shown beside it. Everything else works without this file.
"use strict";

const told = document.createElement("output");
told.className = "told";
told.hidden = true;
document.body.append(told);

document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest("figure [aria-label][aria-roledescription]");
  const text = mark && !mark.closest(".role-axis, .role-legend") && mark.getAttribute("aria-label");
  told.hidden = !text;
  if (!text) return;
  told.textContent = text;
  const box = mark.getBoundingClientRect();
  const left = Math.min(box.right + 8, innerWidth - told.offsetWidth - 8);
  told.style.left = `${Math.max(8, left) + scrollX}px`;
  told.style.top = `${Math.max(8, box.top - told.offsetHeight - 6) + scrollY}px`;
});
