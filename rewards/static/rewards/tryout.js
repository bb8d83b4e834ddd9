// The try-out's form: only the fields that count are shown, and lines can be added. It works without, less comfortably.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-tryout]");
  if (!form) return;

  function fit() {
    const said = [form.elements.kind.value, form.elements.who.value];
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = !said.includes(part.dataset.for);
  }

  const lines = form.querySelector("[data-lines]");
  const adder = form.querySelector("[data-add-line]");
  adder.hidden = false;
  adder.addEventListener("click", () => {
    const total = form.elements["lines-TOTAL_FORMS"];
    const row = lines.lastElementChild.cloneNode(true);
    for (const field of row.querySelectorAll("input")) {
      field.name = field.name.replace(/-\d+-/, `-${total.value}-`);
      field.id = field.id.replace(/-\d+-/, `-${total.value}-`);
      field.value = "";
    }
    total.value = Number(total.value) + 1;
    lines.append(row);
    row.querySelector("input").focus();
  });
  form.addEventListener("change", fit);
  fit();
});
