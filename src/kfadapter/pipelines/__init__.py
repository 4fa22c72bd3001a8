"""What a compiled pipeline says: reading packages and specifications, and fitting arguments to them. No I/O."""
