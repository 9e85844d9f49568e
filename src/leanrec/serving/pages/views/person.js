/** Who is asking: a user on record, or a visitor who names titles they like. */

import { findItems, searchItems, searchUsers } from "../api.js";
import { element, icon, isWide, nextNumber } from "../dom.js";
import { SHOWN_EVENTS } from "../state.js";
import { day, words } from "../words.js";
import { attributesInWords } from "./attributes.js";
import { createCombobox } from "./combobox.js";

const MOST_TITLES = 12;
/** Characters from which a text is also looked up by what it says. */
const SHORTEST = 3;

/**
 * Mount the person card.
 * @param {HTMLElement} root
 * @param {Object} state
 * @param {Object} actions
 * @returns {function(Object): void} shows a state
 */
export function mountPerson(root, state, actions) {
  let kind = state.person.kind;
  const users = userSearch(actions);
  const titles = titleSearch(actions);
  const picked = element("ul", { class: "chips", "aria-label": words("taste.heading") });
  const restarting = { type: "button", class: "button button-quiet", title: words("taste.restart.hint"), on: { click: startOver } };
  const restart = element("button", restarting, words("taste.restart"));
  const past = element("div", {});
  const fold = element("details", { class: "past", open: isWide() }, element("summary", { class: "label" }, words("person.history")), past);
  const panels = {
    visitor: element("div", {}, titles.root, picked, element("p", { class: "small soft" }, words("taste.hint")), restart),
    user: element("div", {}, users.root, element("p", { class: "small soft", id: "pick-user" }, words("person.pick"))),
  };
  const switcher = kindSwitch(kind, choose);
  root.replaceChildren(switcher.root, panels.visitor, panels.user, fold);
  if (state.person.kind === "user") users.setText(state.person.id);

  function choose(wanted) {
    kind = wanted;
    if (wanted === "visitor") actions.chooseVisitor();
    else if (users.chosen()) actions.chooseUser(users.chosen());
    else show(lastState);
  }

  function startOver() {
    actions.restart();
    titles.focus();
  }

  let lastState = state;
  function show(next) {
    if (next.person !== lastState.person) kind = next.person.kind;
    lastState = next;
    switcher.set(kind);
    for (const [name, panel] of Object.entries(panels)) panel.hidden = name !== kind;
    const isAsking = next.person.kind === kind;
    panels.user.querySelector("#pick-user").hidden = isAsking;
    picked.hidden = next.taste.length === 0;
    restart.hidden = next.taste.length === 0 && !next.history?.events.length;
    picked.replaceChildren(...next.taste.map((item) => chip(item, removeTaste)));
    const events = isAsking && next.history ? next.history.events : [];
    fold.hidden = !isAsking || !next.history || (events.length === 0 && kind === "visitor");
    past.replaceChildren(...pastEvents(events));
  }

  function removeTaste(item) {
    const index = lastState.taste.findIndex((other) => other.item_id === item.item_id);
    actions.removeTaste(item.item_id);
    const left = picked.querySelectorAll("button");
    if (left.length) left[Math.min(index, left.length - 1)].focus();
    else titles.focus();
  }

  show(state);
  return show;
}

function kindSwitch(kind, onChoose) {
  const name = `person-kind-${nextNumber()}`;
  const radios = ["visitor", "user"].map((value) =>
    element("input", { type: "radio", name, value, id: `${name}-${value}`, checked: value === kind, on: { change: () => onChoose(value) } }),
  );
  const root = element(
    "fieldset", { class: "segments" }, element("legend", { class: "visually-hidden" }, words("person.heading")),
    ...radios.flatMap((radio) => [radio, element("label", { for: radio.id }, words(`person.${radio.value}`))]),
  );
  return { root, set: (value) => radios.forEach((radio) => (radio.checked = radio.value === value)) };
}

function userSearch(actions) {
  let chosen = "";
  const box = createCombobox({
    label: words("person.search"),
    hint: words("person.search.hint"),
    keepsText: true,
    search: async (text, signal) =>
      (await searchUsers(text, signal)).map((user) => ({
        label: user.user_id, detail: words("person.numEvents", { n: user.num_events }), value: user,
      })),
    onChoose: (user) => actions.chooseUser((chosen = user.user_id)),
  });
  return { ...box, chosen: () => chosen, setText: (text) => box.setText((chosen = text)) };
}

function titleSearch(actions) {
  return createCombobox({
    label: words("taste.search"),
    hint: words("taste.search.hint"),
    keepsText: false,
    search: async (text, signal) =>
      (await titlesOf(text, signal)).map((item) => ({
        label: item.title || item.item_id, detail: attributesInWords(item.attributes), value: item,
      })),
    onChoose: (item) => actions.addTaste(item),
  });
}

/** Titles that hold the text, then those that are like it. */
async function titlesOf(text, signal) {
  const found = await Promise.all([searchItems(text, { signal }), text.length < SHORTEST ? [] : findItems(text, { signal })]);
  const byId = new Map(found.flat().map((item) => [item.item_id, item]));
  return [...byId.values()].slice(0, MOST_TITLES);
}

function chip(item, onRemove) {
  const title = item.title || item.item_id;
  const removing = { type: "button", "aria-label": words("taste.remove", { title }), on: { click: () => onRemove(item) } };
  const button = element("button", removing, icon("close"));
  return element("li", { class: "chip" }, element("span", {}, title), button);
}

function pastEvents(events) {
  if (events.length === 0) return [element("p", { class: "small soft" }, words("person.history.empty"))];
  const lines = events.slice(0, SHOWN_EVENTS).map((event) => {
    const title = element("span", { class: "past-title" }, event.title || event.item_id);
    return element("li", {}, title, element("span", { class: "past-event" }, eventInWords(event)));
  });
  const more = events.length > SHOWN_EVENTS && element("p", { class: "small soft" }, words("person.history.more"));
  return [element("ul", { class: "past-list" }, ...lines), more].filter(Boolean);
}

function eventInWords({ event, value, timestamp }) {
  const isRating = event === "rate" && typeof value === "number";
  const what = isRating ? words("event.rate.value", { value }) : words(`event.${event}`);
  return timestamp ? `${what} · ${day(timestamp)}` : what;
}
