"""Money as integer minor units of a currency. There is no float anywhere."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

# ISO 4217 minor units that differ from two digits.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


class CurrencyMismatch(ValueError):
    """Amounts of two currencies cannot be added or compared."""


def exponent(currency: str) -> int:
    """Return how many decimal digits the currency has (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in integer minor units, such as cents."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: str | Decimal | int, currency: str) -> "Money":
        """Read a decimal amount, rounding half to even to the currency's minor unit."""
        scaled = Decimal(amount).scaleb(exponent(currency))
        return cls(int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        self._require_same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._require_same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.amount:.{exponent(self.currency)}f} {self.currency}"

    def times(self, factor: Decimal | int) -> "Money":
        """Multiply, rounding half to even."""
        product = (Decimal(self.minor) * factor).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
        return Money(int(product), self.currency)

    def split(self, weights: list[int]) -> list["Money"]:
        """Divide in proportion to the weights so that the parts sum to the whole (largest remainder)."""
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise ValueError("Weights are not negative and sum to more than nothing.")
        quotients = [divmod(self.minor * weight, total) for weight in weights]
        parts = [quotient for quotient, _ in quotients]
        missing = self.minor - sum(parts)
        by_remainder = sorted(range(len(weights)), key=lambda index: -quotients[index][1])
        for index in by_remainder[:missing]:
            parts[index] += 1
        return [Money(part, self.currency) for part in parts]

    def as_dict(self) -> dict[str, str]:
        """Return the wire form, a decimal string and a currency."""
        return {"amount": f"{self.amount:.{exponent(self.currency)}f}", "currency": self.currency}

    def _require_same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
