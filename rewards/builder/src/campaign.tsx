/* The builder of a whole campaign, with what stands beside it. */

import { createPortal } from "preact/compat";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { token } from "./asking";
import { Provided, type Settings, type Working, goTo, useKeys, useWorking } from "./builder";
import type { Json } from "./json";
import { type Content, type Copy, Keeper, type State, type Theirs } from "./keeping";
import { Icon, IconButton } from "./parts";
import { ForWhom, If, Limits, Schedule, Stacking, Then, When } from "./sections";
import { t } from "./words";

export type CampaignSettings = Settings & {
  autosaveUrl: string;
  revision: string;
  place: string;
  theirs: Theirs | null;
};

type Fields = { form: HTMLFormElement; name: HTMLInputElement; description: HTMLTextAreaElement; definition: HTMLInputElement; revision: HTMLInputElement };

function fieldsOf(form: HTMLFormElement): Fields {
  const named = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
  return { form, name: named("name"), description: named("description") as unknown as HTMLTextAreaElement, definition: named("definition"), revision: named("revision") };
}

export function CampaignBuilder({ settings, form, aside }: { settings: CampaignSettings; form: HTMLFormElement; aside: HTMLElement }) {
  const working = useWorking(settings);
  const fields = useMemo(() => fieldsOf(form), [form]);
  const now = useRef<Json>(working.history.now);
  now.current = working.history.now;
  const { keeper, state, left, forget } = useKeeper(settings, fields, now);
  useKeys(working.undo, working.redo);
  useEffect(() => {
    fields.definition.value = JSON.stringify(working.history.now);
    keeper?.changed();
  }, [working.history.now]);

  const take = (content: Content) => {
    fields.name.value = content.name;
    fields.description.value = content.description;
    now.current = content.definition;
    working.builder.step(content.definition, t("said_changed"));
  };
  const adopt = (theirs: Theirs) => { take(theirs); keeper?.adopt(theirs); };
  const restore = (copy: Copy) => { take(copy); forget(); keeper?.changed(); };
  return (
    <Provided builder={working.builder}>
      {!settings.isDisabled && <Toolbar working={working} state={state} />}
      {state.kind === "conflict" && <Conflict theirs={state.theirs} onKeep={() => keeper?.overwrite(state.theirs)} onTake={() => adopt(state.theirs)} />}
      {left && <LeftBehind copy={left} onRestore={() => restore(left)} onDiscard={() => { keeper?.discard(); forget(); }} />}
      <When />
      <ForWhom members={working.outlook.audience} />
      <If />
      <Then />
      <Schedule />
      <Limits />
      <Stacking />
      <p class="rg-unseen" aria-live="assertive">{working.said}</p>
      {createPortal(<Beside working={working} />, aside)}
    </Provided>
  );
}

function useKeeper(settings: CampaignSettings, fields: Fields, now: { current: Json }) {
  const [state, tell] = useState<State>(settings.revision ? { kind: "saved", at: "" } : { kind: "unnamed" });
  const [left, remember] = useState<Copy | null>(null);
  const keeper = useMemo(() => {
    if (settings.isDisabled) return null;
    const content = () => ({ name: fields.name.value, description: fields.description.value, definition: now.current });
    const moved = (answer: { revision: string; change_url: string }) => {
      fields.revision.value = answer.revision;
      if (location.pathname === answer.change_url) return;
      history.replaceState(null, "", answer.change_url);
      fields.form.action = answer.change_url;
    };
    return new Keeper(settings.autosaveUrl, settings.revision, settings.place, content, token, tell, moved);
  }, []);
  useEffect(() => {
    if (!keeper) return;
    remember(keeper.leftBehind());
    if (settings.theirs) {
      keeper.state = { kind: "conflict", theirs: settings.theirs };
      tell(keeper.state);
    }
    let isSent = false;
    const change = () => keeper.changed();
    const warn = (event: BeforeUnloadEvent) => { if (!isSent && keeper.isDirty) event.preventDefault(); };
    const send = (event: SubmitEvent) => {
      if (keeper.underway) {
        // It may be about to give a new campaign its address, or the draft another revision.
        event.preventDefault();
        void keeper.underway.then(() => fields.form.requestSubmit(event.submitter));
        return;
      }
      isSent = true;
      keeper.stop();
      fields.revision.value = keeper.startedFrom;
      keeper.changed();
      keeper.stop();
    };
    const again = () => { if (document.visibilityState === "visible" && keeper.state.kind === "kept") void keeper.save(); };
    for (const field of [fields.name, fields.description]) field.addEventListener("change", change);
    fields.form.addEventListener("submit", send);
    window.addEventListener("beforeunload", warn);
    document.addEventListener("visibilitychange", again);
    return () => {
      for (const field of [fields.name, fields.description]) field.removeEventListener("change", change);
      fields.form.removeEventListener("submit", send);
      window.removeEventListener("beforeunload", warn);
      document.removeEventListener("visibilitychange", again);
    };
  }, []);
  return { keeper, state, left, forget: () => remember(null) };
}

