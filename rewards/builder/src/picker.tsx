/* A field that finds choices as one types, for one value or for several: the combobox of the ARIA practices. */

import { useEffect, useRef, useState } from "preact/hooks";

import { idOf, useBuilder, useProblem, useValue } from "./context";
import { type Json, type Path, pointer } from "./json";
import { Icon, Trouble } from "./parts";
import { read, shown } from "./values";
import type { Choice } from "./vocabulary";
import { t } from "./words";

const WAIT_MS = 150;
const SHOWN_AT_MOST = 60;
/** Of a long list of values only the first are shown until somebody asks. */
const TOKENS_AT_FIRST = 30;
const BETWEEN_PASTED = /[\n\r\t;,]+/;

type Source = { choices?: Choice[]; list?: string };
type PickerProps = Source & {
  id: string;
  label: string;
  value: string;
  onChoose: (value: string) => void;
  placeholder?: string;
  /** What is typed may be a value too, although no list knows it. */
  isFree?: boolean;
  isDisabled?: boolean;
  attributes?: object;
  /** Called when the field is empty and something is to be taken back. */
  onBack?: () => void;
  /** Stays open and empty after a choice, for the next. */
  isForMany?: boolean;
  /** Called with what was pasted; tells whether that was taken. */
  onPasted?: (text: string) => boolean;
};

const plain = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

export function matching(choices: Choice[], text: string): Choice[] {
  const wanted = plain(text).split(/\s+/).filter(Boolean);
  const fits = (choice: Choice) => {
    const said = plain(`${choice.label} ${choice.value} ${choice.group ?? ""}`);
    return wanted.every((word) => said.includes(word));
  };
  const starts = (choice: Choice) => (wanted[0] && plain(choice.label).startsWith(wanted[0]) ? 0 : 1);
  const found = choices.filter(fits);
  return choices.some((choice) => choice.group) ? found : found.sort((one, other) => starts(one) - starts(other));
}

function useChoices({ choices, list }: Source, text: string, isOpen: boolean): { found: Choice[]; state: "" | "searching" | "failed" } {
  const { search, vocabulary } = useBuilder();
  const whole = choices ?? (list ? vocabulary.lists[list] : []);
  const [found, keep] = useState<Choice[]>([]);
  const [state, tell] = useState<"" | "searching" | "failed">("");
  useEffect(() => {
    if (!isOpen || whole || !list) return;
    let isWanted = true;
    tell("searching");
    const waiting = setTimeout(() => {
      search(list, text).then(
        (answer) => { if (isWanted) { keep(answer); tell(""); } },
        () => { if (isWanted) { keep([]); tell("failed"); } },
      );
    }, WAIT_MS);
    return () => { isWanted = false; clearTimeout(waiting); };
  }, [list, text, isOpen, whole]);
  return whole ? { found: matching(whole, text).slice(0, SHOWN_AT_MOST), state: "" } : { found, state };
}

export function Picker(props: PickerProps) {
  const { id, label, value, onChoose, isFree, isDisabled, onBack, isForMany } = props;
  const { vocabulary } = useBuilder();
  const [text, type] = useState<string | null>(null);
  const [isOpen, open] = useState(false);
  const [marked, mark] = useState(-1);
  const listbox = useRef<HTMLUListElement>(null);
  const { found, state } = useChoices(props, text ?? "", isOpen);
  const typed = (text ?? "").trim();
  const isOffered = isFree && typed && !found.some((choice) => choice.value === typed || choice.label === typed);
  const offered: Choice[] = isOffered ? [...found, { value: typed, label: t("use_typed", { text: typed }) }] : found;
  const name = labelOf(value, props, vocabulary.labels, vocabulary.lists);

  useEffect(() => { mark(typed && offered.length ? 0 : offered.findIndex((choice) => choice.value === value)); }, [typed, offered.length, isOpen]);
  useEffect(() => { listbox.current?.querySelector("[data-marked]")?.scrollIntoView({ block: "nearest" }); }, [marked]);

  const close = () => { open(false); type(null); };
  const choose = (choice: Choice | undefined) => {
    if (!choice) return;
    if (props.list) (vocabulary.labels[props.list] ??= {})[choice.value] ??= choice.value === typed && isOffered ? choice.value : choice.label;
    type(null);
    open(Boolean(isForMany));
    onChoose(choice.value);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.altKey) {
      event.preventDefault();
      if (!isOpen) return open(true);
      const by = event.key === "ArrowDown" ? 1 : -1;
      if (offered.length) mark((marked + by + offered.length + (marked < 0 && by < 0 ? 1 : 0)) % offered.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (isOpen) choose(offered[marked]);
      else open(true);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "Backspace" && !text && onBack) onBack();
  };
  const leave = () => {
    if (isFree && typed && typed !== name) choose({ value: typed, label: typed });
    close();
  };
  return (
    <span class="rb-picker">
      <input id={id} type="text" role="combobox" aria-label={label} aria-expanded={isOpen} aria-controls={`${id}--list`} aria-autocomplete="list"
        aria-activedescendant={isOpen && marked >= 0 ? `${id}--${marked}` : undefined} autocomplete="off" spellcheck={false} disabled={isDisabled}
        placeholder={isOpen && name ? name : props.placeholder ?? t("search")} value={text ?? name} {...props.attributes}
        onInput={(event) => { type(event.currentTarget.value); open(true); }} onKeyDown={onKeyDown}
        onPaste={(event) => { if (props.onPasted?.(event.clipboardData?.getData("text") ?? "")) event.preventDefault(); }}
        onClick={() => { if (!isOpen) { open(true); type(""); } }} onBlur={leave} />
      <Icon name={isOpen ? "search" : "unfold_more"} />
      <ul class="rb-list" id={`${id}--list`} role="listbox" aria-label={label} ref={listbox} hidden={!isOpen} onMouseDown={(event) => event.preventDefault()}>
        {isOpen && offered.map((choice, index) => (
          <>
            {choice.group && choice.group !== offered[index - 1]?.group && <li class="rb-group" role="presentation" key={`group-${choice.group}`}>{choice.group}</li>}
            <li key={choice.value} id={`${id}--${index}`} role="option" aria-selected={choice.value === value} data-marked={index === marked ? "" : undefined} data-value={choice.value}
              onMouseMove={() => mark(index)} onClick={() => choose(choice)}>{choice.label}{choice.hint && <small>{choice.hint}</small>}</li>
          </>
        ))}
        {isOpen && state === "searching" && <li class="rb-note" role="presentation">{t("searching")}</li>}
        {isOpen && state === "failed" && <li class="rb-note" role="presentation">{t("search_failed")}</li>}
        {isOpen && !state && offered.length === 0 && <li class="rb-note" role="presentation">{t(isFree && !typed ? "type_a_value" : "nothing_found")}</li>}
      </ul>
    </span>
  );
}

