// Small behaviours of the admin's own pages. Everything works without it, less comfortably.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  button.querySelector("[data-copy-label]").textContent = button.dataset.copied;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// The theme shows the page only after it has started, when the browser has given up on `autofocus`.
window.addEventListener("load", () => {
  const field = document.querySelector("main [autofocus], form[role=search] [autofocus]");
  if (field) requestAnimationFrame(() => field.focus());
});

// A form that says what would come of it while somebody fills it in; its button follows.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-outlook]");
  if (!form) return;
  const target = document.getElementById("outlook");
  const button = form.querySelector("[data-submit]");
  const usual = button.textContent;
  let waiting, asked = 0;
  async function look() {
    const number = ++asked;
    const answer = await fetch(form.dataset.outlook, { method: "POST", body: new FormData(form), credentials: "same-origin" });
    if (!answer.ok || answer.redirected || number !== asked) return;
    target.innerHTML = await answer.text();
    button.textContent = target.querySelector("[data-button]")?.dataset.button || usual;
  }
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 250);
  });
});

/* A form with data-live asks that address what it says about the form's contents, and shows it in data-live-into. */
document.addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll("form[data-live]")) {
    const target = document.getElementById(form.dataset.liveInto);
    let waiting;
    let asked = 0;
    const ask = async () => {
      const mine = ++asked;
      target.setAttribute("aria-busy", "true");
      const answer = await fetch(form.dataset.live, { method: "POST", body: new FormData(form), credentials: "same-origin" });
      const text = await answer.text();
      if (mine !== asked) return;
      target.removeAttribute("aria-busy");
      if (answer.ok && !answer.redirected) target.innerHTML = text;
    };
    for (const kind of ["input", "change"]) form.addEventListener(kind, () => {
      clearTimeout(waiting);
      waiting = setTimeout(ask, 500);
    });
  }
});
