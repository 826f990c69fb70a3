"""The run folder and the setup file: what was done, and what is wanted."""
