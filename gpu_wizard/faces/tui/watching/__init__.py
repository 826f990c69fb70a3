"""`status --watch`: nodes and their stages on a screen, looked at again and again. Nothing here can change anything."""