function Toolbar({ working, state }: { working: Working; state: State }) {
  const { history, undo, redo } = working;
  return (
    <div class="rb-toolbar" role="toolbar" aria-label={t("editing")}>
      <IconButton icon="undo" label={`${t("undo")} (Ctrl+Z)`} onClick={undo} disabled={!history.past.length} />
      <IconButton icon="redo" label={`${t("redo")} (Ctrl+Shift+Z)`} onClick={redo} disabled={!history.future.length} />
      <Saved state={state} />
    </div>
  );
}

const ICONS: Record<State["kind"], string> = { saved: "cloud_done", unsaved: "edit", saving: "cloud_upload", unnamed: "edit", kept: "cloud_off", conflict: "group" };

function Saved({ state }: { state: State }) {
  const text =
    state.kind === "saved" ? (state.at ? t("saved_at", { time: state.at }) : t("all_saved"))
    : state.kind === "kept" ? (state.text ?? t(`kept_${state.why}`))
    : t(`state_${state.kind}`);
  return (
    <span class={`rb-saved ${state.kind}`} role="status"><Icon name={ICONS[state.kind]} />{text}
      {state.kind === "kept" && state.why === "logged_out" && <a class="rg-link" href="/accounts/login/" target="_blank" rel="noopener">{t("log_in")}</a>}
    </span>
  );
}

function Conflict({ theirs, onKeep, onTake }: { theirs: Theirs; onKeep: () => void; onTake: () => void }) {
  return (
    <div class="rb-banner warning" role="alert">
      <Icon name="group" />
      <div>
        <p><strong>{t("conflict", { who: theirs.by || t("somebody"), time: theirs.at })}</strong></p>
        <p>{theirs.sentence ? t("conflict_says", { name: theirs.name, sentence: theirs.sentence }) : t("conflict_incomplete", { name: theirs.name })}</p>
        <div class="rg-actions">
          <button type="button" class="rg-button primary" onClick={onKeep}>{t("keep_mine")}</button>
          <button type="button" class="rg-button" onClick={onTake}>{t("take_theirs")}</button>
        </div>
      </div>
    </div>
  );
}

function LeftBehind({ copy, onRestore, onDiscard }: { copy: Copy; onRestore: () => void; onDiscard: () => void }) {
  const time = new Date(copy.at).toLocaleString(document.documentElement.lang || undefined, { dateStyle: "medium", timeStyle: "short" });
  return (
    <div class="rb-banner" role="alert">
      <Icon name="history" />
      <div>
        <p><strong>{t("left_behind", { time })}</strong></p>
        <div class="rg-actions">
          <button type="button" class="rg-button primary" onClick={onRestore}>{t("restore")}</button>
          <button type="button" class="rg-button" onClick={onDiscard}>{t("discard")}</button>
        </div>
      </div>
    </div>
  );
}

/** The rule in plain words, what is missing, and what to think of. */
function Beside({ working }: { working: Working }) {
  const { judgement, isChecking } = working;
  const { audience: reach, hints } = working.outlook;
  const problems = judgement?.problems ?? [];
  return (
    <>
      <div class={isChecking ? "rb-checking" : ""} aria-live="polite" id="sentence">
        {judgement?.sentence ? <p class="rg-sentence rg-quote">{judgement.sentence}</p> : <p class="rg-subtle">{t("no_sentence")}</p>}
      </div>
      {reach && <p class="rb-reach"><Icon name="group" />{t("reaches", { count: reach.count.toLocaleString(), of: reach.of.toLocaleString() })}</p>}
      {problems.length > 0 && <Notes title={t("to_do")} notes={problems} level="problem" onGo={working.showAll} />}
      {hints.length > 0 && <Notes title={t("to_think_of")} notes={hints} level="hint" />}
    </>
  );
}

type Note = { pointer: string; text: string; advice?: string; severity?: string };

function Notes({ title, notes, level, onGo }: { title: string; notes: Note[]; level: string; onGo?: () => void }) {
  const go = (place: string) => {
    onGo?.();
    requestAnimationFrame(() => goTo(place));
  };
  return (
    <div class={`rb-notes ${level}`}>
      <h3>{title}</h3>
      <ul>{notes.map((note) => (
        <li key={note.pointer + note.text}>
          <button type="button" onClick={() => go(note.pointer)}><span class={`rg-dot ${DOTS[note.severity ?? "warning"]}`} /><span>{note.text}{note.advice && <small>{note.advice}</small>}</span></button>
        </li>
      ))}</ul>
    </div>
  );
}

const DOTS: Record<string, string> = { error: "bad", warning: "wait", info: "ok" };
