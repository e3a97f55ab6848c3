"""File search stores: what is in them, and how it is found."""
