/* Mounts the builder where a page has room for it. */

import { render } from "preact";
import { useEffect } from "preact/hooks";

import { Provided, type Settings, useKeys, useWorking } from "./builder";
import { CampaignBuilder, type CampaignSettings } from "./campaign";
import { get } from "./json";
import { IconButton } from "./parts";
import { Tree } from "./tree";
import { learn, t } from "./words";

const told = <T,>(id: string): T => JSON.parse(document.getElementById(id)?.textContent ?? "null") as T;

/** The condition tree alone, as a field of a form: `input` holds its JSON, empty without conditions. */
function TreeField({ settings, input, scope }: { settings: Settings; input: HTMLInputElement; scope: string }) {
  const working = useWorking(settings);
  useKeys(working.undo, working.redo);
  const tree = get(working.history.now, ["conditions"]);
  useEffect(() => {
    const text = tree === undefined ? "" : JSON.stringify(tree);
    if (input.value === text) return;
    input.value = text;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, [tree]);
  return (
    <Provided builder={working.builder}>
      {!settings.isDisabled && <div class="rb-toolbar slim" role="toolbar" aria-label={t("editing")}>
        <IconButton icon="undo" label={`${t("undo")} (Ctrl+Z)`} onClick={working.undo} disabled={!working.history.past.length} />
        <IconButton icon="redo" label={`${t("redo")} (Ctrl+Shift+Z)`} onClick={working.redo} disabled={!working.history.future.length} />
        {working.outlook.audience && <span class="rb-saved">{t("reaches", { count: working.outlook.audience.count.toLocaleString(), of: working.outlook.audience.of.toLocaleString() })}</span>}
      </div>}
      <Tree path={["conditions"]} scope={scope} empty={t("no_member_conditions")} />
      {working.judgement?.sentence && <p class="rg-sentence rg-quote" aria-live="polite">{working.judgement.sentence}</p>}
      <p class="rg-unseen" aria-live="assertive">{working.said}</p>
    </Provided>
  );
}

function start(): void {
  const place = document.querySelector<HTMLElement>("[data-campaign-builder]");
  const aside = document.querySelector<HTMLElement>("[data-campaign-beside]");
  if (place && aside) {
    const settings = told<CampaignSettings & { words: Record<string, string> }>("builder-settings");
    learn(settings.words);
    place.replaceChildren();
    aside.replaceChildren();
    render(<CampaignBuilder settings={settings} form={place.closest("form")!} aside={aside} />, place);
  }
  for (const field of document.querySelectorAll<HTMLElement>("[data-tree-builder]")) {
    const settings = told<Settings & { words: Record<string, string>; scope: string }>(field.dataset.treeBuilder!);
    learn(settings.words);
    render(<TreeField settings={settings} input={field.parentElement!.querySelector<HTMLInputElement>("[data-tree-value]")!} scope={settings.scope} />, field);
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();

