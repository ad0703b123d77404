"""Tasks that ship with thinkcurve, one file a family; the engine finds them through entry points."""
