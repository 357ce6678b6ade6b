"""The former place of `policycheck.showing`; to be deleted once nothing imports it from here."""

from __future__ import annotations

from policycheck.showing import json_value, value_text

__all__ = ["json_value", "value_text"]
