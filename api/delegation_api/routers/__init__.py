"""Routes requests, one file a noun. A handler is a typed caller, a message in, one command, a message out."""
