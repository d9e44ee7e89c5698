"""The appliance's logs are those of :mod:`core.web.logs`."""

from __future__ import annotations

from core.web.logs import described, safe_value, set_up_logs

__all__ = ["described", "safe_value", "set_up_logs"]
