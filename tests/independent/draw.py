"""Random cells that crowd at the limits: the day itself, one before, one after, nothing, a coarse date.

Goes in: a seed. Comes out: cells, and rows that several areas draw the same way; the same for the same seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from independent.logic import AS_OF, TODAY

T = TypeVar("T")
NOON = time(12)


class Draw(random.Random):
    """A seeded source of cells. Days never lie after the instant of the run unless asked for."""

    def one(self, *values: T) -> T:
        return self.choice(values)

    def mostly(self, usual: T, *others: Any, share: float = 0.85) -> Any:
        """The usual value most of the time, else one of the others."""
        return usual if self.random() < share or not others else self.choice(others)

    def maybe(self, make: Callable[[], T] | T, missing: float = 0.1) -> T | None:
        if self.random() < missing:
            return None
        return make() if callable(make) else make

    def some_of(self, members: Sequence[T], most: int = 3) -> list[T]:
        """Distinct members, none up to so many; one that is listed twice comes up more often."""
        return list(dict.fromkeys(self.sample(list(members), self.randint(0, min(most, len(members))))))

    def near(self, center: date, spread: int = 1) -> date:
        """The day, or one close by."""
        return center + timedelta(days=self.randint(-spread, spread))

    def past(self, center: date, spread: int = 1) -> date:
        return min(self.near(center, spread), TODAY)

    def moment(self, when: date) -> str:
        """An instant of that day, or the day alone; never later than the run."""
        form = self.random()
        if form < 0.3:
            return when.isoformat()
        hour = self.choice([time(0), NOON, time(23, 59, 59), time(self.randint(0, 23), self.randint(0, 59))])
        return stamp(min(datetime.combine(when, hour), AS_OF))

    def back(self, *ages: int) -> date:
        """A day one of these ages ago, give or take a day."""
        return self.past(TODAY - timedelta(days=self.choice(ages)))

    def people(self, number: int) -> list[dict[str, Any]]:
        """Rows of `subjects`, some of whom come of age about the days on which a consent is drawn."""
        return [
            {
                "subject_id": f"u{i}", "vital_status": "living", "jurisdictions": [],
                "birth_date": self.one(None, "1980", "2007", "2007-05", "2007-06", "2007-06-01", "2015"),
            }
            for i in range(number)
        ]  # fmt: skip

    def end_some(self, documents: list[dict[str, Any]]) -> None:
        """Lets what came into effect long ago end today, end yesterday or go on."""
        for document in documents:
            if document["effective_from"] == "2024-01-01":
                document["effective_to"] = self.mostly(None, iso(TODAY), iso(TODAY - timedelta(1)), share=0.6)

    def leap(self) -> date:
        return date(self.choice([2012, 2016, 2020, 2024]), 2, self.choice([28, 29]))


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def iso(when: date | None) -> str | None:
    return None if when is None else when.isoformat()
