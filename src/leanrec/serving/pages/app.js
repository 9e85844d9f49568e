/** The page begins here: state, actions and views meet. */

import { createActions, newVisitorId } from "./actions.js";
import { createStore, initialState } from "./state.js";
import { createColumn } from "./views/column.js";
import { mountFilters } from "./views/filters.js";
import { createKeyDialog } from "./views/key.js";
import { mountPerson } from "./views/person.js";
import { mountPreferences } from "./views/preferences.js";
import { mountQuestion } from "./views/question.js";
import { mountSaying } from "./views/saying.js";
import { createSimilarDialog } from "./views/similar.js";
import { alarm, troubleInWords } from "./views/trouble.js";
import { fillFixedWords, setLanguage, words } from "./words.js";

const store = createStore(initialState(newVisitorId()));
const actions = createActions(store, { onKeyNeeded: () => keyDialog.open() });
const place = (id) => document.getElementById(id);
let views = [];
let keyDialog = null;
let shownFailure = null;

/** Build every view in the language of now; called again when the language changes. */
function mount() {
  fillFixedWords();
  shownFailure = null;
  place("dialogs").replaceChildren();
  keyDialog = createKeyDialog(place("dialogs"), { onKey: actions.start });
  const similar = createSimilarDialog(place("dialogs"), store, actions);
  const wishes = { openSimilar: similar.open, enterKey: keyDialog.open };
  const state = store.read();
  mountPreferences(place("preferences"), { onLanguage: changeLanguage });
  views = [
    showTitle,
    showFailedAct,
    mountPerson(place("person"), state, actions),
    mountFilters(place("filters"), state, actions),
    mountQuestion(place("question"), state, actions),
    mountSaying(place("saying"), state, actions),
    mountColumns(wishes),
  ];
  show(state);
}

function mountColumns(wishes) {
  const columns = [0, 1].map((index) => createColumn(index, actions, wishes));
  place("columns").replaceChildren(...columns.map((column) => column.root));
  return (state) => {
    place("columns").classList.toggle("is-comparing", state.isComparing);
    columns[1].root.hidden = !state.isComparing;
    columns.slice(0, state.isComparing ? 2 : 1).forEach((column) => column.show(state));
  };
}

function show(state) {
  for (const view of views) view(state);
}

function showTitle({ person }) {
  const heading = words(`title.${person.kind}`, { id: person.id });
  place("answers-heading").textContent = heading;
  document.title = `${heading} · leanrec`;
}

function showFailedAct({ failedAct }) {
  if (failedAct === shownFailure) return;
  shownFailure = failedAct;
  place("notice").replaceChildren(...(failedAct ? [failureMessage(failedAct)] : []));
}

function failureMessage({ event, item, error }) {
  const { title, advice } = troubleInWords(error);
  return alarm({
    title: words("error.act", { act: words(`error.act.${event.event}`), title: item.title || item.item_id }),
    advice: [title, advice].filter(Boolean).join(". "),
    requestId: error.problem.request_id,
    action: { label: words("error.retry"), run: actions.retryAct },
  });
}

function changeLanguage(code) {
  setLanguage(code);
  mount();
  place("language").focus();
}

function userInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("user");
}

store.watch(show);
store.watch(({ person }) => {
  const address = person.kind === "user" ? `#${new URLSearchParams({ user: person.id })}` : " ";
  if (address.trim() !== location.hash) history.replaceState(null, "", address === " " ? location.pathname + location.search : address);
});
addEventListener("hashchange", () => {
  const named = userInAddress();
  if (named && named !== store.read().person.id) actions.chooseUser(named).then(mount);
});
const user = userInAddress();
if (user) store.change({ person: { kind: "user", id: user } });
mount();
actions.start();
