"""Whom the synthetic company sells to: its customers with their hidden traits.

Traits (how a customer habitually pays, how liquid it is month by month, how readily it disputes,
how much its promises are worth) steer what happens and are never written to the log. What the log
does show of a customer is drawn independently of the traits, with two exceptions that real ledgers
have too: the segment follows the customer's size with noise, and segments differ a little in habit
(public bodies pay later) and liquidity (larger customers are somewhat more liquid).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eventlog.known import Ints
from eventlog.simulate_company import MONTHS_BEYOND, Company, Floats, month_edges, regime

COMPANIES = ("DEMF", "USMF")
SEGMENTS = ("Enterprise", "Mid-Market", "Partner", "Public Sector", "Small Business")
COUNTRIES = ("AUT", "BEL", "CAN", "DEU", "ESP", "FRA", "GBR", "ITA", "NLD", "USA")
CHANNELS = ("Direct", "EDI", "Field Sales", "Online")
COLLECTORS = (
    "Amara Lindqvist",
    "Ben Ortega",
    "Chiara Wendt",
    "Dev Marchetti",
    "Elin Novak",
    "Farid Osei",
    "Greta Holm",
    "Collections Team A",
)
#: Where the customers of each legal entity sit, in the order of `COUNTRIES`.
COUNTRY_SHARES = (
    (0.08, 0.05, 0.00, 0.40, 0.07, 0.13, 0.12, 0.07, 0.06, 0.02),
    (0.01, 0.00, 0.12, 0.04, 0.00, 0.02, 0.12, 0.00, 0.02, 0.67),
)
CURRENCY_OF = {"CAN": "USD", "GBR": "GBP", "USA": "USD"}
TERMS_DAYS = (14, 30, 45, 60, 90)
TERMS_SHARES = (0.12, 0.52, 0.14, 0.18, 0.04)
#: How much of a customer's liquidity is still there a month later, and a customer's own level.
LIQUIDITY_MEMORY = 0.88
LIQUIDITY_SWING = 1.0

_NAME_HEADS = (
    "Alder,Amber,Arrow,Ash,Birch,Black,Bright,Brook,Cedar,Clear,Cliff,Copper,Crown,East,Elm,Fair,"
    "Fern,Flint,Forest,Glen,Gold,Granite,Green,Grey,Harbour,Hazel,Heath,High,Holly,Iron,Ivory,Lake,"
    "Lark,Linden,Maple,Marsh,Mill,Moss,North,Oak,Old,Pine,Quarry,Raven,Red,River,Rock,Rose,Sand,"
    "Silver,South,Spring,Stone,Summer,Swan,Thorn,Valley,West,White,Willow,Winter"
)
_NAME_TAILS = (
    "bank,bay,bridge,brook,bury,by,dale,den,fall,field,ford,forth,gate,grove,ham,haven,hill,holm,"
    "hurst,land,ley,mead,mere,mont,mouth,port,ridge,shaw,stead,ton,vale,view,well,wick,wood,worth"
)
_TRADES = (
    "Automation,Bakeries,Building Supply,Ceramics,Chemicals,Components,Dairy,Energy,Engineering,"
    "Fasteners,Foods,Freight,Furniture,Glass,Hardware,Interiors,Lighting,Logistics,Machinery,"
    "Media,Medical,Motors,Optics,Packaging,Paper,Pharma,Plastics,Power Tools,Printing,Pumps,"
    "Retail,Seeds,Services,Software,Steel,Systems,Textiles,Tools,Trading,Valves"
)
_LEGAL_FORMS = {
    "AUT": "GmbH",
    "BEL": "NV",
    "CAN": "Inc.",
    "DEU": "GmbH",
    "ESP": "S.L.",
    "FRA": "SARL",
    "GBR": "Ltd.",
    "ITA": "S.r.l.",
    "NLD": "B.V.",
    "USA": "LLC",
}


@dataclass(frozen=True)
class Customers:
    """The customers, one position each; the last five attributes are hidden traits.

    Attributes
    ----------
    company, country, currency, segment, collector, channel : ndarray of int8, shape (n_customers,)
        Codes into `COMPANIES`, `COUNTRIES`, the company's currencies, `SEGMENTS`, `COLLECTORS`
        and `CHANNELS`.
    account, name : list of str
        Accounts are unique within a legal entity only, names everywhere.
    term_days : ndarray of int64
    run_weekday : ndarray of int64
        Weekday of the payment run, Monday 0; -1 for customers that pay on any working day.
    joined, left : ndarray of int64
        First month of buying and first month without.
    size, weight : ndarray of float64
        Log size, and how often the customer buys.
    limit : ndarray of float64
        First credit limit.
    edges : ndarray of int64, shape (months + MONTHS_BEYOND + 1,)
        First day of each month, in days since 1970.
    habit : ndarray of float64
        Higher pays later.
    spread : ndarray of float64
        How much one invoice differs from the next.
    honesty : ndarray of float64
        Higher keeps its promises.
    dispute : ndarray of float64
        Higher disputes more.
    liquidity : ndarray of float64, shape (n_customers, months + MONTHS_BEYOND)
        Drifts from month to month; lower pays later and defaults.
    """

    company: NDArray[np.int8]
    country: NDArray[np.int8]
    currency: NDArray[np.int8]
    segment: NDArray[np.int8]
    collector: NDArray[np.int8]
    channel: NDArray[np.int8]
    account: list[str]
    name: list[str]
    term_days: Ints
    run_weekday: Ints
    joined: Ints
    left: Ints
    size: Floats
    weight: Floats
    limit: Floats
    edges: Ints
    habit: Floats
    spread: Floats
    honesty: Floats
    dispute: Floats
    liquidity: Floats

    def __len__(self) -> int:
        """Number of customers."""
        return len(self.company)

    def month_of(self, day: Ints) -> Ints:
        """Month, counted from the start, of days since 1970; held inside the simulated months."""
        month = np.searchsorted(self.edges, day, side="right") - 1
        return np.clip(month, 0, self.liquidity.shape[1] - 1)


def customer_count(company: Company) -> int:
    """Stated number of customers, else one per 40 invoices."""
    return company.n_customers or max(4, company.n_invoices // 40)


def make_customers(company: Company, rng: np.random.Generator) -> Customers:
    """Draw the customers of a company."""
    n = customer_count(company)
    size = rng.normal(size=n)
    legal_entity = (rng.random(n) < 0.4).astype(np.int8)
    country = _pick_by_row(np.asarray(COUNTRY_SHARES)[legal_entity], rng)
    segment = _segments(size + rng.normal(scale=0.7, size=n), rng)

    level = 0.5 * rng.normal(size=n) + 0.2 * size
    habit = 0.7 * rng.normal(size=n) - 0.25 * level
    habit += np.array([0.10, 0.0, -0.1, 0.45, 0.05])[segment]
    joined = np.where(rng.random(n) < 0.6, 0, rng.integers(0, company.months, n))
    left = np.where(rng.random(n) < 0.08, joined + rng.integers(3, 40, n), company.months)
    return Customers(
        company=legal_entity,
        country=country,
        currency=_currencies(company, country, rng),
        segment=segment,
        collector=rng.integers(0, len(COLLECTORS), n).astype(np.int8),
        channel=rng.choice(len(CHANNELS), n, p=(0.35, 0.2, 0.2, 0.25)).astype(np.int8),
        account=_accounts(legal_entity, rng),
        name=_names(country, rng),
        term_days=rng.choice(TERMS_DAYS, n, p=TERMS_SHARES).astype(np.int64),
        run_weekday=np.where(rng.random(n) < 0.35, rng.integers(0, 5, n), -1),
        joined=joined,
        left=left,
        size=size,
        weight=np.exp(0.7 * size + 0.8 * rng.normal(size=n)),
        limit=5_000.0 * np.round(np.exp(1.6 + 1.1 * size + 0.5 * rng.normal(size=n)) + 0.6),
        edges=month_edges(company),
        habit=habit,
        spread=0.75 * np.exp(0.3 * rng.normal(size=n)),
        honesty=0.9 * rng.normal(size=n) + 0.4 * level,
        dispute=rng.normal(size=n),
        liquidity=_liquidity(company, level, rng),
    )


def _liquidity(company: Company, level: Floats, rng: np.random.Generator) -> Floats:
    """AR(1) around each customer's level, with fat tails and the fall of the last months."""
    n_months = company.months + MONTHS_BEYOND
    noise = rng.standard_t(5, size=(len(level), n_months)) * np.sqrt(3 / 5)
    drift = np.empty_like(noise)
    drift[:, 0] = noise[:, 0]
    for month in range(1, n_months):
        drift[:, month] = (
            LIQUIDITY_MEMORY * drift[:, month - 1]
            + np.sqrt(1 - LIQUIDITY_MEMORY**2) * noise[:, month]
        )
    return level[:, None] + LIQUIDITY_SWING * drift - 0.4 * regime(company)[None, :]


