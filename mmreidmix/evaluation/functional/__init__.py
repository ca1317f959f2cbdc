"""Scores as functions over arrays; nothing here knows a framework."""
