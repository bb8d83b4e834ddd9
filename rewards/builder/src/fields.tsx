/* Fields that edit what stands at a path. */

import { idOf, useBuilder, useProblem, useValue } from "./context";
import type { Json, Path } from "./json";
import { Trouble } from "./parts";
import { read, shown } from "./values";
import type { Choice } from "./vocabulary";
import { t } from "./words";

const MODES: Record<string, "decimal" | "numeric"> = { money: "decimal", decimal: "decimal", number: "numeric" };
const EXAMPLES: Record<string, string> = { money: "50.00", decimal: "1.5", number: "10" };

type FieldProps = { path: Path; label: string; type?: string; width?: string; unit?: string; placeholder?: string; optional?: boolean };

/** One value; `type` as in the catalogue of facts. A value that cannot be read stays as it was typed. */
export function Field({ path, label, type = "text", width = "8rem", unit, placeholder }: FieldProps) {
  const builder = useBuilder();
  const [value, put] = useValue(path);
  const { attributes } = useProblem(path);
  const kind = type === "date" || type === "time" ? type : "text";
  // A browser's field for dates shows nothing for what is no date; such a value must be seen to be changed.
  const isOdd = kind !== "text" && value !== undefined && value !== null && !(kind === "date" ? /^\d{4}-\d\d-\d\d$/ : /^\d\d:\d\d(:\d\d)?$/).test(shown(value));
  return (
    <span class={`rb-field${unit ? " has-unit" : ""}`} style={{ width }}>
      <input id={idOf(path)} type={isOdd ? "text" : kind} inputMode={MODES[type]} aria-label={label} autocomplete="off" disabled={builder.isDisabled}
        placeholder={placeholder ?? EXAMPLES[type] ?? ""} value={shown(value)} {...attributes}
        onInput={(event) => put(read(event.currentTarget.value, type, value))} />
      {unit && <span class="rb-unit" aria-hidden="true">{unit}</span>}
      <Trouble path={path} />
    </span>
  );
}

export function Select({ path, label, choices, fallback, onChange }: { path: Path; label: string; choices: Choice[]; fallback?: string; onChange?: (value: string) => void }) {
  const builder = useBuilder();
  const [value, put] = useValue(path);
  const { attributes } = useProblem(path);
  const current = value === undefined || value === null ? (fallback ?? "") : shown(value);
  const isKnown = choices.some((choice) => choice.value === current);
  return (
    <span class="rb-field">
      <select id={idOf(path)} aria-label={label} value={current} disabled={builder.isDisabled} {...attributes}
        onChange={(event) => (onChange ?? put)(event.currentTarget.value)}>
        {!isKnown && <option value={current}>{current || t("choose")}</option>}
        {choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.label}</option>)}
      </select>
      <Trouble path={path} />
    </span>
  );
}

export function YesNo({ path, label }: { path: Path; label: string }) {
  const builder = useBuilder();
  const [value, put] = useValue(path);
  return (
    <span class="rb-field">
      <span class="rb-switch" role="radiogroup" aria-label={label}>
        {[true, false].map((answer) => (
          <label key={String(answer)}><input type="radio" id={answer ? idOf(path) : undefined} name={idOf(path)} checked={value === answer} disabled={builder.isDisabled} onChange={() => put(answer)} /><span>{t(answer ? "yes" : "no")}</span></label>
        ))}
      </span>
      <Trouble path={path} />
    </span>
  );
}

/** A few values of which any number may be chosen, each of them a button. */
export function Chips({ path, label, choices, onEmpty }: { path: Path; label: string; choices: { value: Json; label: string }[]; onEmpty?: "remove" }) {
  const builder = useBuilder();
  const [value, put] = useValue(path);
  const chosen = Array.isArray(value) ? value : [];
  const toggle = (one: Json) => {
    const others = chosen.filter((other) => other !== one);
    const next = chosen.includes(one) ? others : inOrder([...others, one], choices);
    if (!next.length && onEmpty) builder.remove(path);
    else put(next);
  };
  return (
    <span class="rb-field wide">
      <span class="rb-chips" role="group" aria-label={label}>
        {choices.map((choice, index) => (
          <button type="button" key={String(choice.value)} id={index ? undefined : idOf(path)} aria-pressed={chosen.includes(choice.value)} disabled={builder.isDisabled} onClick={() => toggle(choice.value)}>{choice.label}</button>
        ))}
        {chosen.filter((one) => !choices.some((choice) => choice.value === one)).map((one) => (
          <button type="button" key={shown(one)} class="odd" aria-pressed={true} onClick={() => toggle(one)}>{shown(one)}</button>
        ))}
      </span>
      <Trouble path={path} />
    </span>
  );
}

function inOrder(values: Json[], choices: { value: Json }[]): Json[] {
  const order = choices.map((choice) => choice.value);
  return [...values].sort((one, other) => order.indexOf(one) - order.indexOf(other));
}