def _segments(noisy_size: Floats, rng: np.random.Generator) -> NDArray[np.int8]:
    by_size = np.select([noisy_size > 1.1, noisy_size > -0.2], [0, 1], 4)
    u = rng.random(len(noisy_size))
    return np.select([u < 0.12, u < 0.22], [3, 2], by_size).astype(np.int8)


def _currencies(
    company: Company, country: NDArray[np.int8], rng: np.random.Generator
) -> NDArray[np.int8]:
    own = [CURRENCY_OF.get(code, "EUR") for code in COUNTRIES]
    code = {name: position for position, name in enumerate(company.currencies)}
    home = np.array([code.get(name, -1) for name in own])[country]
    other = rng.integers(0, len(company.currencies), len(country))
    drawn = (home < 0) | (rng.random(len(country)) < 0.04)
    return np.where(drawn, other, home).astype(np.int8)


def _pick_by_row(shares: Floats, rng: np.random.Generator) -> NDArray[np.int8]:
    """One column of each row, drawn with the row's shares."""
    u = rng.random(len(shares)) * shares.sum(axis=1)
    picked = (u[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    return np.minimum(picked, shares.shape[1] - 1).astype(np.int8)


def _accounts(legal_entity: NDArray[np.int8], rng: np.random.Generator) -> list[str]:
    """Account numbers in random order, starting afresh in each legal entity."""
    number = np.empty(len(legal_entity), dtype=np.int64)
    for code in range(len(COMPANIES)):
        rows = np.flatnonzero(legal_entity == code)
        number[rows] = rng.permutation(len(rows)) + 1
    accounts: list[str] = np.char.mod("C-%05d", number).tolist()
    return accounts


def _names(country: NDArray[np.int8], rng: np.random.Generator) -> list[str]:
    """Invented names, all different; numbered once the combinations run out."""
    words = [
        np.array(listed.split(","), dtype=object) for listed in (_NAME_HEADS, _NAME_TAILS, _TRADES)
    ]
    sizes = tuple(len(listed) for listed in words)
    n_different = int(np.prod(sizes))
    n = len(country)
    pick = rng.permutation(n_different)[np.arange(n) % n_different]
    again = np.arange(n) // n_different + 1
    head, tail, trade = (
        listed[code] for listed, code in zip(words, np.unravel_index(pick, sizes), strict=True)
    )
    form = np.array([_LEGAL_FORMS[code] for code in COUNTRIES], dtype=object)[country]
    number = np.where(again > 1, " " + again.astype(str).astype(object), "")
    names: list[str] = (head + tail + " " + trade + number + " " + form).tolist()
    return names
