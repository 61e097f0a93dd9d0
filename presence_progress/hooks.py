"""How Frappe loads the app: data, and nothing but data."""

app_name = "presence_progress"
app_title = "Presence and Progress"
app_publisher = "presence_progress developers"
app_description = "Live presence, progress and counts that stay true through crashes and reloads"
app_email = "presence-progress@example.com"
app_license = "MIT"
