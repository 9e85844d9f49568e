/** What a person can do: each action changes the state and asks the server again. */

import { ApiError, forgetUser, listModels, newId, recommend, searchItems, sendEvents, userHistory } from "./api.js";
import { facetsOf, filtersOf } from "./facets.js";
import { movementBetween } from "./movement.js";
import { SHOWN_EVENTS, freshColumn } from "./state.js";

const FACET_ITEMS = 100;

/**
 * The actions over one store.
 * @param {{read: function(): Object, change: function(Object): void}} store
 * @param {{onKeyNeeded: function(): void}} wishes called when the server wants a key
 * @returns {Object<string, Function>}
 */
export function createActions(store, { onKeyNeeded }) {
  let asked = 0;

  /** Ask for every list that is shown; `cause` is what the person did, and turns on the marks of what moved. */
  async function ask(cause = null) {
    const turn = (asked += 1);
    store.change({ cause, failedAct: null, columns: store.read().columns.map((column) => ({ ...column, status: "loading" })) });
    await Promise.all([...shownColumns().map((_, index) => askColumn(index, turn, cause)), readHistory(turn)]);
  }

  async function askColumn(index, turn, cause) {
    const { columns } = store.read();
    const started = performance.now();
    const changes = await recommend(questionOf(store.read(), columns[index])).then(
      (answer) => ({
        status: "ready", answer, error: null, roundTripMs: performance.now() - started,
        movement: cause && columns[index].answer ? movementBetween(columns[index].answer.items, answer.items) : null,
      }),
      (error) => ({ status: "failed", answer: null, error: heed(error), movement: null }),
    );
    if (turn === asked) changeColumn(index, changes);
  }

  async function readHistory(turn) {
    const { person } = store.read();
    const history = await userHistory(person.id, SHOWN_EVENTS + 1).catch(() => null);
    if (turn === asked) store.change({ history });
  }

  function shownColumns() {
    const { columns, isComparing } = store.read();
    return isComparing ? columns : columns.slice(0, 1);
  }

  function changeColumn(index, changes) {
    store.change({ columns: store.read().columns.map((column, other) => (other === index ? { ...column, ...changes } : column)) });
  }

  function heed(error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.kind === "key") onKeyNeeded();
    return error;
  }

  async function post(event, item) {
    try {
      await sendEvents([event]);
    } catch (error) {
      store.change({ failedAct: { event, item, error: heed(error) } });
      return;
    }
    const acts = new Map(store.read().acts);
    acts.set(item.item_id, new Set([...(acts.get(item.item_id) ?? []), event.event]));
    store.change({ acts });
    await ask({ kind: event.event, title: item.title || item.item_id });
  }

  return {
    ask,

    /** Begin, or begin again after the server was away: models, attributes, then the first answer. */
    async start() {
      try {
        const [models, items] = await Promise.all([listModels(), searchItems("", { limit: FACET_ITEMS })]);
        const known = new Set(models.map((model) => model.name));
        const columns = store.read().columns.map((column, index) => ({
          ...column,
          model: known.has(column.model) ? column.model : (models[Math.min(index, models.length - 1)]?.name ?? ""),
        }));
        store.change({ models, columns, facets: facetsOf(items) });
      } catch (error) {
        const failed = { status: "failed", answer: null, error: heed(error) };
        store.change({ columns: store.read().columns.map((column) => ({ ...column, ...failed })) });
        return;
      }
      await ask();
    },

    /** Ask for a user on record. */
    chooseUser(userId) {
      store.change({ person: { kind: "user", id: userId }, acts: new Map(), history: null });
      return ask();
    },

    /** Ask for the visitor, with the titles they picked. */
    chooseVisitor() {
      store.change({ person: { kind: "visitor", id: store.read().visitorId }, acts: new Map(), history: null });
      return ask();
    },

    /** Add a title to the visitor's taste. */
    addTaste(item) {
      const { taste, visitorId } = store.read();
      if (taste.some((picked) => picked.item_id === item.item_id)) return Promise.resolve();
      store.change({ taste: [...taste, item], person: { kind: "visitor", id: visitorId } });
      return ask({ kind: "taste" });
    },

    /** Take a title out of the visitor's taste. */
    removeTaste(itemId) {
      store.change({ taste: store.read().taste.filter((item) => item.item_id !== itemId) });
      return ask({ kind: "taste" });
    },

    /** Be a new visitor; what the server stored of the old one is deleted. */
    async restart() {
      const { visitorId: oldId, history } = store.read();
      const visitorId = newVisitorId();
      store.change({ visitorId, person: { kind: "visitor", id: visitorId }, taste: [], acts: new Map(), history: null });
      if (history?.events.length) await forgetUser(oldId).catch(heed);
      await ask();
    },

    /** Tell the server of a click, a like or a hide, then ask again. */
    act(kind, item, requestId) {
      const event = { event_id: newId(), user_id: store.read().person.id, item_id: item.item_id, event: kind };
      return post(requestId ? { ...event, request_id: requestId } : event, item);
    },

    /** Send the event that was not stored once more, under the same id, so that it counts once. */
    retryAct() {
      const { event, item } = store.read().failedAct;
      return post(event, item);
    },

    /** Ask in the person's own words; an empty text asks without any. */
    say(text) {
      store.change({ said: text.trim(), notMeant: [] });
      return ask({ kind: "said" });
    },

    /** Take back a filter or a wish that the server found in the words. */
    takeBack(condition) {
      store.change({ notMeant: [...store.read().notMeant, condition] });
      return ask({ kind: "said" });
    },

    /** Set the filters of one attribute. */
    filter(name, choice) {
      store.change({ chosen: { ...store.read().chosen, [name]: choice } });
      return ask();
    },

    /** Filter on nothing. */
    clearFilters() {
      store.change({ chosen: {} });
      return ask();
    },

    /** Change how many items are asked for. */
    setK(k) {
      store.change({ k });
      return ask();
    },

    /** Show one list or two. */
    setComparing(isComparing) {
      const { columns, models } = store.read();
      const [first, second] = columns;
      const hasTwin = isComparing && models.length < 2;
      store.change({ isComparing, columns: [first, freshColumn({ ...second, answer: null, forStranger: hasTwin || second.forStranger })] });
      return ask();
    },

    /** Change a setting of one list (`model`, `forStranger`, `includeSeen`). */
    setColumn(index, settings) {
      changeColumn(index, { ...settings, answer: null });
      return ask();
    },
  };
}

/**
 * An id for a visitor of this page.
 * @returns {string}
 */
export function newVisitorId() {
  return `visitor-${newId().slice(0, 8)}`;
}

function questionOf({ person, taste, said, notMeant, chosen, k }, { model, forStranger, includeSeen }) {
  const who = forStranger
    ? { history: [], ephemeral: true }
    : { user_id: person.id, history: person.kind === "visitor" ? taste.map((item) => item.item_id) : [] };
  const words = said ? { text: said, not_meant: notMeant } : {};
  return { ...who, ...words, filters: filtersOf(chosen), k, include_seen: includeSeen, explain: true, ...(model ? { model } : {}) };
}
