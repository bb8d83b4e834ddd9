/* Small parts: icons, buttons, cards, what is wrong at a field. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { useProblem } from "./context";
import type { Path } from "./json";
import { t } from "./words";

export const Icon = ({ name }: { name: string }) => (
  <span class="material-symbols-outlined" aria-hidden="true">{name}</span>
);

export function IconButton({ icon, label, onClick, id, disabled, danger }: { icon: string; label: string; onClick: () => void; id?: string; disabled?: boolean; danger?: boolean }) {
  return (
    <button type="button" id={id} class={`rb-icon${danger ? " danger" : ""}`} aria-label={label} title={label} onClick={onClick} disabled={disabled}>
      <Icon name={icon} />
    </button>
  );
}

export const AddButton = ({ children, onClick, id }: { children: ComponentChildren; onClick: () => void; id?: string }) => (
  <button type="button" class="rb-add" id={id} onClick={onClick}><Icon name="add" />{children}</button>
);

export function Trouble({ path }: { path: Path }) {
  const { text, id } = useProblem(path);
  return text ? <p class="rb-trouble" id={id}><Icon name="error" />{text}</p> : null;
}

export function Card({ icon, title, hint, children, aside }: { icon: string; title: string; hint?: string; children: ComponentChildren; aside?: ComponentChildren }) {
  return (
    <section class="rb-card">
      <header><span class="rb-sign"><Icon name={icon} /></span><div><h2>{title}</h2>{hint && <p>{hint}</p>}</div>{aside && <div class="rb-aside">{aside}</div>}</header>
      <div class="rb-body">{children}</div>
    </section>
  );
}

/** A part that most rules do without: closed as long as it says nothing. */
export function Optional({ icon, title, hint, isUsed, children, aside }: { icon: string; title: string; hint: string; isUsed: boolean; children: ComponentChildren; aside?: ComponentChildren }) {
  const [isOpen, open] = useState(isUsed);
  useEffect(() => { if (isUsed) open(true); }, [isUsed]);
  return (
    <details class="rb-card" open={isOpen} onToggle={(event) => open(event.currentTarget.open)}>
      <summary><span class="rb-sign"><Icon name={icon} /></span><div><h2>{title}</h2><p>{hint}</p></div><span class="rb-aside">{aside}<Icon name="expand_more" /></span></summary>
      <div class="rb-body">{children}</div>
    </details>
  );
}

export type MenuItem = { key: string; label: string; hint?: string; icon: string; group?: string; disabled?: boolean };

/** A button that opens a choice of cards. */
export function Menu({ id, label, items, onChoose, icon = "add", current }: { id: string; label: string; items: MenuItem[]; onChoose: (key: string) => void; icon?: string; current?: string }) {
  const [isOpen, open] = useState(false);
  const panel = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    (panel.current?.querySelector<HTMLElement>("[aria-pressed=true]") ?? panel.current?.querySelector<HTMLElement>("button:enabled"))?.focus();
  }, [isOpen]);
  const close = () => { open(false); opener.current?.focus(); };
  const groups = [...new Set(items.map((item) => item.group ?? ""))];
  return (
    <div class="rb-menu" onKeyDown={(event) => { if (isOpen && event.key === "Escape") { event.preventDefault(); close(); } else if (isOpen) walk(event, panel.current); }}>
      <button type="button" ref={opener} id={id} class={icon === "add" ? "rb-add" : "rg-button"} aria-expanded={isOpen} onClick={() => open(!isOpen)}><Icon name={icon} />{label}</button>
      {isOpen && (
        <div class="rb-panel" ref={panel}>
          {groups.map((group) => (
            <fieldset key={group}>
              {group && <legend>{group}</legend>}
              <div class="rb-tiles">
                {items.filter((item) => (item.group ?? "") === group).map((item) => (
                  <button type="button" key={item.key} class="rb-tile" disabled={item.disabled} aria-pressed={current === undefined ? undefined : current === item.key} data-kind={item.key}
                    onClick={() => { open(false); if (item.key === current) opener.current?.focus(); onChoose(item.key); }}>
                    <Icon name={item.icon} /><span><strong>{item.label}</strong>{item.hint && <small>{item.hint}</small>}</span>
                  </button>
                ))}
              </div>
            </fieldset>
          ))}
        </div>
      )}
    </div>
  );
}

/** Arrow keys walk through the tiles. */
function walk(event: KeyboardEvent, panel: HTMLElement | null): void {
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!by || !panel) return;
  const tiles = [...panel.querySelectorAll<HTMLElement>("button:enabled")];
  const next = tiles[tiles.indexOf(document.activeElement as HTMLElement) + by];
  event.preventDefault();
  next?.focus();
}

export const Words = ({ children }: { children: ComponentChildren }) => <span class="rb-words">{children}</span>;

export const Remove = ({ what, onClick, id }: { what: string; onClick: () => void; id?: string }) => (
  <IconButton icon="close" label={t("remove_what", { what })} onClick={onClick} id={id} danger />
);
