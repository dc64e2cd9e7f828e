// What the pages do with JavaScript; all of them work without it.
"use strict";

// `/` goes to the search, as long as nobody is writing.
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select");
  if (event.key !== "/" || writing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.getElementById("search");
  if (!search) return;
  event.preventDefault();
  search.focus();
});

// The local time of every time, where a pointer rests upon it.
function localTimes() {
  for (const one of document.querySelectorAll("time[datetime]:not([title])")) {
    const time = new Date(one.dateTime);
    if (!Number.isNaN(time.valueOf())) one.title = time.toLocaleString();
  }
}

// "Select all" of a table.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  const boxes = event.target.closest("table").querySelectorAll("input[type=checkbox]");
  for (const box of boxes) box.checked = event.target.checked;
});

// A choice that is sent as soon as it is made; its button is for those without JavaScript.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-send]")) event.target.form.requestSubmit();
});

// A file that is too large is refused before it is sent; the server refuses it too.
document.addEventListener("change", (event) => {
  const most = Number(event.target.dataset.most);
  if (!most) return;
  const large = [...event.target.files].some((file) => file.size > most);
  event.target.setCustomValidity(large ? event.target.dataset.tooLarge : "");
  if (large) event.target.reportValidity();
});

// A file may be dropped anywhere on the form that takes one; without JavaScript, on its field.
function fieldFor(event) {
  const form = event.target.closest("form");
  const field = form && form.querySelector("input[type=file]");
  return field && [...event.dataTransfer.types].includes("Files") ? field : null;
}
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const field = fieldFor(event);
    if (!field) return;
    event.preventDefault();
    field.classList.toggle("dropping", kind === "dragenter" || kind === "dragover");
    if (kind !== "drop") return;
    const taken = new DataTransfer();
    if (event.dataTransfer.files.length) taken.items.add(event.dataTransfer.files[0]);
    field.files = taken.files;
    field.focus();
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// On narrow screens the navigation scrolls: the page that is shown is in sight.
// Not by scrollIntoView, from where the first Tab would begin.
const shown = document.querySelector(".side a[aria-current]");
if (shown) {
  const side = shown.closest(".side");
  side.scrollLeft = shown.offsetLeft - (side.clientWidth - shown.offsetWidth) / 2;
}

document.addEventListener("htmx:after:swap", localTimes);
localTimes();
