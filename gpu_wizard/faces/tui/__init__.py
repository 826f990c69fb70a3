"""The wizard's screens: a face that shows events and makes choices, and opens no connection itself."""
