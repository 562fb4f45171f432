"""Remembers. The only room that imports PynamoDB; no rule of the business may enter."""
