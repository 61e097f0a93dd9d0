/**
 * Which field of a form somebody is in, and that they type: the form's own events, fewer and calmer.
 */

/** Focus flutters between fields, and within one: a picker, a link's list. */
const SETTLE_MS = 150;

/**
 * Names the field that an element is in: `city`, or `items.qty` in a row of a table.
 *
 * @param {EventTarget | null} target
 * @returns {string | null} null outside of fields, and in dialogs, whose fields are their own
 */
export function fieldOf(target) {
  if (!(target instanceof Element) || target.closest(".modal")) return null;
  // Both a row's field and the table around it are controls: the inner one is meant.
  const control = target.closest(".frappe-control[data-fieldname]");
  const field = control?.getAttribute("data-fieldname");
  if (!field) return null;
  const table = control?.parentElement
    ?.closest('.frappe-control[data-fieldtype="Table"]')
    ?.getAttribute("data-fieldname");
  return table ? `${table}.${field}` : field;
}

/**
 * What people call a field; the name itself where the DocType has no label for it.
 *
 * @param {string} doctype
 * @param {string} field as `fieldOf` names it
 * @param {any} frappe
 */
export function fieldLabel(doctype, field, frappe) {
  const labels = [];
  let owner = doctype;
  for (const name of field.split(".")) {
    const known = owner ? frappe?.meta?.get_docfield?.(owner, name) : undefined;
    labels.push(known?.label ? (frappe._?.(known.label) ?? known.label) : name);
    owner = known?.options;
  }
  return labels.join(": ");
}

/**
 * Stands in for a form where `watchActivity` looks: an element outside of the page that has the focus
 * in a field when the form has, and is typed in when the form is.
 *
 * @param {Element} form
 * @returns {{ target: HTMLElement, type: () => void }} `type` for a change that came without typing,
 *   such as the choice of a date
 */
export function mirrorForm(form) {
  const target = document.createElement("div");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {string | null} */
  let shown = null;

  /** @param {string | null} field */
  function name(field) {
    shown = field;
    if (field) target.dataset.fieldname = field;
    else delete target.dataset.fieldname;
  }

  /** @param {string | null} field */
  function focusSoon(field) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (field === shown) return;
      name(field);
      target.dispatchEvent(new Event(field ? "focusin" : "focusout"));
    }, SETTLE_MS);
  }

  form.addEventListener("focusin", (event) => focusSoon(fieldOf(event.target)));
  form.addEventListener("focusout", () => focusSoon(null));
  form.addEventListener("input", (event) => {
    const field = fieldOf(event.target);
    if (!field) return;
    clearTimeout(timer);
    name(field);
    target.dispatchEvent(new Event("input"));
  });

  return {
    target,
    type: () => target.dispatchEvent(new Event("input")),
  };
}
