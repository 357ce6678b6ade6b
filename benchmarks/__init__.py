"""Measurements: how long policycheck takes beside the least that any program in its place would take."""
