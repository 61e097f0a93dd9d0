"""What runs inside Frappe, in a site that has this app installed. Frappe is imported here alone."""
