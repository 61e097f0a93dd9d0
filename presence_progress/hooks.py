"""How Frappe loads the app: data, and nothing but data."""

app_name = "presence_progress"
app_title = "Presence and Progress"
app_publisher = "presence_progress developers"
app_description = "Live presence, progress and counts that stay true through crashes and reloads"
app_email = "presence-progress@example.com"
app_license = "MIT"

app_include_js = ["presence_progress_desk.bundle.js"]
web_include_js = ["presence_progress_web.bundle.js"]

extend_bootinfo = "presence_progress.site.boot.extend_bootinfo"

before_uninstall = "presence_progress.site.install.before_uninstall"
after_migrate = "presence_progress.site.install.after_migrate"

doc_events = {"Activity Log": {"after_insert": "presence_progress.site.rights.publish_session_end"}}

default_log_clearing_doctypes = {"Realtime Task": 30}

permission_query_conditions = {"Realtime Task": "presence_progress.site.task_rights.listed"}
has_permission = {"Realtime Task": "presence_progress.site.task_rights.may_read"}

# What a task was about may be deleted, and whoever started it.
ignore_links_on_delete = ["Realtime Task"]
