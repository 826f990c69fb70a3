"""Things that show events and make choices."""
