"""REST, in our own words: parse, call, answer."""
