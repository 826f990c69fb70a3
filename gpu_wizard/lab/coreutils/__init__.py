"""Programs that every Debian has and that depend on users, owners, modes or processes."""
