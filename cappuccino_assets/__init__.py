"""Crypto trading agents trained, judged, archived and traded as one Dagster asset graph."""