export function labelOf(value: string, { choices, list }: Source, labels: Record<string, Record<string, string>>, lists: Record<string, Choice[]>): string {
  const whole = choices ?? (list ? lists[list] : undefined);
  return whole?.find((choice) => choice.value === value)?.label ?? (list ? labels[list]?.[value] : undefined) ?? value;
}

type FieldProps = Source & { path: Path; label: string; type?: string; placeholder?: string; isFree?: boolean };

/** One value at a path. */
export function One({ path, label, type = "text", ...source }: FieldProps) {
  const builder = useBuilder();
  const [value, put] = useValue(path);
  const { attributes } = useProblem(path);
  return (
    <span class="rb-field wide">
      <Picker id={idOf(path)} label={label} value={shown(value)} isDisabled={builder.isDisabled} attributes={attributes} {...source} onChoose={(text) => put(read(text, type) ?? text)} />
      <Trouble path={path} />
    </span>
  );
}

/** Several values at a path, each with a button that takes it away. */
export function Many({ path, label, type = "text", isOptional, ...source }: FieldProps & { isOptional?: boolean }) {
  const builder = useBuilder();
  const { vocabulary } = builder;
  const [value, put] = useValue(path);
  const { attributes } = useProblem(path);
  const chosen = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  const add = (text: string) => {
    const one = read(text, type) ?? text;
    if (!chosen.includes(one)) put([...chosen, one]);
  };
  /** A column of a spreadsheet or a list with commas is so many values. */
  const paste = (text: string): boolean => {
    const several = text.split(BETWEEN_PASTED).map((one) => one.trim()).filter(Boolean);
    if (!source.isFree || several.length < 2) return false;
    put([...new Set([...chosen, ...several.map((one) => read(one, type) ?? one)])]);
    return true;
  };
  const [isWhole, showWhole] = useState(false);
  const visible = isWhole ? chosen : chosen.slice(0, TOKENS_AT_FIRST);
  const drop = (index: number) => {
    const rest = chosen.filter((_, other) => other !== index);
    if (!rest.length && isOptional) builder.remove(path);
    else put(rest);
    document.getElementById(idOf(path))?.focus();
  };
  return (
    <span class="rb-field wide">
      <span class="rb-many">
        {visible.map((one, index) => {
          const name = labelOf(shown(one), source, vocabulary.labels, vocabulary.lists);
          return (
            <span class="rb-token" key={`${pointer(path)}/${shown(one)}`}>{name}
              <button type="button" aria-label={t("remove_what", { what: name })} disabled={builder.isDisabled} onClick={() => drop(index)}><Icon name="close" /></button>
            </span>
          );
        })}
        {visible.length < chosen.length && (
          <button type="button" class="rb-more" onClick={() => showWhole(true)}>{t("show_all", { count: String(chosen.length) })}</button>
        )}
        <Picker id={idOf(path)} label={label} value="" isDisabled={builder.isDisabled} attributes={attributes} isForMany {...source}
          placeholder={chosen.length ? t("one_more") : (source.placeholder ?? t("search"))} onChoose={add} onPasted={paste} onBack={() => chosen.length && drop(chosen.length - 1)} />
      </span>
      <Trouble path={path} />
      {chosen.map((_, index) => <Trouble path={[...path, index]} key={index} />)}
    </span>
  );
}

export type { Json };
