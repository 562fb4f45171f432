"""The documents keep their word: what the code declares is described, and links lead somewhere."""
