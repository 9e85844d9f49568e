/** A search field with suggestions: the combobox pattern of the ARIA Authoring Practices. */

import { ApiError } from "../api.js";
import { announce, element, icon, nextNumber } from "../dom.js";
import { words } from "../words.js";
import { troubleInWords } from "./trouble.js";

const PAUSE_MS = 140;

/**
 * @typedef {Object} Option
 * @property {string} label what is chosen
 * @property {string} detail a few words beside it
 * @property {Object} value handed to `onChoose`
 */

/**
 * A labelled search field.
 * @param {{label: string, hint: string, keepsText: boolean, search: function(string, AbortSignal): Promise<Option[]>,
 *   onChoose: function(Object): void}} wishes `keepsText` leaves the chosen label in the field
 * @returns {{root: HTMLElement, setText: function(string): void, focus: function(): void}}
 */
export function createCombobox({ label, hint, keepsText, search, onChoose }) {
  const id = `combobox-${nextNumber()}`;
  const input = element("input", {
    id, class: "combobox-input", type: "text", role: "combobox", autocomplete: "off", autocapitalize: "off", spellcheck: "false", placeholder: hint,
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-list`,
  });
  const list = element("ul", { id: `${id}-list`, class: "combobox-list", role: "listbox", "aria-label": label, hidden: true });
  const note = element("p", { class: "combobox-note", hidden: true });
  const field = element("div", { class: "combobox-field" }, icon("search"), input, list, note);
  const root = element("div", { class: "combobox" }, element("label", { for: id }, label), field);

  let options = [];
  let active = -1;
  let timer = 0;
  let running = null;

  function close() {
    clearTimeout(timer);
    running?.abort();
    list.hidden = note.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function activate(index) {
    active = index;
    [...list.children].forEach((child, other) => child.setAttribute("aria-selected", String(other === index)));
    const chosen = list.children[index];
    if (!chosen) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  }

  function choose(index) {
    const option = options[index];
    close();
    input.value = keepsText ? option.label : "";
    onChoose(option.value);
  }

  function show(found, text) {
    options = found;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.replaceChildren(...found.map((option, index) => optionElement(option, index)));
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(found.length > 0));
    say(found.length === 0 ? words("search.none", { text }) : "");
    announce(found.length === 0 ? words("search.none", { text }) : words("search.results", { n: found.length }));
  }

  function optionElement(option, index) {
    const listeners = { pointerdown: (event) => event.preventDefault(), click: () => choose(index) };
    return element(
      "li", { id: `${id}-option-${index}`, role: "option", "aria-selected": "false", on: listeners },
      element("span", { class: "option-label" }, option.label), element("span", { class: "option-detail" }, option.detail),
    );
  }

  function say(text) {
    note.textContent = text;
    note.hidden = text === "";
  }

  async function look() {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const text = input.value.trim();
    try {
      const found = await search(text, signal);
      if (!signal.aborted) show(found, text);
    } catch (why) {
      if (signal.aborted) return;
      if (!(why instanceof ApiError)) throw why;
      close();
      say(words("search.failed", { why: troubleInWords(why).title }));
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  }

  const keys = {
    ArrowDown: () => (list.hidden ? look() : activate((active + 1) % options.length)),
    ArrowUp: () => (list.hidden ? look() : activate((active - 1 + options.length) % options.length)),
    Enter: () => (!list.hidden && active >= 0 ? choose(active) : look()),
    Escape: () => (list.hidden && note.hidden ? (input.value = "") : close()),
  };
  input.addEventListener("input", later);
  input.addEventListener("click", () => list.hidden && later());
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });

  return { root, setText: (text) => (input.value = text), focus: () => input.focus() };
}
