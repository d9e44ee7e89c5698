"""Consultations at the hub: events taken, worklists, timers. It reads routing facts only."""
