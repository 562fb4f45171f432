"""Every refusal the service knows, one class each, with a stable `code`.

`http.py` maps a class to a status in one table; checkout pages print the same refusals inside
their envelope. A detail says what is wrong and what would be right, without personal data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a request: its dotted path, a stable code and a sentence."""

    field: str
    code: str
    detail: str


class Refusal(Exception):
    """A request that is answered with a reason; nothing was moved or stored."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"
    fallback: ClassVar[str] = ""

    def __init__(self, detail: str | None = None, *, errors: Sequence[FieldError] = ()) -> None:
        """Keep the sentence for people and, where fields are wrong, one error for each."""
        self.detail = detail if detail is not None else self.fallback
        self.errors = tuple(errors)
        super().__init__(self.detail)


# --- the request itself ---------------------------------------------------------------------


class InvalidRequest(Refusal):
    """A body, query or path that does not fit its model; `errors` names each field."""

    code = "invalid_request"
    title = "The request does not fit"
    fallback = "Some fields are wrong; each is named in errors."


class InvalidJson(Refusal):
    """A body that is not one JSON object in UTF-8."""

    code = "invalid_json"
    title = "The body is not JSON"
    fallback = "Send one JSON object in UTF-8 as the body."


class BodyTooLarge(Refusal):
    """A body over the limit of its route: 256 KB, or 4 MB for an uploaded list."""

    code = "body_too_large"
    title = "The body is too large"
    fallback = "A body may hold at most 262,144 bytes."


class UnsupportedMediaType(Refusal):
    """A body in a form that the route does not read, `text/plain` among them."""

    code = "unsupported_media_type"
    title = "Unsupported media type"
    fallback = "Send the body as application/json."


class InvalidCsv(Refusal):
    """A file whose header or form does not fit, so that no row of it can be read."""

    code = "invalid_csv"
    title = "The file cannot be read"


class TooManyRows(Refusal):
    """A distribution of more than 20,000 rows, or a reconciliation of more than 50,000 orders."""

    code = "too_many_rows"
    title = "Too many rows"
    fallback = "A distribution has at most 20,000 rows; divide it."


class InvalidCursor(Refusal):
    """A cursor that was altered, or belongs to another list."""

    code = "invalid_cursor"
    title = "The cursor is not valid"
    fallback = "Use next_cursor of the page before, unchanged, with the same filters."


class InvalidAmount(Refusal):
    """An amount that is malformed, out of bounds or has too many digits for its currency."""

    code = "invalid_amount"
    title = "The amount is not valid"


class UnknownCurrency(Refusal):
    """A code that is not an active ISO 4217 currency in upper case."""

    code = "unknown_currency"
    title = "Unknown currency"

    def __init__(self, currency: str) -> None:
        """Name the code that was sent, cut to what a message may hold."""
        super().__init__(f"{currency[:8]!r} is not an active ISO 4217 code, such as TRY or USD.")


# --- who is calling -------------------------------------------------------------------------


class NotSignedIn(Refusal):
    """No credential, or one that is wrong, expired or revoked."""

    code = "not_signed_in"
    title = "Not signed in"
    fallback = "Send a valid bearer token, or the session cookie of a shopper."


class Forbidden(Refusal):
    """A valid credential that may not do this: another channel, or a missing scope."""

    code = "forbidden"
    title = "Not allowed"
    fallback = "This token does not allow it."


class CrossSiteWrite(Refusal):
    """A cookie-authenticated write that another site may have sent."""

    code = "cross_site_write"
    title = "Refused as a cross-site request"
    fallback = "Send it from the shop's own pages, with x-csrftoken equal to the cookie csrftoken."


# --- nouns ----------------------------------------------------------------------------------


class UnknownChannel(Refusal):
    """A channel that the owner has not made."""

    code = "unknown_channel"
    title = "Unknown channel"
    fallback = "This channel does not exist; an owner makes it with PUT /channels/{channel}."


class ChannelExists(Refusal):
    """The channel was made before, with another default currency."""

    code = "channel_exists"
    title = "The channel exists"
    fallback = "It was made with other content; change DEFAULT_CURRENCY in its settings instead."


class UnknownSetting(Refusal):
    """A name outside the closed catalogue of settings."""

    code = "unknown_setting"
    title = "Unknown setting"


class UnknownUser(Refusal):
    """A user who is not registered in the channel."""

    code = "unknown_user"
    title = "Unknown user"
    fallback = "No such user is registered in this channel; the shop's back end registers users."


class EmailTaken(Refusal):
    """Another user of the channel owns the address."""

    code = "email_taken"
    title = "The e-mail address is taken"
    fallback = "Another user of this channel has this e-mail address."


class UnknownAccount(Refusal):
    """No account of this user in this currency, or no such account id."""

    code = "unknown_account"
    title = "Unknown account"
    fallback = "No such loyalty account exists in this channel."


class AccountExists(Refusal):
    """The user has an account in this currency already."""

    code = "account_exists"
    title = "The account exists"
    fallback = "This user already has a loyalty account in this currency; one each is the rule."


class AccountIdTaken(Refusal):
    """Another account of the channel has this account id."""

    code = "account_id_taken"
    title = "The account id is taken"
    fallback = "Another account of this channel has this account_id; leave it out to get a new one."


class IdConflict(Refusal):
    """The id was used before with other content; the stored content is not shown."""

    code = "id_conflict"
    title = "The id was used with other content"
    fallback = "This id belongs to an earlier request with other content; use a new id."


class UnknownTransfer(Refusal):
    """No transfer has this id in the channel."""

    code = "unknown_transfer"
    title = "Unknown transfer"
    fallback = "No transfer with this id exists in this channel."


class CurrencyMismatch(Refusal):
    """Source and target hold different currencies, or not the one that was named."""

    code = "currency_mismatch"
    title = "The currencies differ"
    fallback = "Source and target must be accounts of the same currency, the one that is named."


class SameAccount(Refusal):
    """A transfer from an account to itself."""

    code = "same_account"
    title = "Source and target are one account"
    fallback = "Choose a target other than the source."


class SourceWithoutEntries(Refusal):
    """A transfer from an account that never received or sent anything."""

    code = "source_without_entries"
    title = "The source has no entries yet"
    fallback = "An account can send only after its first transfer; credit it first."


class InsufficientCredit(Refusal):
    """More than is available on an account without debit allowed."""

    code = "insufficient_credit"
    title = "Not enough credit"
    fallback = "The amount is more than is available, and the account does not allow debit."


class NotReversible(Refusal):
    """A transfer of a kind that a reversal does not undo."""

    code = "not_reversible"
    title = "Not reversible"
    fallback = (
        "Only transfers and adjustments are reversed; a payment is given back by refunds, and a "
        "refund, a reversal or an opening stays."
    )


class UnknownHold(Refusal):
    """No hold of the account has this id."""

    code = "unknown_hold"
    title = "Unknown hold"
    fallback = "No hold with this id was authorised on this account."


class TooManyHolds(Refusal):
    """A ninth open hold on one account."""

    code = "too_many_holds"
    title = "Too many open holds"
    fallback = "An account has at most 8 open holds; capture or void one, or let it lapse."


class HoldCaptured(Refusal):
    """A hold that was captured before: it cannot be voided, nor captured otherwise."""

    code = "hold_captured"
    title = "The hold is captured"


class HoldVoided(Refusal):
    """A hold that was voided before it was captured."""

    code = "hold_voided"
    title = "The hold is voided"
    fallback = "It was voided before; what it kept is available again. Authorise a new hold."


class HoldLapsed(Refusal):
    """A hold whose time limit passed before it was captured or voided."""

    code = "hold_lapsed"
    title = "The hold has lapsed"


class CaptureExceedsHold(Refusal):
    """A capture of more than the hold keeps."""

    code = "capture_exceeds_hold"
    title = "More than the hold keeps"


class CreditHeld(Refusal):
    """Credit that is to expire while open holds keep some of it."""

    code = "credit_held"
    title = "Open holds keep credit"
    fallback = "Capture or void them, or let them lapse; or let the credit be kept."


class RefundExceedsPayment(Refusal):
    """Refunds that together would exceed what credit paid."""

    code = "refund_exceeds_payment"
    title = "More than was paid"


class AtTooRecent(Refusal):
    """A balance as of a time that is not yet a minute ago."""

    code = "at_too_recent"
    title = "The time is too recent"
    fallback = "Ask for a time at least one minute ago; leave `at` out for the present balance."


class NoAudit(Refusal):
    """The channel was never audited."""

    code = "no_audit"
    title = "No audit yet"
    fallback = "The books of this channel were not audited yet; run python -m cli audit."


class AlreadyCompleted(Refusal):
    """The basket with this reference was completed before."""

    code = "already_completed"
    title = "The basket is completed"
    fallback = "An order with this reference exists; open a pre-order with a new reference."


class UnknownOrder(Refusal):
    """No order has this reference in the channel."""

    code = "unknown_order"
    title = "Unknown order"
    fallback = "No completed order has this reference in this channel."


class UnknownDistribution(Refusal):
    """No distribution has this id in the channel."""

    code = "unknown_distribution"
    title = "Unknown distribution"
    fallback = "No distribution with this id exists in this channel."


class PreviewChanged(Refusal):
    """A run of a preview that was renewed since with another result."""

    code = "preview_changed"
    title = "The preview has changed"
    fallback = "It was previewed anew with another result; look at it again before it runs."


class BadRows(Refusal):
    """A run of a distribution with bad rows that the caller did not leave out."""

    code = "bad_rows"
    title = "Some rows are bad"
    fallback = "Some rows cannot be credited; send skip_bad_rows to credit the others alone."


class DistributionState(Refusal):
    """A step that the state of the distribution does not allow."""

    code = "distribution_state"
    title = "Not in this state"


class BadOrders(Refusal):
    """A list of orders of which some cannot be read; `errors` names each by its line."""

    code = "bad_orders"
    title = "Some orders cannot be read"


class UnknownReconciliation(Refusal):
    """No reconciliation has this id in the channel."""

    code = "unknown_reconciliation"
    title = "Unknown reconciliation"
    fallback = "No reconciliation with this id exists in this channel."


# --- faults ---------------------------------------------------------------------------------


class Busy(Refusal):
    """The write was refused by contention or throttling every time; nothing moved."""

    code = "busy"
    title = "Busy, nothing moved"
    fallback = "Nothing moved. Repeat the same request with the same id in a moment."


class OutcomeUnknown(Refusal):
    """A write was sent and never answered: it may have moved, or may still move."""

    code = "outcome_unknown"
    title = "The outcome is unknown"
    fallback = "It may have happened. Repeat the same request with the same id until it answers."


class InternalError(Refusal):
    """A fault of the service itself; the request id leads to its log line."""

    code = "internal_error"
    title = "Internal error"
    fallback = "The service failed; report the x-request-id of this answer."
