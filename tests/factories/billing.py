"""Plans for tests, made by the product's own service."""

from typing import Any

import factory

from billing.models import Plan
from billing.services import plans


class PlanFactory(factory.Factory[Plan]):
    """A private plan."""

    class Meta:
        model = Plan

    code = factory.Sequence(lambda number: f"CUSTOM_{number}")
    name = "Custom"
    position = 9
    is_public = False
    rate_limit = 50
    rate_burst = 100

    @classmethod
    def _create(cls, model_class: type[Plan], *_args: Any, **terms: Any) -> Plan:
        return plans.create_plan(code=terms.pop("code"), terms=terms)  # type: ignore[arg-type]
