"""What both web servers mount: people, roles, sessions, errors, the static page."""
