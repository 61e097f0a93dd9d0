/** Who is signed in, as the page was told; in a Frappe site this is `frappe.session`. */
const { frappe } = /** @type {any} */ (window);

/**
 * @type {{ user: string, user_fullname: string, user_image: string | null,
 *   can_read: boolean, can_write: boolean }}
 */
export const session = { can_read: true, can_write: true, ...frappe?.session };

/** @type {{ name: string, fullname: string, image: string | null, can: string }[]} */
export const people = frappe?.users ?? [];
