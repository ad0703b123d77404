"""One remote API as everything that speaks to one sees it: connections, manners, cassettes, keys and faults."""
