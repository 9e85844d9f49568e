/** What the person is looking for, in their own words, and what the server made of it. */

import { element, icon, nextNumber } from "../dom.js";
import { words } from "../words.js";
import { attributeName } from "./attributes.js";

const LONGEST = 2000;
const SIGNS = { "<=": "≤", ">=": "≥", "!=": "≠", "=": "=", "<": "<", ">": ">" };

/**
 * Mount the field above the lists.
 * @param {HTMLElement} root
 * @param {Object} state
 * @param {Object} actions
 * @returns {function(Object): void} shows a state
 */
export function mountSaying(root, state, actions) {
  const id = `saying-${nextNumber()}`;
  const input = element("input", { id, class: "combobox-input", type: "text", maxlength: LONGEST, enterkeyhint: "search", placeholder: words("said.hint") });
  input.value = state.said;
  const clear = element("button", { type: "button", class: "button button-quiet", on: { click: forget } }, words("said.clear"));
  const send = element("button", { type: "submit", class: "button button-strong" }, words("said.send"));
  const form = element(
    "form", { class: "saying", role: "search", on: { submit: ask } },
    element("label", { for: id }, words("said.label")),
    element("div", { class: "saying-line" }, element("div", { class: "combobox-field" }, icon("search"), input), send),
  );
  const understood = element("div", { class: "understood", role: "group", "aria-label": words("said.understood"), hidden: true });
  root.replaceChildren(form, understood);
  let shown = null;

  function ask(event) {
    event.preventDefault();
    actions.say(input.value);
  }

  function forget() {
    input.value = "";
    input.focus();
    actions.say("");
  }

  function takeBack(condition) {
    const chips = [...understood.querySelectorAll(".chip button")];
    const index = chips.findIndex((chip) => chip.dataset.condition === condition);
    const next = chips[index + 1] ?? chips[index - 1];
    wanted = next ? next.dataset.condition : "";
    actions.takeBack(condition);
  }

  let wanted = null;
  function show({ said, columns }) {
    const answer = columns[0].answer;
    if (!said) shown = null;
    understood.hidden = !said || !answer?.understood;
    if (understood.hidden || answer.understood === shown) return;
    shown = answer.understood;
    understood.replaceChildren(...partsOf(shown, takeBack), clear);
    if (wanted !== null) {
      const next = [...understood.querySelectorAll(".chip button")].find((button) => button.dataset.condition === wanted);
      (next ?? input).focus();
      wanted = null;
    }
  }

  show(state);
  return show;
}

/** Chips for filters and wishes, then a sentence for what was dropped and for what is left. */
function partsOf({ filters, wishes, relaxed, left, source }, onRemove) {
  const chips = [
    ...filters.map((condition) => chip(conditionInWords(condition), condition, "is-filter", onRemove)),
    ...wishes.map(({ attribute, value }) => chip(`${attributeName(attribute)}: ${value}`, `${attribute}=${value}`, "is-wish", onRemove)),
  ];
  const dropped = relaxed.length && words("said.relaxed", { conditions: relaxed.map(conditionInWords).join(", ") });
  const by = source === "words" ? words("said.byWords", { left }) : source ? words("said.by", { source, left }) : words("said.unread", { left });
  return [
    chips.length && element("ul", { class: "chips", "aria-label": words("said.understood") }, ...chips),
    dropped && element("p", { class: "small" }, dropped),
    left && element("p", { class: "small soft" }, by),
  ].filter(Boolean);
}

function chip(text, condition, kind, onRemove) {
  const removing = { type: "button", "data-condition": condition, "aria-label": words("said.remove", { title: text }), on: { click: () => onRemove(condition) } };
  return element("li", { class: `chip ${kind}` }, element("span", {}, text), element("button", removing, icon("close")));
}

/**
 * A filter as people write it: `price<=30` is “Price ≤ 30”.
 * @param {string} condition
 * @returns {string}
 */
function conditionInWords(condition) {
  const found = /^(.+?)(!=|<=|>=|=|<|>)(.*)$/s.exec(condition);
  return found ? `${attributeName(found[1])} ${SIGNS[found[2]]} ${found[3]}` : condition;
}
