"""What can be asked, one file a tool; parsers are pure."""
