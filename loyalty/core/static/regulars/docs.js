// Small comforts of the docs. Every page reads well without them.
"use strict";

// Each block of code can be copied.
for (const block of document.querySelectorAll(".code:has(pre)")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("pre").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.querySelector("p").append(button);
}

// In JSON, names and values have colours. Text is put into elements as text, never as HTML.
for (const code of document.querySelectorAll("code.language-json")) {
  const parts = code.textContent.split(/("(?:[^"\\]|\\.)*"(?=\s*:)|"(?:[^"\\]|\\.)*"|\b(?:true|false|null|-?\d+(?:\.\d+)?)\b)/);
  code.replaceChildren(...parts.map((part, number) => {
    if (number % 2 === 0) return part;
    const span = document.createElement("span");
    span.className = /^\s*:/.test(parts[number + 1] || "") && part.startsWith('"') ? "name" : "value";
    span.textContent = part;
    return span;
  }));
}

// A heading shows how to link to it.
for (const heading of document.querySelectorAll("main :is(h2, h3)")) {
  const place = heading.id || heading.parentElement.id;
  if (!place || heading.querySelector("a")) continue;
  const link = document.createElement("a");
  link.className = "heading-link";
  link.href = `#${place}`;
  link.textContent = "#";
  link.setAttribute("aria-label", `Link to “${heading.textContent.trim()}”`);
  heading.append(link);
}

// "/" leads to the search.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, [contenteditable]")) return;
  event.preventDefault();
  document.querySelector(".top input").focus();
});

// On a narrow screen the contents are folded.
if (matchMedia("(max-width: 52rem)").matches) document.querySelector(".contents")?.removeAttribute("open");

// What is on the page follows what is read.
const places = new Map([...document.querySelectorAll(".places a")].map((link) => [link.hash.slice(1), link]));
if (places.size) {
  const follow = new IntersectionObserver((seen) => {
    const first = seen.find((one) => one.isIntersecting);
    if (!first) return;
    for (const link of places.values()) link.removeAttribute("aria-current");
    places.get(first.target.id).setAttribute("aria-current", "location");
  }, { rootMargin: "-64px 0px -70% 0px" });
  for (const id of places.keys()) {
    const target = document.getElementById(id);
    if (target) follow.observe(target);
  }
}
