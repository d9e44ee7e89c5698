"""Consultation, MDT and referral as one pure state machine; hub and appliance both run it."""
