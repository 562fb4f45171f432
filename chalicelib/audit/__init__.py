"""The whole audit of a channel: part after part, remembered in a file while it runs."""
