"""The verbs of a shopper's personal data: take it away, and give out all that is held.

What moved stays in the books under the shop's own id of the user. Everything that says who that
is lies in rows that can be deleted, and goes.
"""

from chalicelib.privacy.erasure import ErasedAccount, Erasure, erase
from chalicelib.privacy.export import export

__all__ = ["ErasedAccount", "Erasure", "erase", "export"]
