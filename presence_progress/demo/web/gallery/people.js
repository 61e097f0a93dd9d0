/** People who stand in the gallery. */

/** @typedef {import("../../../public/js/client/viewers.js").Viewer} Viewer */

/** A moment ago, for all of them. */
const NOW = Date.now();

const NAMES = [
  "Ada Lovelace",
  "Grace Hopper",
  "Alan Turing",
  "Katherine Johnson",
  "Edsger Dijkstra",
  "Barbara Liskov",
  "Donald Knuth",
  "Radia Perlman",
  "Tony Hoare",
  "Frances Allen",
  "Leslie Lamport",
  "Margaret Hamilton",
];

const SPECIAL = /** @type {Record<string, { name: string, user?: string, image?: string }>} */ ({
  long: { name: "Wolfeschlegelsteinhausenbergerdorff-Schmidtbauer von und zu Hohenstein" },
  longer: { name: "Dr. Maria del Carmen Encarnación Rodríguez de la Fuente y Villanueva" },
  arabic: { name: "ليلى الزهراء" },
  hebrew: { name: "נועה לוי" },
  picture: { name: "Edith Editor", image: "/files/editor.svg" },
  broken: { name: "Paul Gone", image: "data:image/png;base64,AAAA" },
  address: { name: "", user: "accounts.payable@subsidiary.example.com" },
  rare: { name: "𠮷野 家" },
});

/**
 * @param {number | string} which a number, or one that is special
 * @param {Viewer["activity"]} [activity]
 * @param {string | null} [focus]
 * @returns {Viewer & { last_seen: number }}
 */
export function person(which, activity = "viewing", focus = null) {
  const { name, user, image } = SPECIAL[which] ?? { name: NAMES[Number(which) % NAMES.length] };
  const first = typeof which === "string" ? which : name.split(" ")[0].toLowerCase();
  const number = Number(which) >= NAMES.length ? which : "";
  return {
    user: user ?? `${first}${number}@example.com`,
    name,
    image: image ?? null,
    activity,
    focus,
    since: NOW - 60_000 + (Number(which) || 0),
    last_seen: NOW - 20_000,
  };
}

/** Whoever looks at the gallery. */
export const ADA = person(0);

/** @param {number} size @param {Viewer["activity"][]} [activities] the last one is that of all others */
export const crowd = (size, activities = ["viewing"]) =>
  Array.from({ length: size }, (_, index) =>
    person(index + 1, activities[Math.min(index, activities.length - 1)]),
  );

/**
 * The state of a presence room.
 *
 * @param {Viewer[]} viewers
 * @param {{ count?: number, left?: (Viewer & { last_seen: number })[] }} [more]
 * @returns {Record<string, any>}
 */
export const presence = (viewers, { count = viewers.length, left = [] } = {}) => ({
  ...Object.fromEntries(viewers.map(({ user, ...viewer }) => [user, viewer])),
  ...Object.fromEntries(left.map(({ user, ...viewer }) => [`:left:${user}`, viewer])),
  ":count": count,
});
