"""Machines as adapters: one way to ask and to act, over SSH or on this machine."""
