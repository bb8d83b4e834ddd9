// Templates for campaigns: the gallery narrows while somebody types, lists of words are chips.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const gallery = document.querySelector("[data-gallery]");
  if (!gallery) return;
  const search = gallery.querySelector("[type=search]");
  const cards = [...gallery.querySelectorAll("[data-recipe]")];
  // The server has narrowed the list already: what it left out is not here to be shown.
  if (new URLSearchParams(location.search).toString()) return;
  gallery.querySelector("[data-without-script]").hidden = true;
  let purpose = "";

  function narrow() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (element) => words.every((word) => element.textContent.toLowerCase().includes(word));
    let shown = 0;
    for (const card of cards) {
      card.hidden = !(fits(card) && (!purpose || card.dataset.recipe === purpose));
      shown += card.hidden ? 0 : 1;
    }
    const copies = [...gallery.querySelectorAll("[data-copy-of]")];
    for (const row of copies) row.hidden = !fits(row.querySelector(".rg-who"));
    const section = gallery.querySelector("[data-copies]");
    if (section) section.hidden = copies.every((row) => row.hidden);
    gallery.querySelector("[data-none]").hidden = shown > 0;
  }

  search.addEventListener("input", narrow);
  gallery.querySelector("[data-gallery-search]").addEventListener("submit", (event) => {
    const first = cards.find((card) => !card.hidden);
    // Without a template of that name, the server looks through all campaigns that could be copied.
    if (!first) return;
    event.preventDefault();
    first.querySelector("a").click();
  });
  for (const link of gallery.querySelectorAll("[data-purpose]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      purpose = link.dataset.purpose;
      for (const other of gallery.querySelectorAll("[data-purpose]")) other.toggleAttribute("aria-current", other === link);
      narrow();
    });
  }
  // Arrow keys walk through the cards.
  gallery.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const links = [...gallery.querySelectorAll(".rg-gallery li:not([hidden]) a")];
    const at = links.indexOf(document.activeElement);
    if (!(event.key in steps) || (at < 0 && event.key !== "ArrowDown")) return;
    event.preventDefault();
    links[Math.max(0, Math.min(links.length - 1, at + steps[event.key]))].focus();
  });
});

// One text a line becomes chips; the lines stay what is sent.
document.addEventListener("DOMContentLoaded", () => {
  for (const holder of document.querySelectorAll("[data-words]")) {
    const lines = holder.querySelector("textarea");
    if (!lines) continue;
    const box = document.createElement("div");
    const input = document.createElement("input");
    const list = document.createElement("datalist");
    box.className = "rg-words-box";
    list.id = `${lines.id}_known`;
    Object.assign(input, { type: "text", id: `${lines.id}_new`, className: "rg-input", autocomplete: "off" });
    input.setAttribute("list", list.id);
    const label = document.querySelector(`label[for="${lines.id}"]`);
    label.htmlFor = input.id;
    lines.hidden = true;
    holder.append(box, list);

    const words = () => lines.value.split("\n").map((text) => text.trim()).filter(Boolean);
    function tell(chosen) {
      lines.value = chosen.join("\n");
      lines.dispatchEvent(new Event("input", { bubbles: true }));
      paint();
    }
    function paint() {
      box.replaceChildren(...words().map((text) => {
        const chip = document.createElement("button");
        chip.type = "button";
        chip.className = "rg-word";
        chip.textContent = text;
        chip.setAttribute("aria-label", `${text} ×`);
        chip.addEventListener("click", () => { tell(words().filter((one) => one !== text)); input.focus(); });
        return chip;
      }), input);
    }
    function take() {
      const text = input.value.trim();
      input.value = "";
      if (text && !words().includes(text)) tell([...words(), text]);
      input.focus();
    }
    let asked = 0, waiting;
    async function look() {
      const number = ++asked;
      const address = `${holder.dataset.search}?list=${holder.dataset.offers}&q=${encodeURIComponent(input.value)}`;
      const answer = await fetch(address, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected || number !== asked) return;
      const found = await answer.json();
      list.replaceChildren(...found.map(([value, name]) => new Option(name, value)));
    }
    input.addEventListener("input", (event) => {
      event.stopPropagation();
      // A suggestion that was chosen comes in one piece.
      if ([...list.options].some((option) => option.value === input.value) && event.inputType !== "insertText") return take();
      if (!holder.dataset.search) return;
      clearTimeout(waiting);
      waiting = setTimeout(look, 200);
    });
    input.addEventListener("focus", () => holder.dataset.search && look(), { once: true });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        if (!input.value.trim()) return;
        event.preventDefault();
        take();
      } else if (event.key === "Backspace" && !input.value && words().length) tell(words().slice(0, -1));
    });
    input.addEventListener("blur", () => { if (input.value.trim()) { take(); } });
    paint();
  }
});
