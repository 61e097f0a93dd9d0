frappe.listview_settings["Realtime Task"] = {
	add_fields: ["state"],
	get_indicator({ state }) {
		const colors = { done: "green", failed: "red", lost: "orange" };
		const word = __(frappe.utils.to_title_case(state));
		return [word, colors[state] || "gray", `state,=,${state}`];
	},
};
