/*
 * Work is never lost: each change is kept on this computer at once and on the server soon after. What the
 * server has is named by a revision; whoever saves says which one they started from, so that two people
 * never overwrite each other without knowing.
 */

import { type Json, canonical } from "./json";

export type Content = { name: string; description: string; definition: Json };
export type Theirs = Content & { revision: string; by: string; at: string; sentence: string };
export type Copy = Content & { revision: string; at: string };
export type State =
  | { kind: "saved"; at: string }
  | { kind: "unsaved" }
  | { kind: "saving" }
  | { kind: "unnamed" }
  | { kind: "kept"; why: "offline" | "logged_out" | "refused"; text?: string }
  | { kind: "conflict"; theirs: Theirs };

type Answer = { revision: string; saved_at: string; autosave_url: string; change_url: string };

const WAIT_MS = 1_500;
const AGAIN_MS = 15_000;
const ANSWER_MS = 10_000;

export class Keeper {
  state: State;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private saving: Promise<void> | null = null;
  private kept: string;

  constructor(
    private url: string,
    private revision: string,
    private readonly place: string,
    private readonly content: () => Content,
    private readonly token: () => string,
    private readonly tell: (state: State) => void,
    private readonly moved: (answer: Answer) => void,
  ) {
    this.kept = canonical(content());
    this.state = revision ? { kind: "saved", at: "" } : { kind: "unnamed" };
  }

  get isDirty(): boolean {
    return canonical(this.content()) !== this.kept;
  }

  /** Work that was not saved when this computer last had the page open; null if there is none. */
  leftBehind(): Copy | null {
    try {
      const copy = JSON.parse(localStorage.getItem(this.place) ?? "null") as Copy | null;
      if (!copy || typeof copy !== "object" || !("definition" in copy)) return null;
      const { name, description, definition } = copy;
      return canonical({ name, description, definition }) === this.kept ? null : copy;
    } catch {
      return null;
    }
  }

  discard(): void {
    this.locally(() => localStorage.removeItem(this.place));
  }

  /** To be called after each change. */
  changed(): void {
    if (this.state.kind === "conflict") return this.copy();
    if (!this.isDirty && !this.saving) {
      this.discard();
      return this.turn(this.revision ? { kind: "saved", at: "" } : { kind: "unnamed" });
    }
    this.copy();
    clearTimeout(this.waiting);
    if (!this.url || !this.content().name.trim()) return this.turn({ kind: "unnamed" });
    if (this.state.kind !== "kept") this.turn({ kind: "unsaved" });
    this.waiting = setTimeout(() => void this.save(), WAIT_MS);
  }

  /** Over what somebody else saved meanwhile, which was shown. */
  overwrite(theirs: Theirs): void {
    this.revision = theirs.revision;
    this.turn({ kind: "unsaved" });
    void this.save();
  }

  /** Goes on from what somebody else saved. */
  adopt(theirs: Theirs): void {
    this.revision = theirs.revision;
    this.kept = canonical(this.content());
    this.discard();
    this.turn({ kind: "saved", at: theirs.at });
  }

  get startedFrom(): string {
    return this.revision;
  }

  stop(): void {
    clearTimeout(this.waiting);
  }

  /** What is on its way to the server; null if nothing is. */
  get underway(): Promise<void> | null {
    return this.saving;
  }

  async save(): Promise<void> {
    if (this.saving || !this.url) return;
    clearTimeout(this.waiting);
    this.saving = this.send(this.content()).finally(() => (this.saving = null));
    await this.saving;
    if (this.state.kind === "saved" && this.isDirty) this.changed();
  }

  private async send(content: Content): Promise<void> {
    this.turn({ kind: "saving" });
    try {
      const answer = await fetch(this.url, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.token(), Accept: "application/json" },
        body: JSON.stringify({ ...content, revision: this.revision }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      await this.hear(answer, content);
    } catch {
      this.keepFor("offline");
    }
  }

  private async hear(answer: Response, content: Content): Promise<void> {
    const isJson = answer.headers.get("Content-Type")?.includes("json");
    if (answer.redirected || (answer.status === 403 && !isJson)) return this.keepFor("logged_out");
    if (!isJson) return this.keepFor("offline");
    const told = await answer.json();
    if (answer.status === 409) return this.turn({ kind: "conflict", theirs: told.theirs });
    if (!answer.ok) return this.keepFor("refused", told.detail);
    this.revision = told.revision;
    this.url = told.autosave_url;
    this.kept = canonical(content);
    if (!this.isDirty) this.discard();
    this.moved(told);
    this.turn({ kind: "saved", at: told.saved_at });
  }

  private keepFor(why: "offline" | "logged_out" | "refused", text?: string): void {
    this.turn({ kind: "kept", why, text });
    if (why !== "refused") this.waiting = setTimeout(() => void this.save(), AGAIN_MS);
  }

  private copy(): void {
    const copy: Copy = { ...this.content(), revision: this.revision, at: new Date().toISOString() };
    this.locally(() => localStorage.setItem(this.place, JSON.stringify(copy)));
  }

  /** A browser may have no room, or keep nothing at all. */
  private locally(work: () => void): void {
    try {
      work();
    } catch {
      // The server's copy is the one that counts.
    }
  }

  private turn(state: State): void {
    this.state = state;
    this.tell(state);
  }
}
