"""Money: an amount in minor units (cents, pence, fen) and its ISO 4217 currency.

Amounts are integers everywhere; nothing in Tierstream adds floats of money.
"""

from __future__ import annotations

from typing import Self

import msgspec

# ISO 4217 active codes (list one, 2024) with the number of digits after the decimal point.
_TWO_DIGITS = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
    "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD "
    "MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NPR NZD PAB PEN PGK PHP PKR "
    "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT "
    "TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"

MINOR_DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO_DIGITS.split(), 2),
    **dict.fromkeys(_NO_DIGITS.split(), 0),
    **dict.fromkeys(_THREE_DIGITS.split(), 3),
}


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount of one currency; adding two currencies is an error, never a guess."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in MINOR_DIGITS:
            message = f"{self.currency!r} is not an ISO 4217 currency code, such as 'EUR'"
            raise ValueError(message)

    def __add__(self, other: Self) -> Money:
        if other.currency != self.currency:
            message = f"cannot add {other.currency} to {self.currency}; convert one of them first"
            raise ValueError(message)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __str__(self) -> str:
        digits = MINOR_DIGITS[self.currency]
        return f"{self.amount_minor / 10**digits:,.{digits}f} {self.currency}"
