"""What requests bring and answers hold, as OpenAPI shows it."""
