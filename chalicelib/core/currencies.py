"""Minor-unit digits of every active ISO 4217 currency.

Source: ISO 4217 list one of 2026-01-01, compared in a test with the `iso4217` package.
Digits of a released currency never change here: an account stores its own.
"""

from types import MappingProxyType
from typing import Final

from chalicelib.core.errors import UnknownCurrency

_CODES_BY_DIGITS: Final = {
    0: ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "),
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN "
        "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD "
        "FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW "
        "KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR "
        "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG "
        "SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD "
        "USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG "
    ),
    3: ("BHD IQD JOD KWD LYD OMR TND "),
    4: ("CLF UYW "),
}

DIGITS: Final = MappingProxyType(
    {code: digits for digits, codes in _CODES_BY_DIGITS.items() for code in codes.split()}
)


def digits_of(currency: str) -> int:
    """Return how many decimal digits the ISO 4217 code has: 0, 2, 3 or 4.

    Raises `UnknownCurrency` for a code that is not active, or not in upper case.
    """
    digits = DIGITS.get(currency)
    if digits is None:
        raise UnknownCurrency(currency)
    return digits
