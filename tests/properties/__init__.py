"""The promises of the ledger, under whatever a random caller does."""
