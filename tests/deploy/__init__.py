"""The whole stack from the package, deployed as to AWS: ministack stands in for the account."""
