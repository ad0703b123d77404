"""A run that is going on: where it stands, from its events alone, and the page that follows it."""
