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

// The guided campaign form: rows come and go, operators and values follow the chosen fact, the sentence follows the form.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-campaign-form]");
  if (!form) return;
  const catalogue = JSON.parse(document.getElementById("catalogue").textContent);
  const operatorNames = new Map();

  const anyRow = document.getElementById("conditions-row").content;
  for (const option of anyRow.querySelector('[name$="-operator"]').options) operatorNames.set(option.value, option.textContent);

  const part = (row, name) => row.querySelector(`[name$="-${name}"]`);
  const show = (element, visible) => {
    const holder = element && (element.closest("[data-part]") || element);
    if (holder) holder.hidden = !visible;
  };

  function fitOperators(select, allowed) {
    const chosen = allowed.includes(select.value) ? select.value : allowed[0];
    select.replaceChildren(...allowed.map((name) => new Option(operatorNames.get(name) || name, name, false, name === chosen)));
  }

  function offerChoices(row, fact) {
    const value = part(row, "value");
    row.querySelector(".rg-choices")?.remove();
    const choices = fact.type === "boolean" || part(row, "operator").value === "known" ? [["yes", "Yes"], ["no", "No"]] : fact.choices;
    show(value, choices.length === 0);
    if (!choices.length) return;
    const isMany = ["in", "not_in"].includes(part(row, "operator").value);
    const chosen = () => value.value.split(",").map((name) => name.trim()).filter(Boolean);
    const box = document.createElement("div");
    box.className = "rg-choices";
    for (const [name, label] of choices) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      const paint = () => button.setAttribute("aria-pressed", String(chosen().includes(name)));
      button.addEventListener("click", () => {
        const others = chosen().filter((one) => one !== name);
        value.value = (isMany ? (others.length < chosen().length ? others : [...others, name]) : [name]).join(", ");
        box.dispatchEvent(new Event("paint"));
        value.dispatchEvent(new Event("input", { bubbles: true }));
      });
      box.addEventListener("paint", paint);
      box.append(button);
      paint();
    }
    value.closest(".rg-parts").append(box);
  }

  const examples = { money: "50.00", date: "2026-12-24", set: "coffee, tea", number: "3", decimal: "1.5" };
  function fitCondition(row) {
    const fact = catalogue[part(row, "fact").value];
    show(part(row, "name"), Boolean(fact) && part(row, "fact").value.endsWith("attribute"));
    show(part(row, "operator"), Boolean(fact));
    show(part(row, "value"), Boolean(fact));
    if (!fact) return row.querySelector(".rg-choices")?.remove();
    fitOperators(part(row, "operator"), fact.operators);
    const isPair = part(row, "operator").value === "between";
    part(row, "value").placeholder = fact.type === "time" ? "08:00, 10:00" : isPair ? "from, to" : examples[fact.type] || "";
    offerChoices(row, fact);
  }

  function startAfresh(row) {
    const usual = { money: "gte", number: "gte", decimal: "gte", date: "gte", choice: "in" };
    const fact = catalogue[part(row, "fact").value];
    part(row, "value").value = "";
    if (fact) part(row, "operator").replaceChildren(new Option("", usual[fact.type] || fact.operators[0], true, true));
  }

  function fitEffect(row) {
    const kind = part(row, "kind").value;
    for (const element of row.querySelectorAll("[data-for]")) element.hidden = !element.dataset.for.split(" ").includes(kind);
  }

  function fit(row) {
    part(row, "fact") ? fitCondition(row) : fitEffect(row);
    const box = row.querySelector(".rg-remove-box");
    if (!box || box.hidden) return;
    box.hidden = true;
    row.querySelector("[data-remove]").hidden = false;
  }

  function fitTrigger() {
    const trigger = form.querySelector('[name="when-trigger"]');
    if (trigger) show(form.querySelector('[name="when-event_type"]'), trigger.value === "event");
  }

  let waiting;
  const target = document.getElementById("sentence");
  async function preview() {
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), credentials: "same-origin" });
    if (answer.ok && !answer.redirected) target.innerHTML = await answer.text();
  }
  function previewSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(preview, 300);
  }

  form.addEventListener("click", (event) => {
    const adder = event.target.closest("[data-add]");
    const remover = event.target.closest("[data-remove]");
    if (adder) {
      const total = form.querySelector(`[name="${adder.dataset.add}-TOTAL_FORMS"]`);
      const holder = document.createElement("div");
      holder.innerHTML = document.getElementById(`${adder.dataset.add}-row`).innerHTML.replaceAll("__prefix__", total.value);
      const row = holder.firstElementChild;
      form.querySelector(`[data-rows="${adder.dataset.add}"]`).append(row);
      total.value = Number(total.value) + 1;
      fit(row);
      row.querySelector("select").focus();
    } else if (remover) {
      const row = remover.closest(".rg-row");
      row.querySelector('[name$="-DELETE"]').checked = true;
      row.classList.add("leaving");
    } else return;
    previewSoon();
  });
  form.addEventListener("change", (event) => {
    const row = event.target.closest("[data-rows] .rg-row");
    if (row) {
      if (event.target.name.endsWith("-fact")) startAfresh(row);
      fit(row);
    }
    fitTrigger();
    previewSoon();
  });
  if (document.querySelector("[data-rows]")) form.addEventListener("input", previewSoon);
  form.querySelectorAll("[data-rows] .rg-row").forEach(fit);
  fitTrigger();
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
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(ask, 500);
    });
  }
});
