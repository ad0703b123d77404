"""The command line: one short file a command. Data goes to stdout, talk to stderr."""
