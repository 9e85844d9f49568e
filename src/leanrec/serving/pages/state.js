/** What the page knows, in one place; views are told when it changes. */

/** Events of the past that are shown; one more is asked for, to know whether there are older ones. */
export const SHOWN_EVENTS = 8;

/**
 * @typedef {Object} Column
 * @property {string} model name of the model; empty for the server's default
 * @property {boolean} forStranger ask as if nothing were known of the person
 * @property {boolean} includeSeen
 * @property {"loading"|"ready"|"failed"} status
 * @property {Object|null} answer the server's answer
 * @property {Error|null} error
 * @property {number} roundTripMs
 * @property {{marks: Map<string, Object>, left: Array<Object>}|null} movement against the answer before
 */

/**
 * A column that has asked nothing yet.
 * @param {Partial<Column>} [given]
 * @returns {Column}
 */
export function freshColumn(given = {}) {
  return {
    model: "", forStranger: false, includeSeen: false,
    status: "loading", answer: null, error: null, roundTripMs: 0, movement: null, ...given,
  };
}

/**
 * The state at the start: a visitor of whom nothing is known.
 * @param {string} visitorId
 * @returns {Object}
 */
export function initialState(visitorId) {
  return {
    models: [],
    person: { kind: "visitor", id: visitorId },
    visitorId,
    taste: [],
    history: null,
    acts: new Map(),
    said: "",
    notMeant: [],
    chosen: {},
    facets: [],
    k: 10,
    isComparing: false,
    columns: [freshColumn(), freshColumn()],
    cause: null,
    failedAct: null,
  };
}

/**
 * A store: read it, change it, hear of changes.
 * @param {Object} state
 * @returns {{read: function(): Object, change: function(Object): void, watch: function(function(Object): void): void}}
 */
export function createStore(state) {
  const watchers = [];
  return {
    read: () => state,
    change(changes) {
      state = { ...state, ...changes };
      for (const watcher of watchers) watcher(state);
    },
    watch(watcher) {
      watchers.push(watcher);
    },
  };
}
