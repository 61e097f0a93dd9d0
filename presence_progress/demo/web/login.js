/**
 * Four people to be. No Vue here: a list of buttons.
 */
import { hue, initials } from "../../public/js/components/avatar.js";
import { login } from "./api.js";
import { people } from "./session.js";
import "./demo.css";

const list = /** @type {HTMLElement} */ (document.querySelector("#people"));
const problem = /** @type {HTMLElement} */ (document.querySelector("#problem"));

/** Where the person wanted to go, if that is on this site. */
function target() {
  const wanted = new URLSearchParams(window.location.search).get("redirect-to") ?? "/";
  const url = new URL(wanted, window.location.origin);
  // An address of another site, hidden in a link to this page, is not followed.
  return url.origin === window.location.origin ? url.pathname + url.search : "/";
}

/** @param {string} tag @param {string} className @param {string} [text] */
function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** @param {(typeof people)[number]} person */
function faceOf({ name, fullname, image }) {
  const face = element("span", "face large", image ? "" : initials(fullname));
  face.style.setProperty("--hue", String(hue(name)));
  face.ariaHidden = "true";
  if (image) face.append(Object.assign(new Image(), { src: image, alt: "" }));
  return face;
}

/** @param {(typeof people)[number]} person */
function buttonOf(person) {
  const button = /** @type {HTMLButtonElement} */ (element("button", "person-button"));
  button.type = "button";
  button.dataset.user = person.name;
  const words = element("span", "person-words");
  words.append(element("strong", "", person.fullname), element("span", "muted", person.can));
  button.append(faceOf(person), words);
  button.addEventListener("click", async () => {
    problem.textContent = "";
    try {
      await login(person.name);
      window.location.assign(target());
    } catch (cause) {
      problem.textContent = /** @type {Error} */ (cause).message;
    }
  });
  return button;
}

for (const person of people) {
  const item = document.createElement("li");
  item.append(buttonOf(person));
  list.append(item);
}
