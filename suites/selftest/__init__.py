"""Tests of waits, checks, report and lab planning; they need no cluster."""
