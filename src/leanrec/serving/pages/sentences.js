/** The sentences that leanrec's server writes, said in the reader's language; whatever else it says is left as it is. */

import { words } from "./words.js";

const REASONS = [
  [/^because of (?<title>.+)$/s, "reason.because"],
  [/^popular with everyone$/, "reason.popular"],
  [/^popular lately$/, "reason.lately"],
  [/^popular in (?<title>.+)$/, "reason.popularIn"],
  [/^new in the catalogue$/, "reason.new"],
  [/^few have chosen it so far$/, "reason.seldom"],
  [/^you asked for (?<title>.+)$/s, "reason.askedFor"],
  [/^near your words$/, "reason.nearWords"],
  [/^no single item of the history decides$/, "reason.none"],
  [/^you would rate it about (?<rating>[\d.]+)$/, "reason.rating"],
];

const NOTES = [
  [/^(?<blocked>\d+) of (?<total>\d+) items blocked$/, "note.blocked"],
  [/^one source$/, "note.oneSource"],
  [/^(?<n>\d+) sources$/, "note.sources"],
  [/^by score$/, "note.byScore"],
  [/^(?<moved>\d+) moved$/, "note.moved"],
  [/^(?<n>\d+) new$/, "note.new"],
  [/^nothing stated$/, "note.nothingStated"],
  [/^(?<n>\d+) liked or disliked$/, "note.stated"],
  [/^what each history item adds$/, "note.influence"],
  [/^asked again without each of the newest (?<n>\d+)$/, "note.occlusion"],
  [/^not loaded: (?<names>.+)$/s, "note.missing"],
];

/**
 * A reason in the reader's language; `title` is the item or group it names.
 * @param {string} reason
 * @returns {{text: string, title: string|null}}
 */
export function reasonInWords(reason) {
  const { text, blanks } = translated(reason, REASONS);
  return { text, title: blanks.title ?? null };
}

/**
 * A stage's note in the reader's language.
 * @param {string} note
 * @returns {string}
 */
export function noteInWords(note) {
  return translated(note, NOTES).text;
}

function translated(sentence, known) {
  for (const [pattern, key] of known) {
    const match = pattern.exec(sentence);
    if (!match) continue;
    const blanks = Object.fromEntries(Object.entries(match.groups ?? {}).map(([name, text]) => [name, isCount(name, text) ? Number(text) : text]));
    return { text: words(key, blanks), blanks };
  }
  return { text: sentence, blanks: {} };
}

function isCount(name, text) {
  return name !== "title" && /^\d+$/.test(text);
}
