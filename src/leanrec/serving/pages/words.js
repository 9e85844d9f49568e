/** Words and numbers in the language of the reader. */

import en from "./words/en.js";
import zh from "./words/zh.js";

const DICTIONARIES = { en, "zh-CN": zh };

/** The languages of the page, each under its own name. */
export const LANGUAGES = [
  { code: "en", name: "English" },
  { code: "zh-CN", name: "中文" },
];

/**
 * The language that the page speaks now.
 * @returns {string}
 */
export function language() {
  return document.documentElement.lang in DICTIONARIES ? document.documentElement.lang : "en";
}

/**
 * Speak another language from now on, and remember it.
 * @param {string} code
 */
export function setLanguage(code) {
  document.documentElement.lang = code;
  remember("leanrec.language", code);
}

/**
 * A text of the dictionary with its blanks filled; numbers are written as the language writes them.
 * @param {string} key
 * @param {Object<string, string|number>} [blanks]
 * @returns {string}
 */
export function words(key, blanks = {}) {
  const entry = DICTIONARIES[language()][key] ?? en[key];
  if (entry === undefined) return key;
  const text = typeof entry === "string" ? entry : (entry[new Intl.PluralRules(language()).select(Number(blanks.n))] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (blank, name) => {
    const value = blanks[name];
    if (value === undefined) return blank;
    return typeof value === "number" ? number(value) : value;
  });
}

/**
 * A number as the language writes it.
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 * @returns {string}
 */
export function number(value, options = {}) {
  return new Intl.NumberFormat(language(), options).format(value);
}

/**
 * A score: three figures that count, whatever its size.
 * @param {number} value
 * @returns {string}
 */
export function score(value) {
  return number(value, { minimumSignificantDigits: 3, maximumSignificantDigits: 3, useGrouping: false });
}

/**
 * Milliseconds with their unit.
 * @param {number} value
 * @returns {string}
 */
export function milliseconds(value) {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits })} ms`;
}

/**
 * A day, from microseconds since 1970.
 * @param {number} microseconds
 * @returns {string}
 */
export function day(microseconds) {
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium" }).format(new Date(microseconds / 1000));
}

/**
 * Fill the fixed texts of the document: `data-words` for content, `data-words-label` for labels.
 */
export function fillFixedWords() {
  for (const place of document.querySelectorAll("[data-words]")) place.textContent = words(place.dataset.words);
  for (const place of document.querySelectorAll("[data-words-label]")) place.setAttribute("aria-label", words(place.dataset.wordsLabel));
}

/**
 * Keep a preference for the next visit, where the browser lets us.
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    /* Storage is closed to us: the preference lasts as long as the page. */
  }
}
