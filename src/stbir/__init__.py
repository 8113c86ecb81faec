"""stbir: find the one picture you mean, in your own collection, by a rough drawing plus a few words."""
